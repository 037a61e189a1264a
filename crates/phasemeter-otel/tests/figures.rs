//! What a push of 10 000 series takes: the figures of docs/otel.md. Not a check: `cargo test --release -p phasemeter-otel --test
//! figures -- --ignored --nocapture`.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use phasemeter_core::catalogue::{PHASE_DURATION, PHASE_ITEMS, PHASE_RUNS};
use phasemeter_core::slots::slot;
use phasemeter_core::{Histogram, Labels, Samples, Snapshot, Value};
use phasemeter_otel::Histograms;
use phasemeter_otel::encode::{Form, request};

const NOW: u64 = 1_700_000_000_000_000_000;

/// 2 000 phases, of each five series; one in ten of them is a histogram, where histograms are wanted.
fn snapshot(histograms: u64) -> Snapshot {
    let mut samples = Samples::default();
    for number in 0..10_000_u64 {
        let (phase, outcome) = (format!("phase-{:04}", number / 3), ["ok", "error", "cancelled"][number as usize % 3]);
        let labels = [("outcome", outcome), ("phase", &*phase), ("pipeline", "acid")];
        let labels = Labels::new(labels).expect("valid names");
        let (metric, value) = match number % 10 {
            kind if kind < histograms => {
                // Durations from 1 to 30 ms, in some forty slots.
                let durations = (0..1_000).map(|step| 1_000_000 + step * 29_000);
                let mut slots = std::collections::BTreeMap::<u16, u64>::new();
                durations.for_each(|elapsed_ns| *slots.entry(slot(elapsed_ns) as u16).or_default() += number + 1);
                let slots = slots.into_iter().collect();
                let histogram = Histogram { slots, sum_ns: number * 15_000_000, exemplars: Vec::new() };
                (&PHASE_DURATION, Value::Histogram(Box::new(histogram)))
            }
            kind if kind % 2 == 0 => (&PHASE_RUNS, Value::Count(number * 17)),
            _ => (&PHASE_ITEMS, Value::Count(number * 1_234)),
        };
        samples.push_counted(metric, labels, value, NOW - 1);
    }
    Snapshot::new(samples)
}

fn best(mut work: impl FnMut()) -> Duration {
    let once = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..50).map(once).min().unwrap_or_default()
}

#[test]
#[ignore = "figures, no check"]
fn a_push_of_ten_thousand_series() {
    for (share, form) in [(0, Histograms::Explicit), (1, Histograms::Explicit), (1, Histograms::Exponential)] {
        let snapshot = snapshot(share);
        let form = Form { histograms: form, ..Form::default() };
        let (mut bytes, mut compressed) = (Vec::new(), Vec::new());
        let encoding = best(|| {
            bytes.clear();
            request(&snapshot, &form, NOW, &mut bytes);
        });
        let compressing = best(|| {
            compressed.clear();
            let mut encoder = GzEncoder::new(&mut compressed, Compression::fast());
            encoder.write_all(&bytes).and_then(|()| encoder.finish().map(|_| ())).expect("a Vec takes it");
        });
        println!(
            "{} % histograms, {:?}: encoding {encoding:.2?}, gzip {compressing:.2?}, {} KiB, {} KiB compressed",
            share * 10,
            form.histograms,
            bytes.len() / 1024,
            compressed.len() / 1024
        );
    }
}
