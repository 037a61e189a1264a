//! What goes on whatever the program does: a scrape now and then, and each second a look of the collectors.

use std::hint::black_box;
use std::time::Duration;

use phasemeter::{Level, Meter, Outcome};
use phasemeter_collect::{KNOWN, Options, Roots, Scope};
use phasemeter_core::{Moment, Samples};

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

/// As many phases as a pipeline has.
const PHASES: usize = 10;

pub(super) fn workloads() -> Vec<Workload> {
    vec![
        Workload::new("scrape", "the text of `/metrics`").subject(
            "10 phases",
            || subscribers::none(Level::Basic),
            scrapes,
        ),
        Workload::new("collect", "one look of the default collectors").subject("this process", || (), looks),
    ]
}

fn scrapes() -> Turns {
    let meter = Meter::of_process();
    for number in 0..PHASES {
        meter.phase(format!("phase {number}")).record(Outcome::Ok, Duration::from_millis(5));
    }
    turns(move || {
        black_box(meter.render(""));
    })
}

fn looks() -> Turns {
    let in_services = KNOWN.iter().filter(|known| matches!(known.scope, Scope::Process | Scope::Summary));
    let mut collectors: Vec<_> =
        in_services.map(|known| (known.make)(&Roots::default(), &Options::default())).collect();
    let mut at = Moment::default();
    turns(move || {
        at.now_ns += 1_000_000_000;
        let mut samples = Samples::default();
        for collector in &mut collectors {
            // What this machine does not have is not read, here as elsewhere.
            let _no_data = collector.sample(at, &mut samples);
        }
        black_box(samples);
    })
}
