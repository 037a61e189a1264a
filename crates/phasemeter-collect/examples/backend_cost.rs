//! What one sample costs, of the native collectors and of those through sysinfo, in CPU time. System calls are counted by
//! strace:
//!
//! ```text
//! cargo build --release -p phasemeter-collect --features sysinfo,host --example backend_cost
//! target/release/examples/backend_cost
//! strace -f -c target/release/examples/backend_cost sysinfo memory 100
//! ```

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use phasemeter_collect::{Collector, KNOWN, Known, Options, Roots, SYSINFO_KNOWN, known_among};
use phasemeter_core::{Moment, Samples};

const SAMPLES: u64 = 400;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table(),
        [backend, name, samples] => {
            let known = if backend == "native" { KNOWN } else { SYSINFO_KNOWN };
            let samples = samples.parse().expect("a number of samples");
            cost(known_among(known, [name]).expect("it is known")[0], samples);
        }
        _ => panic!("nothing, or a backend, a collector and a number of samples"),
    }
}

fn table() {
    println!(
        "CPU time of one sample, in microseconds; median of five rounds of {SAMPLES}, of CPUs of 10, 250 ms apart"
    );
    for known in SYSINFO_KNOWN {
        let sysinfo = median(known);
        match known_among(KNOWN, [known.name]) {
            Ok(native) => {
                let native = median(native[0]);
                println!("{:10} native {native:7.1} sysinfo {sysinfo:7.1} ratio {:5.1}", known.name, sysinfo / native);
            }
            Err(_) => println!("{:10} native       - sysinfo {sysinfo:7.1}", known.name),
        }
    }
}

fn median(known: &Known) -> f64 {
    let mut rounds: Vec<f64> = (0..5).map(|_| cost(known, SAMPLES)).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[2]
}

/// Microseconds a sample, the first one left out.
fn cost(known: &Known, samples: u64) -> f64 {
    let mut collector = (known.make)(&Roots::default(), &Options::default());
    // Through sysinfo CPUs are not read sooner, and a sample that reads nothing would be cheap.
    let pause = (known.name == "cpu").then_some(Duration::from_millis(250));
    let samples = if pause.is_some() { samples.min(10) } else { samples };
    read(&mut *collector);
    let begun_ns = cpu_ns();
    for _ in 0..samples {
        pause.into_iter().for_each(std::thread::sleep);
        read(&mut *collector);
    }
    (cpu_ns() - begun_ns) as f64 / 1e3 / samples as f64
}

fn read(collector: &mut dyn Collector) {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).expect("less than 584 years");
    let unix_ns = nanos(UNIX_EPOCH.elapsed().expect("after 1970"));
    let mut out = Samples::default();
    collector.sample(Moment { now_ns: unix_ns, unix_ns }, &mut out).expect("this machine has it");
    assert!(!out.is_empty(), "it reads something");
}

/// What this thread has spent. It is only exact once the thread has left the CPU.
fn cpu_ns() -> u64 {
    std::thread::sleep(Duration::from_millis(1));
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let spent = text.split(' ').next().and_then(|word| word.parse().ok());
    spent.expect("its first number")
}
