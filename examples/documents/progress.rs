//! How far the run is: on the metrics, and on stderr where it takes long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use phasemeter::{Meter, PhaseReading, Run};

use crate::extract::EXTRACT;
use crate::say;

/// Files done, of how many.
pub(crate) struct Progress {
    run: Run,
    done: AtomicU64,
    /// 0 until it is known.
    total: AtomicU64,
}

/// How often a line is printed.
const EVERY: Duration = Duration::from_secs(2);

// The numbers are for showing, each for itself: relaxed is enough.
const RELAXED: Ordering = Ordering::Relaxed;

impl Progress {
    pub(crate) fn new(run: Run) -> Self {
        Self { run, done: AtomicU64::new(0), total: AtomicU64::new(0) }
    }

    /// Counts a file of which nothing is left to do, whatever became of it.
    pub(crate) fn done(&self) {
        self.done.fetch_add(1, RELAXED);
        self.run.inc(1);
    }

    pub(crate) fn files_done(&self) -> u64 {
        self.done.load(RELAXED)
    }

    /// Says how many files there are.
    pub(crate) fn set_total(&self, files: u64) {
        self.total.store(files, RELAXED);
        self.run.set_total(files);
        EXTRACT.total(files);
    }

    /// Prints a line now and then, until the other end of `over` is dropped.
    pub(crate) fn report(&self, meter: &Meter, over: Receiver<()>) {
        let begun = Instant::now();
        while over.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            let left = self.run.progress().and_then(|progress| progress.eta).map(|eta| eta.median_ns);
            let left = left.map_or_else(String::new, |left_ns| format!(", {}", left_to_go(left_ns)));
            say(&(line(self.files_done(), self.total.load(RELAXED), begun.elapsed(), &meter.phases()) + &left));
        }
    }

    /// Ends the run, whether or not everything was read.
    pub(crate) fn finish(self, is_complete: bool) {
        if is_complete { self.run.finish() } else { self.run.cancel("interrupted") }
    }
}

/// As `done in about 1 m 20 s`.
fn left_to_go(left_ns: u64) -> String {
    let seconds = Duration::from_nanos(left_ns).as_secs_f64().ceil() as u64;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("done in about {seconds} s"),
        (0, minutes, seconds) => format!("done in about {minutes} m {seconds:02} s"),
        (hours, minutes, _) => format!("done in about {hours} h {minutes:02} m"),
    }
}

fn line(done: u64, total: u64, elapsed: Duration, phases: &[PhaseReading]) -> String {
    let of_total = if total == 0 { String::new() } else { format!(" of {total}") };
    let rate = done as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
    let items = phases.iter().map(|phase| format!(", {} {}", phase.phase, phase.counts.items_processed()));
    format!("{done}{of_total} files done, {rate:.0} a second{}", items.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_files_rate_and_the_items_of_each_phase() {
        let meter = Meter::builder().isolated().pipeline("documents").build();
        meter.phase("embed").start().inc(30);
        meter.phase("chunk").start().skip(4);
        let text = line(10, 40, Duration::from_secs(4), &meter.phases());
        assert_eq!(text, "10 of 40 files done, 2 a second, chunk 4, embed 30");
        assert_eq!(line(0, 0, Duration::ZERO, &[]), "0 files done, 0 a second");
    }

    #[test]
    fn what_is_left_is_told_in_two_units() {
        let told = |seconds: u64| left_to_go(seconds * 1_000_000_000);
        assert_eq!(
            (told(7), told(80), told(7_320)),
            ("done in about 7 s".into(), "done in about 1 m 20 s".into(), "done in about 2 h 02 m".into())
        );
    }
}
