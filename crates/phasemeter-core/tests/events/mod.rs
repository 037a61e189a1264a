//! What phases are told, and what they hold after it by plain addition.

use std::collections::BTreeMap;

use phasemeter_core::slots::slot;
use phasemeter_core::{
    Allocated, CellReading, Effort, ItemOutcome, MAX_COUNT, Moment, Outcome, PhaseCell, Profile, Verdict, WaitingFor,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::elapsed_ns;

/// One thing that a phase is told.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A run that is still in flight when all is told.
    Begin {
        started_ns: u64,
    },
    /// A run from its begin to its end.
    Run(Verdict<'static>, u64),
    Withdraw,
    Record(Outcome, u64),
    Items(ItemOutcome, u64),
    Bytes(ItemOutcome, u64),
    Units(&'static str, ItemOutcome, u64),
    Errors(&'static str, u64),
    Expect {
        before: u64,
        after: u64,
    },
    Effort(Effort),
}

/// Everything that a phase holds, by a name that a failure can show. What is 0 is left out.
pub(crate) type Counts = BTreeMap<String, i128>;

/// The most events of one case; their durations together stay within a u64.
pub(crate) const MAX_EVENTS: usize = 48;

/// When everything has begun, and is read.
pub(crate) const NOW: Moment = Moment { now_ns: 1_000_000, unix_ns: 1_767_225_600_000_000_000 };

pub(crate) fn tell(cell: &PhaseCell, event: &Event) {
    match *event {
        Event::Begin { started_ns } => {
            let _in_flight = cell.begin(started_ns);
        }
        Event::Run(verdict, elapsed_ns) => {
            let flight = cell.begin(NOW.now_ns);
            flight.end(verdict, elapsed_ns, NOW.now_ns);
        }
        Event::Withdraw => {
            let flight = cell.begin(NOW.now_ns);
            flight.withdraw();
        }
        Event::Record(outcome, elapsed_ns) => cell.record(outcome, elapsed_ns),
        Event::Items(outcome, items) => assert_eq!(cell.add_items(outcome, items), items <= MAX_COUNT),
        Event::Bytes(outcome, bytes) => assert_eq!(cell.add_bytes(outcome, bytes), bytes <= MAX_COUNT),
        Event::Units(unit, outcome, count) => {
            assert_eq!(cell.add_units(unit, outcome, count), count <= MAX_COUNT);
        }
        Event::Errors(error_type, errors) => cell.add_errors(error_type, errors),
        Event::Expect { before, after } => cell.replace_expected(before, after),
        Event::Effort(effort) => cell.add_effort(&effort),
    }
}

/// What a phase holds after these events, added up by hand.
pub(crate) fn counted(events: &[Event]) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        let mut add = |name: String, count: i128| *counts.entry(name).or_default() += count;
        match *event {
            Event::Withdraw => {}
            Event::Begin { started_ns } => {
                add("active".into(), 1);
                let oldest = counts.entry("oldest start".into()).or_insert(started_ns.into());
                *oldest = (*oldest).min(started_ns.into());
            }
            Event::Run(verdict, elapsed_ns) => {
                if let Verdict::Error(error_type) = verdict {
                    add(format!("errors {error_type}"), 1);
                }
                add_run(&mut counts, verdict.outcome(), elapsed_ns);
            }
            Event::Record(outcome, elapsed_ns) => add_run(&mut counts, outcome, elapsed_ns),
            // More than that is refused.
            Event::Items(_, count) | Event::Bytes(_, count) | Event::Units(_, _, count) | Event::Errors(_, count)
                if count > MAX_COUNT => {}
            Event::Items(outcome, items) => add(format!("{outcome:?} items"), items.into()),
            Event::Bytes(outcome, bytes) => add(format!("{outcome:?} bytes"), bytes.into()),
            Event::Units(unit, outcome, count) => add(format!("{outcome:?} {unit}"), count.into()),
            Event::Errors(error_type, errors) => add(format!("errors {error_type}"), errors.into()),
            Event::Expect { before, after } => {
                add("expected".into(), i128::from(after.min(MAX_COUNT)) - i128::from(before.min(MAX_COUNT)));
            }
            Event::Effort(effort) => add_effort(&mut counts, &effort),
        }
    }
    counts.retain(|_, count| *count != 0);
    counts
}

fn add_run(counts: &mut Counts, outcome: Outcome, elapsed_ns: u64) {
    let mut add = |name: String, count: i128| *counts.entry(name).or_default() += count;
    add("runs".into(), 1);
    add(format!("{outcome:?} runs"), 1);
    add(format!("{outcome:?} slot {}", slot(elapsed_ns)), 1);
    add(format!("{outcome:?} ns"), elapsed_ns.into());
}

fn add_effort(counts: &mut Counts, effort: &Effort) {
    let mut add = |name: String, count: u64| *counts.entry(name).or_default() += i128::from(count);
    // What was measured to be 0 is not the same as what was not measured.
    add("effort".into(), 1);
    add("busy ns".into(), effort.busy_ns);
    for (waiting_for, waited_ns) in WaitingFor::ALL.into_iter().zip(effort.waiting_ns) {
        add(format!("waiting for {waiting_for:?} ns"), waited_ns);
    }
    let profile = effort.profile.unwrap_or_default();
    if let Some(cpu_ns) = profile.cpu_ns {
        add("cpu".into(), 1);
        add("cpu ns".into(), cpu_ns);
    }
    if let Some(Allocated { allocations, bytes }) = profile.allocated {
        add("allocated".into(), 1);
        add("allocations".into(), allocations);
        add("allocated bytes".into(), bytes);
    }
    for measured in ["effort", "cpu", "allocated"] {
        counts.entry(measured.into()).and_modify(|times| *times = 1.min(*times));
    }
}

/// What a reading holds, by the same names.
pub(crate) fn holds(reading: &CellReading) -> Counts {
    let mut counts = Counts::from([
        ("active".into(), reading.active.into()),
        ("expected".into(), reading.expected.into()),
        ("runs".into(), reading.runs().into()),
        ("held".into(), reading.held.into()),
        ("oldest start".into(), reading.oldest_start_ns.unwrap_or(0).into()),
        ("errors overflowed".into(), reading.errors_overflowed.into()),
        ("units overflowed".into(), reading.units_overflowed.into()),
    ]);
    for outcome in Outcome::ALL {
        let durations = reading.durations(outcome);
        counts.insert(format!("{outcome:?} runs"), durations.count().into());
        counts.insert(format!("{outcome:?} ns"), durations.sum_ns.into());
        let slots = durations.slots.iter();
        counts.extend(slots.map(|(slot, count)| (format!("{outcome:?} slot {slot}"), (*count).into())));
    }
    for outcome in ItemOutcome::ALL {
        counts.insert(format!("{outcome:?} items"), reading.items(outcome).into());
        counts.insert(format!("{outcome:?} bytes"), reading.bytes(outcome).into());
        let units = reading.units().map(|unit| (format!("{outcome:?} {unit}"), reading.count(unit, outcome).into()));
        counts.extend(units);
    }
    counts.extend(reading.errors.iter().map(|(name, errors)| (format!("errors {name}"), (*errors).into())));
    if let Some(effort) = &reading.effort {
        add_effort(&mut counts, effort);
    }
    counts.retain(|_, count| *count != 0);
    counts
}

/// Types of errors, or names of units: few, and one that is also what the rest is called.
fn name() -> impl Strategy<Value = &'static str> {
    select(&["io", "timeout", "panic", "other", "a\"b\\c\n"][..])
}

fn verdict() -> impl Strategy<Value = Verdict<'static>> {
    prop_oneof![Just(Verdict::Ok), name().prop_map(Verdict::Error), Just(Verdict::Cancelled)]
}

fn effort() -> impl Strategy<Value = Effort> {
    let spent = || 0..1_000_000_u64;
    let allocated = (spent(), spent()).prop_map(|(allocations, bytes)| Allocated { allocations, bytes });
    let profile = (option::of(spent()), option::of(allocated));
    // A profile in which nothing could be measured is none.
    let profile = profile.prop_map(|(cpu_ns, allocated)| {
        (cpu_ns.is_some() || allocated.is_some()).then_some(Profile { cpu_ns, allocated })
    });
    let waiting_ns = [spent(), spent(), spent()];
    (spent(), waiting_ns, profile).prop_map(|(busy_ns, waiting_ns, profile)| Effort { busy_ns, waiting_ns, profile })
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let outcome = || select(&Outcome::ALL[..]);
    let item_outcome = || select(&ItemOutcome::ALL[..]);
    let elapsed_ns = || elapsed_ns().prop_map(|elapsed_ns| elapsed_ns / MAX_EVENTS as u64);
    let count = || prop_oneof![0..100_u64, 0..=MAX_COUNT, Just(MAX_COUNT + 1), Just(u64::MAX)];
    prop_oneof![
        (1..=NOW.now_ns).prop_map(|started_ns| Event::Begin { started_ns }),
        Just(Event::Withdraw),
        (verdict(), elapsed_ns()).prop_map(|(verdict, elapsed_ns)| Event::Run(verdict, elapsed_ns)),
        (outcome(), elapsed_ns()).prop_map(|(outcome, elapsed_ns)| Event::Record(outcome, elapsed_ns)),
        (item_outcome(), count()).prop_map(|(outcome, items)| Event::Items(outcome, items)),
        (item_outcome(), count()).prop_map(|(outcome, bytes)| Event::Bytes(outcome, bytes)),
        (name(), item_outcome(), count()).prop_map(|(unit, outcome, count)| Event::Units(unit, outcome, count)),
        (name(), count()).prop_map(|(error_type, errors)| Event::Errors(error_type, errors)),
        (count(), count()).prop_map(|(before, after)| Event::Expect { before, after }),
        effort().prop_map(Event::Effort),
    ]
}
