//! What each phase of a run has counted since the run began.

use std::collections::BTreeMap;

use phasemeter_analysis::event::{Counts, PhaseBeat};
use phasemeter_core::{CellReading, ItemOutcome, Outcome, PhaseReading, WaitingFor};

/// By phase; whatever further labels it has.
pub(super) type Totals = BTreeMap<Box<str>, Total>;

/// One phase since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    counts: Counts,
    runs: u64,
    busy_ns: u64,
    waiting_in_ns: u64,
    waiting_out_ns: u64,
    active: u64,
    /// Items that it expects in all.
    pub(super) expected: u64,
}

/// Of the phases of one pipeline.
pub(super) fn totals(readings: &[PhaseReading], pipeline: &str) -> Totals {
    let mut totals = Totals::new();
    for reading in readings.iter().filter(|reading| *reading.pipeline == *pipeline) {
        totals.entry(reading.phase.clone()).or_default().add(&reading.counts);
    }
    totals
}

impl Total {
    fn add(&mut self, counts: &CellReading) {
        let bytes = ItemOutcome::ALL.iter().fold(0, |sum: u64, outcome| sum.saturating_add(counts.bytes(*outcome)));
        self.counts = self.counts.plus(Counts {
            ok: counts.items(ItemOutcome::Ok),
            error: counts.items(ItemOutcome::Error),
            skipped: counts.items(ItemOutcome::Skipped),
            weight: bytes,
        });
        self.runs = self.runs.saturating_add(counts.runs());
        self.active = self.active.saturating_add(u64::try_from(counts.active).unwrap_or(0));
        self.expected = self.expected.saturating_add(u64::try_from(counts.expected).unwrap_or(0));
        // Below level detailed nobody tells work from waiting: then a run works as long as it lasts.
        let lasted_ns =
            Outcome::ALL.iter().fold(0, |sum: u64, outcome| sum.saturating_add(counts.durations(*outcome).sum_ns));
        let effort = counts.effort.unwrap_or_default();
        let busy_ns = if counts.effort.is_some() { effort.busy_ns } else { lasted_ns };
        self.busy_ns = self.busy_ns.saturating_add(busy_ns);
        let waited = |waiting_for: WaitingFor| effort.waiting_ns[waiting_for as usize];
        self.waiting_in_ns = self.waiting_in_ns.saturating_add(waited(WaitingFor::Input));
        self.waiting_out_ns = self.waiting_out_ns.saturating_add(waited(WaitingFor::Output));
    }

    /// Since the run began, which was when `before` stood.
    pub(super) fn beat(&self, phase: &str, before: &Self) -> PhaseBeat {
        let since = |now: u64, then: u64| now.saturating_sub(then);
        PhaseBeat {
            phase: phase.to_owned(),
            counts: Counts {
                ok: since(self.counts.ok, before.counts.ok),
                error: since(self.counts.error, before.counts.error),
                skipped: since(self.counts.skipped, before.counts.skipped),
                weight: since(self.counts.weight, before.counts.weight),
            },
            runs: since(self.runs, before.runs),
            busy_ns: since(self.busy_ns, before.busy_ns),
            waiting_in_ns: since(self.waiting_in_ns, before.waiting_in_ns),
            waiting_out_ns: since(self.waiting_out_ns, before.waiting_out_ns),
            active: self.active,
            queue_depth: None,
        }
    }

    /// Whether anything has ever happened there.
    pub(super) fn is_used(&self) -> bool {
        *self != Self { expected: self.expected, ..Self::default() }
    }
}
