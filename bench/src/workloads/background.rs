//! What goes on whatever the program does: a scrape now and then, and each second a look of the collectors.

use std::hint::black_box;
use std::time::Duration;

use phasemeter::{Level, Meter, Outcome};
use phasemeter_collect::{Roots, default_collectors, sample_all};
use phasemeter_core::Samples;

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
    let mut collectors = default_collectors(&Roots::default());
    turns(move || {
        let mut samples = Samples::default();
        sample_all(&mut collectors, &mut samples);
        black_box(samples);
    })
}
