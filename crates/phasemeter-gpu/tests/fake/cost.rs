//! What a sample costs on our side: the fake answers at once. Not a test: `cargo test --release -p phasemeter-gpu --test
//! fake -- --ignored --nocapture` prints it.

use std::time::Instant;

use crate::rig::{Fake, at};

#[test]
#[ignore = "prints times"]
fn what_a_sample_costs_without_the_driver() {
    for (whose, mut rig) in [("a service", Fake::new().service()), ("an agent", Fake::new().agent())] {
        for (name, step) in [("ten a second", 0.1), ("one a second", 1.0), ("one in ten seconds", 10.0)] {
            const READINGS: u32 = 2_000;
            let mut seconds = 1e6 * step;
            let mut series = 0;
            let begun = Instant::now();
            for _ in 0..READINGS {
                seconds += step;
                series = rig.sample(at(seconds)).expect("it is well").len();
            }
            let each_us = begun.elapsed().as_secs_f64() * 1e6 / f64::from(READINGS);
            println!("{whose}, two GPUs, {name}: {each_us:.1} µs a sample, {series} series");
        }
    }
}
