//! What phases are told, and what they hold after it by plain addition.

use std::collections::BTreeMap;

use phasemeter_core::buckets::{BOUNDS_NS, slot};
use phasemeter_core::{CellReading, ItemOutcome, MAX_COUNT, Outcome, PhaseCell};
use proptest::prelude::*;
use proptest::sample::select;

/// One thing that a phase is told.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Begin,
    End(Outcome, u64),
    Withdraw,
    Record(Outcome, u64),
    Items(ItemOutcome, u64),
    Bytes(ItemOutcome, u64),
    Errors(&'static str, u64),
    Expect { before: u64, after: u64 },
}

/// Everything that a phase holds, by a name that a failure can show. What is 0 is left out.
pub(crate) type Counts = BTreeMap<String, i128>;

/// The most events of one case; their durations together stay within a u64.
pub(crate) const MAX_EVENTS: usize = 48;

pub(crate) fn tell(cell: &PhaseCell, event: &Event) {
    match *event {
        Event::Begin => cell.begin(),
        Event::End(outcome, elapsed_ns) => cell.end(outcome, elapsed_ns),
        Event::Withdraw => cell.withdraw(),
        Event::Record(outcome, elapsed_ns) => cell.record(outcome, elapsed_ns),
        Event::Items(outcome, items) => assert_eq!(cell.add_items(outcome, items), items <= MAX_COUNT),
        Event::Bytes(outcome, bytes) => assert_eq!(cell.add_bytes(outcome, bytes), bytes <= MAX_COUNT),
        Event::Errors(error_type, errors) => cell.add_errors(error_type, errors),
        Event::Expect { before, after } => cell.replace_expected(before, after),
    }
}

/// What a phase holds after these events, added up by hand.
pub(crate) fn counted(events: &[Event]) -> Counts {
    let mut counts = Counts::new();
    let mut add = |name: String, count: i128| *counts.entry(name).or_default() += count;
    for event in events {
        match *event {
            Event::Begin => add("active".into(), 1),
            Event::Withdraw => add("active".into(), -1),
            Event::End(outcome, elapsed_ns) | Event::Record(outcome, elapsed_ns) => {
                add("active".into(), if matches!(event, Event::End(..)) { -1 } else { 0 });
                add("runs".into(), 1);
                add(format!("{outcome:?} runs"), 1);
                add(format!("{outcome:?} slot {}", slot(elapsed_ns)), 1);
                add(format!("{outcome:?} ns"), elapsed_ns.into());
            }
            Event::Items(outcome, items) if items <= MAX_COUNT => add(format!("{outcome:?} items"), items.into()),
            Event::Bytes(outcome, bytes) if bytes <= MAX_COUNT => add(format!("{outcome:?} bytes"), bytes.into()),
            Event::Items(..) | Event::Bytes(..) => {}
            Event::Errors(error_type, errors) => add(format!("errors {error_type}"), errors.into()),
            Event::Expect { before, after } => {
                add("expected".into(), i128::from(after.min(MAX_COUNT)) - i128::from(before.min(MAX_COUNT)));
            }
        }
    }
    counts.retain(|_, count| *count != 0);
    counts
}

/// What a reading holds, by the same names.
pub(crate) fn held(reading: &CellReading) -> Counts {
    let mut counts = Counts::from([
        ("active".into(), reading.active.into()),
        ("expected".into(), reading.expected.into()),
        ("runs".into(), reading.runs().into()),
        ("errors overflowed".into(), reading.errors_overflowed.into()),
    ]);
    for outcome in Outcome::ALL {
        let durations = reading.durations(outcome);
        counts.insert(format!("{outcome:?} runs"), durations.count().into());
        counts.insert(format!("{outcome:?} ns"), durations.sum_ns.into());
        let slots = durations.slots.iter().enumerate();
        counts.extend(slots.map(|(slot, count)| (format!("{outcome:?} slot {slot}"), (*count).into())));
    }
    for outcome in ItemOutcome::ALL {
        counts.insert(format!("{outcome:?} items"), reading.items(outcome).into());
        counts.insert(format!("{outcome:?} bytes"), reading.bytes(outcome).into());
    }
    counts.extend(reading.errors.iter().map(|(name, errors)| (format!("errors {name}"), (*errors).into())));
    counts.retain(|_, count| *count != 0);
    counts
}

/// Durations at the bounds, where mistakes are, and of every length.
pub(crate) fn elapsed_ns() -> impl Strategy<Value = u64> {
    let near_bound = (select(&BOUNDS_NS[..]), -1..=1_i64).prop_map(|(bound, by)| bound.saturating_add_signed(by));
    let of_every_length = (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift);
    prop_oneof![near_bound, of_every_length]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let outcome = || select(&Outcome::ALL[..]);
    let item_outcome = || select(&ItemOutcome::ALL[..]);
    let elapsed_ns = || elapsed_ns().prop_map(|elapsed_ns| elapsed_ns / MAX_EVENTS as u64);
    let count = || prop_oneof![0..100_u64, 0..=MAX_COUNT, Just(MAX_COUNT + 1), Just(u64::MAX)];
    let error_type = select(&["io", "timeout", "panic", "other", "a\"b\\c\n"][..]);
    prop_oneof![
        Just(Event::Begin),
        Just(Event::Withdraw),
        (outcome(), elapsed_ns()).prop_map(|(outcome, elapsed_ns)| Event::End(outcome, elapsed_ns)),
        (outcome(), elapsed_ns()).prop_map(|(outcome, elapsed_ns)| Event::Record(outcome, elapsed_ns)),
        (item_outcome(), count()).prop_map(|(outcome, items)| Event::Items(outcome, items)),
        (item_outcome(), count()).prop_map(|(outcome, bytes)| Event::Bytes(outcome, bytes)),
        (error_type, 0..1_000_u64).prop_map(|(error_type, errors)| Event::Errors(error_type, errors)),
        (count(), count()).prop_map(|(before, after)| Event::Expect { before, after }),
    ]
}
