//! What a machine's resources cost to read: in a process, and by an agent beside the one that most machines have.

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use phasemeter_collect::{Collector, KNOWN, Options, Roots};
use phasemeter_core::{Moment, Samples};
use rustix::time::{ClockId, clock_gettime};

use super::exposition::scrape;
use crate::agents::{Agent, Running, missing};
use crate::results::median;
use crate::workload::{Pace, Turns, Workload, turns};

/// Subjects of the workloads in which agents are compared.
pub const OURS: &str = "phasemeter agent";
const WHOLE: &str = "phasemeter agent, everything";
const THEIRS: &str = "node_exporter";

/// Scrapes of one process.
const SCRAPES: u32 = 300;

/// As long as it takes until everything was read that is read more rarely.
const SECONDS: u32 = 10;

pub(super) fn workloads() -> Vec<Workload> {
    let back_to_back = "CPU of one scrape over HTTP of what both read of the host, one after the other";
    let scraped = Workload::new("agent_scrape", back_to_back)
        .in_unit("us")
        .number(OURS, || scraped_us(Agent::Ours))
        .number(WHOLE, || scraped_us(Agent::OursWhole))
        .number(THEIRS, || scraped_us(Agent::NodeExporter));
    let each_second =
        "CPU of one second in which there is one scrape, with what is read whether or not somebody scrapes";
    let each_second = Workload::new("agent_second", each_second)
        .in_unit("us")
        .number(OURS, || second_us(Agent::Ours, 1))
        .number("phasemeter agent, nobody scrapes", || second_us(Agent::Ours, 0))
        .number(THEIRS, || second_us(Agent::NodeExporter, 1));
    let memory = Workload::new("agent_memory", "resident memory after the scrapes")
        .in_unit("MB")
        .number(OURS, || resident_mb(Agent::Ours))
        .number(WHOLE, || resident_mb(Agent::OursWhole))
        .number(THEIRS, || resident_mb(Agent::NodeExporter));
    let sample = Workload::new("host_sample", "one look at the host, the process and its control group")
        .subject("everything", || (), || looks(|_| true))
        .subject(
            "without file systems, which are read every ten seconds",
            || (),
            || looks(|name| name != "filesystem"),
        );
    let crowd = "what 500 threads of the process and 2 000 other processes add to one look at everything";
    let crowd = Workload::new("host_sample_crowd", crowd).in_unit("us").number("phasemeter", crowd_us);
    vec![
        scraped.pace(Pace::Long).unless(missing),
        each_second.pace(Pace::Huge).unless(missing),
        memory.pace(Pace::Long).unless(missing),
        sample,
        crowd.pace(Pace::Huge),
    ]
}

/// An agent that has read everything, and was scraped before.
fn warm(agent: Agent) -> Running {
    let running = agent.start().unwrap_or_else(|reason| panic!("{reason}"));
    for _ in 0..20 {
        scrape(running.address);
    }
    running
}

fn scraped_us(agent: Agent) -> f64 {
    let running = warm(agent);
    let before = running.cpu_time();
    for _ in 0..SCRAPES {
        scrape(running.address);
    }
    (running.cpu_time() - before).as_secs_f64() * 1e6 / f64::from(SCRAPES)
}

fn second_us(agent: Agent, scrapes: u32) -> f64 {
    let running = warm(agent);
    let (before, begun) = (running.cpu_time(), Instant::now());
    for second in 1..=SECONDS {
        for _ in 0..scrapes {
            scrape(running.address);
        }
        std::thread::sleep((Duration::from_secs(1) * second).saturating_sub(begun.elapsed()));
    }
    (running.cpu_time() - before).as_secs_f64() * 1e6 / f64::from(SECONDS)
}

fn resident_mb(agent: Agent) -> f64 {
    let running = warm(agent);
    for _ in 0..SCRAPES {
        scrape(running.address);
    }
    running.resident_bytes() as f64 / 1e6
}

fn collectors(which: fn(&str) -> bool) -> Vec<Box<dyn Collector>> {
    let options = Options { is_agent: true, ..Options::default() };
    let wanted = KNOWN.iter().filter(|known| which(known.name));
    wanted.map(|known| (known.make)(&Roots::default(), &options)).collect()
}

fn looks(which: fn(&str) -> bool) -> Turns {
    let (mut collectors, mut at) = (collectors(which), Moment::default());
    turns(move || look(&mut collectors, &mut at))
}

fn look(collectors: &mut [Box<dyn Collector>], at: &mut Moment) {
    at.now_ns += 1_000_000_000;
    let mut samples = Samples::default();
    for collector in collectors {
        // What this machine does not have is not read, here as elsewhere.
        let _no_data = collector.sample(*at, &mut samples);
    }
    black_box(samples);
}

/// The medians of looks, before there is a crowd and within it.
fn crowd_us() -> f64 {
    let (mut collectors, mut at) = (collectors(|_| true), Moment::default());
    let mut look_us = || {
        let cpu = || {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
        };
        let mut taken: Vec<f64> = (0..1_000)
            .map(|_| {
                let before = cpu();
                look(&mut collectors, &mut at);
                cpu() - before
            })
            .collect();
        median(&mut taken).expect("there were looks")
    };
    let alone = look_us();
    let crowd = Crowd::gather();
    let within = look_us();
    drop(crowd);
    within - alone
}

/// Threads and processes that do nothing, until this is dropped.
struct Crowd {
    processes: Vec<Child>,
    /// Threads end once nobody holds the other side.
    _over: Vec<std::sync::mpsc::Sender<()>>,
}

impl Crowd {
    fn gather() -> Self {
        let thread = |_| {
            let (over, wait) = channel::<()>();
            let _detached = std::thread::Builder::new().stack_size(64 << 10).spawn(move || wait.recv());
            over
        };
        let _over = (0..500).map(thread).collect();
        let process = |_| {
            let mut sleep = Command::new("sleep");
            // Where this program is killed, they end by themselves.
            sleep.arg("120").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            sleep.spawn().unwrap_or_else(|error| panic!("cannot start another process: {error}"))
        };
        Self { processes: (0..2_000).map(process).collect(), _over }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _has_ended = process.kill();
        }
        for process in &mut self.processes {
            let _ = process.wait();
        }
    }
}
