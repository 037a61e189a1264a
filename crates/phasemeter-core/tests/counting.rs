//! What holds of phases, whatever they are told:
//!
//! - a duration falls into the first slot whose bound is not below it;
//! - recorded in any order, by any threads, and merged in any order, events read the same, and nothing is lost;
//! - errors and units are counted whole, whatever names they have and however many; what is refused is not counted;
//! - a registry gives the same bytes, whatever phase and label came first and whenever the base pipeline was named;
//! - a registry keeps within its limits, and no run is lost to them;
//! - further labels stand as they are, or are left out and counted.

mod cases;
mod events;
mod exposition;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier};

use cases::{any_name, any_text, config, elapsed_ns, may_be_label, registry, text, two_orders};
use events::{Event, MAX_EVENTS, NOW, counted, event, holds, tell};
use exposition::parse;
use phasemeter_core::catalogue::{DROPPED, OVERFLOW, PHASE_RUNS, SERIES};
use phasemeter_core::slots::{SLOTS, UPPER_NS, slot};
use phasemeter_core::{
    DropReason, Effort, Histogram, ItemOutcome, Limits, MAX_COUNT, MAX_ERROR_TYPES, MAX_UNITS, Outcome, PhaseCell,
    PhaseReading, Registry, Samples, Snapshot, Value, Verdict, bounded_value, is_free_label,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Makes new cells, which only a registry can.
fn cell() -> Arc<PhaseCell> {
    registry(Limits::default()).phase(None, "embed")
}

/// Splits the work among this many threads.
fn each_thread<T: Sync>(work: &[T], threads: usize, act: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for share in work.chunks(work.len().div_ceil(threads).max(1)) {
            scope.spawn(|| share.iter().for_each(&act));
        }
    });
}

fn exposition(registry: &Registry) -> String {
    let mut samples = Samples::default();
    registry.sample(NOW, &mut samples);
    text(samples)
}

/// Two orders of the further labels of a phase.
fn labels() -> impl Strategy<Value = [Vec<(&'static str, &'static str)>; 2]> {
    let of_device = [("model", "large"), ("device", "gpu")];
    two_orders(select(vec![vec![], vec![("model", "large")], vec![("model", "small \"2\"")], of_device.to_vec()]))
}

/// Any name, and often one that is taken, or that stands twice.
fn further_name() -> impl Strategy<Value = String> {
    let known = select(&["phase", "unit", "outcome", "model", "device"][..]);
    prop_oneof![any_name(), known.prop_map(String::from)]
}

/// Each of these runs, of a phase and a set of labels by number, stands in its place or in a collective one.
fn check_limits(told: &[(&str, usize)], registry: &Registry, limits: Limits) -> Result<(), TestCaseError> {
    let reading = registry.read(NOW);
    prop_assert!(reading.len() <= limits.phases, "{} phases", reading.len());
    let is_collective = |phase: &&PhaseReading| phase.labels.iter().any(|(_, value)| **value == *"other");
    for name in ["a", "b", "c"] {
        let sets = reading.iter().filter(|phase| *phase.phase == *name && !phase.labels.is_empty());
        prop_assert!(sets.filter(|phase| !is_collective(phase)).count() <= limits.label_sets);
    }
    let own = |phase: &&PhaseReading| !is_collective(phase);
    for phase in reading.iter().filter(own) {
        let number = phase.labels.iter().find(|(name, _)| **name == *"model");
        let number = number.map_or(0, |(_, number)| number.parse().expect("a number"));
        let of_it = told.iter().filter(|(name, own)| *phase.phase == **name && *own == number).count() as u64;
        // What came before there was room may have gone elsewhere, but there never is room again.
        prop_assert_eq!(phase.counts.runs(), of_it);
    }
    let mut samples = Samples::default();
    registry.sample(NOW, &mut samples);
    let snapshot = Snapshot::new(samples);
    let count = |metric, labels: &[(&str, &str)]| match snapshot.value(metric, labels) {
        Some(Value::Count(count)) => *count,
        None => 0,
        other => panic!("{other:?} is no count"),
    };
    let overflowed = count(&PHASE_RUNS, &[("otel_metric_overflow", "true"), ("outcome", "ok")]);
    let others: u64 = reading.iter().filter(is_collective).map(|phase| phase.counts.runs()).sum();
    let own: u64 = reading.iter().filter(own).map(|phase| phase.counts.runs()).sum();
    prop_assert_eq!(own + others + overflowed, told.len() as u64);
    prop_assert_eq!(count(&OVERFLOW, &[("limit", "phases")]), overflowed);
    prop_assert_eq!(count(&OVERFLOW, &[("limit", "label_sets")]), others);
    prop_assert_eq!(snapshot.value(&SERIES, &[]), Some(&Value::Level(reading.len() as i64)));
    prop_assert_eq!(count(&DROPPED, &[("reason", DropReason::InvalidLabel.as_str())]), 0);
    Ok(())
}

fn check_slot(elapsed_ns: u64) -> Result<(), TestCaseError> {
    let mut expected = 0;
    for upper in UPPER_NS {
        if upper >= elapsed_ns {
            break;
        }
        expected += 1;
    }
    prop_assert!(expected < SLOTS);
    prop_assert_eq!(slot(elapsed_ns), expected);
    let cell = cell();
    cell.record(Outcome::Ok, elapsed_ns);
    let slots = vec![(expected as u16, 1)];
    let reading = cell.read(NOW);
    prop_assert_eq!(reading.durations(Outcome::Ok), &Histogram { slots, sum_ns: elapsed_ns, exemplars: Vec::new() });
    Ok(())
}

/// Counts as calls bring them, some beyond what one may.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0..1_000_u64, 1 => Just(MAX_COUNT), 1 => Just(MAX_COUNT + 1)]
}

/// What names were told, by number, stands under as many names as there is room for, and as `other`.
fn check_names(
    told: &[(usize, u64)],
    room: usize,
    named: &[(Box<str>, u64)],
    others: u64,
) -> Result<(), TestCaseError> {
    let by_name: BTreeMap<_, _> = named.iter().map(|(name, count)| (&**name, *count)).collect();
    prop_assert_eq!(by_name.len(), named.len(), "no name stands twice");
    let taken = told.iter().map(|(_, count)| count).filter(|count| **count <= MAX_COUNT);
    prop_assert_eq!(by_name.values().sum::<u64>(), taken.sum::<u64>());
    prop_assert_eq!(by_name.get("other").copied().unwrap_or(0), others);
    let numbers: BTreeSet<_> = told.iter().map(|(number, _)| number).collect();
    prop_assert_eq!(by_name.keys().filter(|name| **name != "other").count(), numbers.len().min(room));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_duration_falls_into_the_first_slot_whose_bound_is_not_below_it(elapsed_ns in elapsed_ns()) {
        check_slot(elapsed_ns)?;
    }

    #[test]
    fn events_read_the_same_in_any_order_by_any_threads_and_merged_in_any_order(
        [events, shuffled] in two_orders(vec(event(), 0..MAX_EVENTS)),
        threads in 1..5_usize,
    ) {
        let wanted = counted(&events);
        let (one, other, shared) = (cell(), cell(), cell());
        events.iter().for_each(|event| tell(&one, event));
        prop_assert_eq!(holds(&one.read(NOW)), wanted.clone());
        shuffled.iter().for_each(|event| tell(&other, event));
        prop_assert_eq!(holds(&other.read(NOW)), wanted.clone());
        each_thread(&shuffled, threads, |event| tell(&shared, event));
        prop_assert_eq!(holds(&shared.read(NOW)), wanted.clone());

        let cells: Vec<_> = (0..threads).map(|_| cell()).collect();
        shuffled.iter().zip(cells.iter().cycle()).for_each(|(event, cell)| tell(cell, event));
        let (mut forwards, mut backwards) = (cell().read(NOW), cell().read(NOW));
        cells.iter().for_each(|cell| forwards.merge(&cell.read(NOW)));
        cells.iter().rev().for_each(|cell| backwards.merge(&cell.read(NOW)));
        prop_assert_eq!(holds(&forwards), wanted.clone());
        prop_assert_eq!(holds(&backwards), wanted);
    }

    #[test]
    fn errors_are_counted_whole_whatever_types_they_have(
        errors in vec((0..3 * MAX_ERROR_TYPES, count()), 0..200),
        threads in 1..5_usize,
    ) {
        let cell = cell();
        each_thread(&errors, threads, |(number, errors)| cell.add_errors(&format!("type {number}"), *errors));
        let reading = cell.read(NOW);
        check_names(&errors, MAX_ERROR_TYPES, &reading.errors, reading.errors_overflowed)?;
    }

    #[test]
    fn units_are_counted_whole_whatever_names_they_have(
        units in vec((0..3 * MAX_UNITS, count()), 0..200),
        outcomes in vec(select(&ItemOutcome::ALL[..]), 200),
        threads in 1..5_usize,
    ) {
        let cell = cell();
        let told: Vec<_> = units.iter().zip(outcomes).collect();
        each_thread(&told, threads, |((number, count), outcome)| {
            assert_eq!(cell.add_units(&format!("unit {number}"), *outcome, *count), *count <= MAX_COUNT);
        });
        let reading = cell.read(NOW);
        let sum = |unit| ItemOutcome::ALL.map(|outcome| reading.count(unit, outcome)).into_iter().sum();
        let named: Vec<_> = reading.units().map(|unit| (unit.into(), sum(unit))).collect();
        check_names(&units, MAX_UNITS, &named, reading.units_overflowed)?;
        for outcome in ItemOutcome::ALL {
            let told = told.iter().filter(|((_, count), own)| *own == outcome && *count <= MAX_COUNT);
            let read: u64 = reading.units().map(|unit| reading.count(unit, outcome)).sum();
            prop_assert_eq!(read, told.map(|((_, count), _)| count).sum::<u64>());
        }
    }

    #[test]
    fn a_registry_gives_the_same_bytes_whatever_came_first(
        [told, shuffled] in two_orders(vec(
            (select(&[None, Some("base"), Some("else")][..]), select(&["a", "b"][..]), labels(), event()),
            0..MAX_EVENTS,
        )),
        threads in 1..5_usize,
    ) {
        // The last activity is the one that came last: let it be the same one.
        let tell = |cell: &PhaseCell, event: &_| [event, &Event::Withdraw].map(|event| tell(cell, event));
        let [early, late, named] = [(); 3].map(|()| registry(Limits::default()));
        prop_assert!(early.name_base_pipeline("base"));
        told.iter().for_each(|(pipeline, phase, [labels, _], event)| {
            tell(&early.labelled_phase(*pipeline, phase, labels), event);
        });
        each_thread(&shuffled, threads, |(pipeline, phase, [_, labels], event)| {
            tell(&late.labelled_phase(*pipeline, phase, labels), event);
        });
        prop_assert!(late.name_base_pipeline("base"));
        told.iter().for_each(|(pipeline, phase, [_, labels], event)| {
            tell(&named.labelled_phase(pipeline.or(Some("base")), phase, labels), event);
        });
        let [early, late, named] = [early, late, named].map(|registry| exposition(&registry));
        prop_assert_eq!(&early, &late);
        prop_assert_eq!(&early, &named);
        prop_assert!(parse(&early).is_ok(), "{:?}", parse(&early));
    }

    #[test]
    fn no_run_is_lost_to_the_limits(
        told in vec((select(&["a", "b", "c"][..]), 0..5_usize), 0..100),
        (phases, label_sets) in (0..8_usize, 0..4_usize),
        threads in 1..5_usize,
    ) {
        let limits = Limits { phases, label_sets, idle: None };
        let registry = registry(limits);
        each_thread(&told, threads, |(phase, number)| {
            let model = number.to_string();
            let labels = [("model", &*model), ("device", "gpu")];
            // The first of them has no further labels.
            let labels = if *number == 0 { &[] } else { &labels[..] };
            registry.labelled_phase(None, phase, labels).record(Outcome::Ok, 1);
        });
        check_limits(&told, &registry, limits)?;
    }

    #[test]
    fn further_labels_stand_as_they_are_or_are_left_out_and_counted(
        labels in vec((further_name(), any_text(0..300)), 0..5),
    ) {
        let registry = registry(Limits::default());
        let given: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let _declared = registry.labelled_phase(Some("p"), "embed", &given);
        let mut wanted = BTreeMap::new();
        for (name, value) in given.iter().copied() {
            let is_taken = ["phase", "pipeline", "outcome", "error_type", "unit", "direction"].contains(&name);
            prop_assert_eq!(is_free_label(name), may_be_label(name) && !is_taken);
            if is_free_label(name) {
                wanted.entry(name).or_insert(bounded_value(value));
            }
        }
        let left_out = (labels.len() - wanted.len()) as u64;
        prop_assert_eq!(registry.drops().total(DropReason::InvalidLabel), left_out);
        // To Prometheus a label without a value is none.
        wanted.retain(|_, value| !value.is_empty());
        let reading = registry.read(NOW);
        let stand = reading[0].labels.iter().map(|(name, value)| (&**name, value.as_ref().into())).collect();
        prop_assert_eq!(wanted, stand);
        let text = exposition(&registry);
        prop_assert!(parse(&text).is_ok(), "{:?} in\n{text}", parse(&text));
    }
}

/// Each of them, for chance may miss the one that matters.
#[test]
fn durations_at_every_bound_fall_into_the_slot_that_they_should() {
    for elapsed_ns in UPPER_NS.into_iter().flat_map(|upper| [upper.saturating_sub(1), upper, upper.saturating_add(1)]) {
        check_slot(elapsed_ns).expect("the slot that a search from below finds");
    }
}

/// Threads that live as shortly as those of the properties hardly meet; these do.
#[test]
fn threads_that_record_at_once_lose_nothing() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 20_000;
    let shared = cell();
    let events = [
        Event::Begin { started_ns: 7 },
        Event::Run(Verdict::Error("timeout"), 3),
        Event::Withdraw,
        Event::Record(Outcome::Error, 10_001),
        Event::Items(ItemOutcome::Ok, 2),
        Event::Bytes(ItemOutcome::Skipped, 5),
        Event::Units("tokens", ItemOutcome::Error, 3),
        Event::Errors("io", 1),
        Event::Effort(Effort { busy_ns: 1, waiting_ns: [1, 2, 3], profile: None }),
        Event::Expect { before: 1, after: 2 },
    ];
    let start = Barrier::new(THREADS);
    each_thread(&[(); THREADS], THREADS, |()| {
        start.wait();
        (0..ROUNDS).for_each(|_| events.iter().for_each(|event| tell(&shared, event)));
    });
    let mut wanted = counted(&events);
    // Whatever adds up.
    let sums = wanted.iter_mut().filter(|(name, _)| !["oldest start", "effort"].contains(&name.as_str()));
    sums.for_each(|(_, count)| *count *= (THREADS * ROUNDS) as i128);
    assert_eq!(holds(&shared.read(NOW)), wanted);
}
