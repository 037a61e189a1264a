//! A call that does not come back, read by a schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use phasemeter_collect::{Collector as _, Schedule, State, Watch};
use phasemeter_core::{Moment, Samples};
use phasemeter_gpu::Gpu;

use crate::rig::{Fake, Page, SECOND_NS, UUIDS};

struct Changes(Sender<State>);

impl Watch for Changes {
    fn changed(&mut self, _collector: &'static str, state: State, _reason: Option<&str>) {
        let _gone = self.0.send(state);
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

fn next(changes: &Receiver<State>) -> State {
    changes.recv_timeout(PATIENCE).expect("its state changes")
}

fn page(schedule: &Schedule) -> Page {
    let mut samples = Samples::default();
    schedule.read(&mut samples);
    Page::new(samples)
}

#[test]
fn a_driver_that_does_not_come_back_is_stuck_and_its_values_are_gone_until_it_does() {
    let fake = Fake::new();
    let gpu = Gpu::new(&fake.options());
    let deadline_ns = u64::try_from(gpu.deadline().as_nanos()).expect("it is short");
    let now_ns = Arc::new(AtomicU64::new(0));
    let clock = {
        let now_ns = now_ns.clone();
        move || Moment { now_ns: now_ns.load(Ordering::SeqCst), unix_ns: now_ns.load(Ordering::SeqCst) }
    };
    let (changed, changes) = mpsc::channel();
    let schedule = Schedule::start_by(clock, vec![Box::new(gpu)], Duration::from_secs(1), Changes(changed));
    assert_eq!(next(&changes), State::Ok);
    page(&schedule).check(&["hw_power_watts{", UUIDS[0]], Some("251.5"));

    fake.tell("hold nvmlDeviceGetMemoryInfo_v2");
    now_ns.fetch_add(SECOND_NS, Ordering::SeqCst);
    schedule.supervise();
    assert_eq!(fake.tell("await nvmlDeviceGetMemoryInfo_v2 3"), 1);
    let shown = page(&schedule);
    shown.check(&["hw_power_watts{", UUIDS[0]], Some("251.5"));

    now_ns.fetch_add(deadline_ns + 1, Ordering::SeqCst);
    schedule.supervise();
    assert_eq!(next(&changes), State::Stuck);
    let shown = page(&schedule);
    shown.check(&["hw_power_watts{"], None);
    shown.check(&["phasemeter_collector_success{", "\"gpu\""], Some("0"));

    fake.tell("release");
    assert_eq!(next(&changes), State::Ok);
    page(&schedule).check(&["hw_power_watts{", UUIDS[0]], Some("251.5"));
}
