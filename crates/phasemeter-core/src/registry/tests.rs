//! A registry of its own for each test, whose clock stands still.

use super::*;
use crate::Snapshot;
use crate::catalogue::{
    OVERFLOW, PHASE_ITEMS, PHASE_OLDEST_START_TIMESTAMP, PHASE_PROCESS_CPU_TIME, PHASE_PROGRESS, PHASE_RUNS,
};
use crate::{ItemOutcome, Outcome, Spent, Verdict};

/// One whose clock stands still.
fn registry(limits: Limits) -> Registry {
    Registry::new(limits, Moment::default)
}

fn snapshot(registry: &Registry) -> Snapshot {
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    Snapshot::new(samples)
}

#[test]
fn a_declared_phase_is_born_at_zero_in_every_outcome() {
    let registry = registry(Limits::default());
    let _cell = registry.phase(Some("acid"), "embed");
    let snapshot = snapshot(&registry);
    for outcome in Outcome::ALL {
        let labels = [("outcome", outcome.as_str()), ("phase", "embed"), ("pipeline", "acid")];
        assert_eq!(snapshot.value(&PHASE_RUNS, &labels), Some(&Value::Count(0)));
    }
}

#[test]
fn names_beyond_the_cap_share_one_series_and_are_counted() {
    let registry = registry(Limits { phases: 10, ..Limits::default() });
    for number in 0..100_000 {
        registry.phase(None, &format!("phase {number}")).record(Outcome::Ok, 1);
    }
    assert_eq!(registry.read(Moment::default()).len(), 10);
    let snapshot = snapshot(&registry);
    let overflow = [("otel_metric_overflow", "true"), ("outcome", "ok")];
    assert_eq!(snapshot.value(&PHASE_RUNS, &overflow), Some(&Value::Count(99_990)));
    assert_eq!(snapshot.value(&OVERFLOW, &[("limit", "phases")]), Some(&Value::Count(99_990)));
    assert_eq!(snapshot.value(&SERIES, &[]), Some(&Value::Level(10)));
}

#[test]
fn the_base_pipeline_is_named_once_and_merges_with_its_namesake() {
    let registry = registry(Limits::default());
    registry.phase(None, "embed").record(Outcome::Ok, 1);
    registry.phase(Some("acid"), "embed").record(Outcome::Ok, 2);
    assert!(registry.name_base_pipeline("acid"));
    assert!(!registry.name_base_pipeline("other"));
    let phases = registry.read(Moment::default());
    assert_eq!(phases.len(), 1);
    assert_eq!((&*phases[0].pipeline, phases[0].counts.runs()), ("acid", 2));
}

#[test]
fn an_overlong_name_is_shortened_and_counted() {
    let registry = registry(Limits::default());
    let _cell = registry.phase(None, &"x".repeat(10_000));
    assert_eq!(registry.drops().total(DropReason::LabelShortened), 1);
    assert!(registry.read(Moment::default())[0].phase.len() <= crate::MAX_VALUE_BYTES);
}

#[test]
fn an_interval_belongs_to_the_phases_that_ran_in_it_and_says_how_many_these_were() {
    let registry = registry(Limits::default());
    let [alone, beside, idle] = ["alone", "beside", "idle"].map(|name| registry.phase(Some("p"), name));
    let second = |cpu_ns| Interval {
        elapsed_ns: 1_000,
        spent: Spent { cpu_ns: Some(cpu_ns), ..Spent::default() },
        ..Interval::default()
    };
    idle.begin(5).end(Verdict::Ok, 1, 6);
    let in_flight = alone.begin(10);
    registry.add_interval(1_000, &second(7));
    beside.begin(2_100).end(Verdict::Ok, 1, 2_101);
    registry.add_interval(2_000, &second(9));
    let snapshot = snapshot(&registry);
    let cpu = |phase, overlap| {
        snapshot.value(&PHASE_PROCESS_CPU_TIME, &[("overlap", overlap), ("phase", phase), ("pipeline", "p")])
    };
    assert_eq!((cpu("alone", "1"), cpu("alone", "2")), (Some(&Value::Nanos(7)), Some(&Value::Nanos(9))));
    assert_eq!((cpu("beside", "1"), cpu("beside", "2")), (None, Some(&Value::Nanos(9))));
    assert_eq!((cpu("idle", "1"), cpu("idle", "2")), (None, None));
    drop(in_flight);
}

#[test]
fn progress_stands_only_where_a_total_is_known() {
    let registry = registry(Limits::default());
    let cell = registry.phase(Some("p"), "embed");
    let labels = [("phase", "embed"), ("pipeline", "p")];
    assert_eq!(snapshot(&registry).value(&PHASE_PROGRESS, &labels), None);
    cell.set_expected(8);
    assert!(cell.add_items(ItemOutcome::Ok, 1) && cell.add_items(ItemOutcome::Error, 1));
    assert_eq!(snapshot(&registry).value(&PHASE_PROGRESS, &labels), Some(&Value::Real(0.25)));
}

#[test]
fn further_labels_make_series_of_their_own_up_to_the_cap() {
    let registry = registry(Limits { phases: 100, label_sets: 3, idle: None });
    for number in 0..50 {
        let model = format!("model {number}");
        registry.labelled_phase(Some("p"), "embed", &[("model", &model), ("device", "gpu")]).record(Outcome::Ok, 1);
    }
    registry.phase(Some("p"), "embed").record(Outcome::Ok, 1);
    let of = |model: &str| {
        let labels = [("device", if model == "other" { "other" } else { "gpu" }), ("model", model)];
        let named = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "p")];
        snapshot(&registry).value(&PHASE_RUNS, &[&labels[..], &named].concat()).cloned()
    };
    assert_eq!([of("model 2"), of("model 3"), of("other")], [Some(Value::Count(1)), None, Some(Value::Count(47))]);
    assert_eq!(snapshot(&registry).value(&OVERFLOW, &[("limit", "label_sets")]), Some(&Value::Count(47)));
    assert_eq!(registry.read(Moment::default()).len(), 5);
}

#[test]
fn a_label_that_cannot_stand_is_left_out_and_counted() {
    let registry = registry(Limits::default());
    let labels = [("phase", "x"), ("a-b", "x"), ("model", "one"), ("model", "two")];
    registry.labelled_phase(None, "embed", &labels).record(Outcome::Ok, 1);
    assert_eq!(registry.drops().total(DropReason::InvalidLabel), 3);
    assert_eq!(*registry.read(Moment::default())[0].labels, [("model".into(), "one".into())]);
}

#[test]
fn work_in_flight_is_seen_on_the_wall_clock() {
    let registry = registry(Limits::default());
    let cell = registry.phase(Some("p"), "embed");
    let flight = cell.begin(1_000);
    flight.set_item("a.pdf".into());
    let moment = Moment { now_ns: 5_000, unix_ns: 1_000_000 };
    let mut samples = Samples::default();
    registry.sample(moment, &mut samples);
    let snapshot = Snapshot::new(samples);
    let labels = [("phase", "embed"), ("pipeline", "p")];
    assert_eq!(snapshot.value(&PHASE_OLDEST_START_TIMESTAMP, &labels), Some(&Value::Nanos(996_000)));
    let work = registry.work(moment);
    assert_eq!(work[0].oldest[0].item.as_deref(), Some("a.pdf"));
    assert_eq!(work[0].oldest[0].running_ns, 4_000);
}

#[test]
fn totals_near_their_end_fail_no_scrape() {
    let registry = registry(Limits::default());
    registry.name_base_pipeline("p");
    for pipeline in [None, Some("p")] {
        let cell = registry.phase(pipeline, "embed");
        for outcome in ItemOutcome::ALL {
            while cell.add_items(outcome, crate::MAX_COUNT) && cell.add_bytes(outcome, crate::MAX_COUNT) {}
            while cell.add_units("tokens", outcome, crate::MAX_COUNT) {}
        }
        (0..2_000).for_each(|_| cell.add_errors("io", crate::MAX_COUNT));
        (0..1_023).for_each(|_| cell.replace_expected(0, crate::MAX_COUNT));
    }
    let labels = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "p")];
    assert_eq!(snapshot(&registry).value(&PHASE_ITEMS, &labels), Some(&Value::Count(u64::MAX)));
}

#[test]
fn what_is_idle_goes_and_comes_back_at_0() {
    let now_ns = Arc::new(AtomicU64::new(0));
    let clock = now_ns.clone();
    let registry = Registry::new(Limits { idle: Some(Duration::from_nanos(100)), ..Limits::default() }, move || {
        let now_ns = clock.load(COUNT);
        Moment { now_ns, unix_ns: 1_000 + now_ns }
    });
    let pass = |by| now_ns.fetch_add(by, COUNT);
    let held = registry.phase(None, "held");
    let flight = registry.phase(None, "active").begin(0);
    registry.labelled_phase(None, "idle", &[("model", "a")]).record(Outcome::Ok, 1);
    let created = |phase: &str| {
        let readings = registry.read(Moment::default());
        readings.into_iter().find(|reading| &*reading.phase == phase).map(|reading| reading.counts.created_unix_ns)
    };
    pass(99);
    assert_eq!((registry.expire(), created("idle")), (0, Some(1_000)));
    pass(1);
    assert_eq!((registry.expire(), created("idle")), (1, None));
    registry.labelled_phase(None, "idle", &[("model", "a")]).record(Outcome::Ok, 1);
    assert_eq!((created("idle"), created("held"), created("active")), (Some(1_100), Some(1_000), Some(1_000)));
    flight.withdraw();
    drop(held);
    pass(100);
    assert_eq!(registry.expire(), 3);
}

#[test]
fn what_was_recorded_and_never_read_does_not_go_before_it_was_idle() {
    let now_ns = Arc::new(AtomicU64::new(0));
    let clock = now_ns.clone();
    let limits = Limits { idle: Some(Duration::from_nanos(100)), ..Limits::default() };
    let registry = Registry::new(limits, move || Moment { now_ns: clock.load(COUNT), unix_ns: 0 });
    let record = || registry.labelled_phase(None, "embed", &[("model", "a")]).record(Outcome::Ok, 1);
    record();
    now_ns.store(150, COUNT);
    assert_eq!(registry.expire(), 0, "when that was, nobody knows: as far as has been seen, now");
    now_ns.store(250, COUNT);
    assert_eq!(registry.expire(), 1);
}

#[test]
fn a_name_that_a_span_passed_by_leaves_nothing_and_one_that_was_asked_for_stays() {
    let registry = registry(Limits { phases: 100, label_sets: 1, ..Limits::default() });
    let labels: [&[(&str, &str)]; 3] = [&[("a", "1")], &[("a", "1"), ("b", "2")], &[]];
    labels.iter().for_each(|labels| registry.let_go(registry.span_phase(None, "embed", labels)));
    assert!(registry.read(Moment::default()).is_empty());
    let _declared = registry.phase(None, "embed");
    registry.let_go(registry.span_phase(None, "embed", &[]));
    let counted = registry.span_phase(None, "counted", &[("a", "1")]);
    counted.record(Outcome::Ok, 1);
    registry.let_go(counted);
    assert_eq!(registry.read(Moment::default()).len(), 2);
}
