//! Somebody who looks all the while, and turns the level.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use phasemeter::Level;

use crate::Stress;

/// How often it was looked. Panics where a counter goes back, less than nothing is in flight, or buckets disagree.
pub(crate) fn until(is_over: &AtomicBool, stress: &Stress, levels: &[Level]) -> u64 {
    let mut latest = HashMap::new();
    let mut scrapes = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (_, body) = stress.meter.render("");
        look_at(&String::from_utf8(body).expect("it is text"), &mut latest);
        let _items_in_hand = stress.meter.work();
        scrapes += 1;
        let _nothing_begins = stress.level.write().expect("nobody panics here");
        stress.meter.set_level(levels[scrapes % levels.len()]);
    }
    scrapes as u64
}

fn look_at(text: &str, latest: &mut HashMap<String, f64>) {
    for line in text.lines().filter(|line| line.starts_with("phase")) {
        let (series, value) = line.rsplit_once(' ').expect("a series and its value");
        let value: f64 = value.parse().expect("a number");
        let name = series.split('{').next().unwrap_or(series);
        if name == "phase_active" {
            assert!(value >= 0.0, "{line}");
        }
        if ["_total", "_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end)) {
            let before = latest.insert(series.to_owned(), value).unwrap_or(0.0);
            assert!(value >= before, "{line}, and before that {before}");
        }
    }
}
