//! What the test has counted, to be compared with what was measured.

use std::collections::BTreeMap;

use phasemeter::{DropReason, ItemOutcome, Meter, Outcome, Value, catalogue};

/// Counts by phase.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    phases: BTreeMap<String, Counted>,
    /// By its reason, where there is any.
    pub(crate) dropped: BTreeMap<&'static str, u64>,
}

/// The counts of one phase, by outcome in the order of [`Outcome::ALL`] and [`ItemOutcome::ALL`].
#[derive(Debug, Default, PartialEq)]
struct Counted {
    runs: [u64; Outcome::ALL.len()],
    items: [u64; ItemOutcome::ALL.len()],
    errors: u64,
    in_flight: i64,
}

impl Tally {
    /// A run that was measured, and the items that it had declared.
    pub(crate) fn run(&mut self, phase: &str, outcome: Outcome, items: u64) {
        self.phase(phase).runs[outcome as usize] += 1;
        match outcome {
            Outcome::Ok => self.items(phase, ItemOutcome::Ok, items),
            Outcome::Error => {
                self.items(phase, ItemOutcome::Error, items);
                self.phase(phase).errors += 1;
            }
            Outcome::Cancelled => {}
        }
    }

    /// Items that were counted live.
    pub(crate) fn items(&mut self, phase: &str, outcome: ItemOutcome, items: u64) {
        self.phase(phase).items[outcome as usize] += items;
    }

    /// Errors of items.
    pub(crate) fn errors(&mut self, phase: &str, errors: u64) {
        self.phase(phase).errors += errors;
    }

    pub(crate) fn dropped(&mut self, reason: DropReason) {
        *self.dropped.entry(reason.as_str()).or_default() += 1;
    }

    pub(crate) fn runs(&self) -> u64 {
        self.phases.values().flat_map(|counted| counted.runs).sum()
    }

    pub(crate) fn add(&mut self, other: Self) {
        other.dropped.into_iter().for_each(|(reason, count)| *self.dropped.entry(reason).or_default() += count);
        for (phase, counted) in other.phases {
            let own = self.phase(&phase);
            own.runs.iter_mut().zip(counted.runs).for_each(|(own, runs)| *own += runs);
            own.items.iter_mut().zip(counted.items).for_each(|(own, items)| *own += items);
            own.errors += counted.errors;
        }
    }

    /// What the Meter has to say.
    pub(crate) fn measured_by(meter: &Meter) -> Self {
        let mut tally = Self::default();
        for reading in meter.phases() {
            let counts = reading.counts;
            *tally.phase(&reading.phase) = Counted {
                runs: Outcome::ALL.map(|outcome| counts.durations(outcome).count()),
                items: ItemOutcome::ALL.map(|outcome| counts.items(outcome)),
                errors: counts.errors.iter().map(|(_, count)| count).sum(),
                in_flight: counts.active,
            };
        }
        let snapshot = meter.snapshot();
        for reason in DropReason::ALL {
            let count = snapshot.value(&catalogue::DROPPED, &[("reason", reason.as_str())]);
            if let Some(Value::Count(count @ 1..)) = count {
                tally.dropped.insert(reason.as_str(), *count);
            }
        }
        tally
    }

    fn phase(&mut self, phase: &str) -> &mut Counted {
        self.phases.entry(phase.to_owned()).or_default()
    }
}
