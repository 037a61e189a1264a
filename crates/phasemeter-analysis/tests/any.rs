//! Whatever events say, there is an answer to every question.

mod story;

use phasemeter_analysis::analysis::Limits;
use phasemeter_analysis::event::{
    Counted, Counts, Declared, Heartbeat, InHand, PhaseBeat, PhaseDeclared, PhaseEnded, PhaseStarted, Resources, Role,
    RunEnded, TotalSet,
};
use phasemeter_analysis::fleet::FleetLimits;
use phasemeter_analysis::progress::{HighWater, PastRun, PastRuns};
use phasemeter_analysis::render::{self, Form, Viewer};
use phasemeter_analysis::{Analysis, Comparison, Event, EventKind, Fleet, Progress, RunState};
use phasemeter_core::Outcome;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "init", "\u{1b}|"]).prop_map(str::to_owned)
}

/// Small ones mostly, and the largest there is.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..50_u64, 2 => 0..1_000_000_000_000_u64, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn share() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop_oneof![0.0..1.0_f64, Just(1e300), Just(-1.0)])
}

fn counts() -> impl Strategy<Value = Counts> {
    (number(), number(), number(), number()).prop_map(|(ok, error, skipped, weight)| Counts {
        ok,
        error,
        skipped,
        weight,
    })
}

fn declared() -> impl Strategy<Value = Declared> {
    let phase = (name(), prop::option::of(number()), prop::option::of(number()), prop::option::of(any::<u32>()));
    let phase = (phase, prop::option::of(number()), prop::bool::ANY).prop_map(
        |((name, total, total_weight, workers), resumed, is_gpu)| {
            let (role, device) =
                if is_gpu { (Role::Work, Some("gpu".to_owned())) } else { (Role::Initialisation, None) };
            PhaseDeclared { name, total, total_weight, workers, device, role, resumed }
        },
    );
    (0..4_u32, prop::option::of(number()), prop::collection::vec(phase, 0..4)).prop_map(
        |(attempt, deadline_unix_ns, phases)| Declared { attempt, deadline_unix_ns, phases, ..story::declared(&[]) },
    )
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let beat = (name(), counts(), [number(), number(), number(), number(), number()]).prop_map(
        |(phase, counts, [runs, busy_ns, waiting_in_ns, waiting_out_ns, active])| PhaseBeat {
            phase,
            counts,
            runs,
            busy_ns,
            waiting_in_ns,
            waiting_out_ns,
            active,
            queue_depth: Some(active),
        },
    );
    let resources = [share(), share(), share(), share(), share(), share(), share(), share()].prop_map(
        |[cpu, io_wait, disk_busy, gpu, gpu_memory, swap_in_bytes_per_s, staging_used, monitoring]| Resources {
            cpu,
            io_wait,
            disk_busy,
            gpu,
            gpu_memory,
            swap_in_bytes_per_s,
            staging_used,
            monitoring,
        },
    );
    (prop::collection::vec(beat, 0..3), prop::option::of(resources))
        .prop_map(|(phases, resources)| Heartbeat { phases, resources })
}

fn kind() -> impl Strategy<Value = EventKind> {
    let outcome = || prop::sample::select(Outcome::ALL.to_vec());
    let item = || prop::option::of(name());
    prop_oneof![
        1 => declared().prop_map(EventKind::Declared),
        6 => (0..9_u64, name(), prop::option::of(0..9_u64), prop::option::of(0..4_u32), item()).prop_map(
            |(span, phase, parent, lane, item)| EventKind::PhaseStarted(PhaseStarted { span, phase, parent, lane, item })
        ),
        6 => (0..9_u64, outcome()).prop_map(|(span, outcome)| EventKind::PhaseEnded(PhaseEnded { span, outcome })),
        2 => (name(), counts()).prop_map(|(phase, counts)| EventKind::Counted(Counted { phase, counts })),
        1 => (name(), number()).prop_map(|(phase, total)| EventKind::TotalSet(TotalSet { phase, total })),
        1 => (name(), 0..3_u32, item()).prop_map(|(phase, lane, item)| EventKind::InHand(InHand { phase, lane, item })),
        4 => heartbeat().prop_map(EventKind::Heartbeat),
        1 => name().prop_map(EventKind::Note),
        1 => Just(EventKind::Paused),
        1 => Just(EventKind::Resumed),
        1 => outcome().prop_map(|outcome| EventKind::RunEnded(RunEnded { outcome, reason: None })),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let at_ns = prop_oneof![20 => (0..1_000_000_u64).prop_map(|ms| story::unix_ns(ms as f64 / 1e3)), 1 => any::<u64>()];
    let any = prop::collection::vec((at_ns, kind()).prop_map(|(at_ns, event)| Event { at_ns, event }), 0..60);
    (declared(), any, prop::bool::ANY).prop_map(|(declared, mut events, is_sorted)| {
        if is_sorted {
            events.sort_by_key(|event| event.at_ns);
        }
        let declared = Event { at_ns: story::unix_ns(0.0), event: EventKind::Declared(declared) };
        [vec![declared], events].concat()
    })
}

fn ask_everything(state: &RunState, other: &RunState, now_unix_ns: u64) -> Result<(), TestCaseError> {
    let past = PastRuns { runs: vec![PastRun::of(other)] };
    let viewer = Viewer { now_unix_ns, utc_offset_s: -3_600 };
    let mut progress = Progress::of(state, &past, now_unix_ns);
    HighWater::default().hold(&mut progress);
    prop_assert!(progress.overall.is_none_or(|overall| (0.0..=1.0).contains(&overall)), "{:?}", progress.overall);
    let analysis = Analysis::of(state, &past, &Limits::default(), now_unix_ns);
    let shares: u64 = analysis.phases.iter().map(|phase| phase.on_path_ns).sum::<u64>() + analysis.outside_ns;
    prop_assert_eq!(shares, analysis.wall_ns);
    for advice in &analysis.advice {
        prop_assert!(advice.gain.is_none_or(|gain| !gain.is_nan()), "{advice:?}");
    }
    let others = Analysis::of(other, &past, &Limits::default(), now_unix_ns);
    let mut shown = Vec::new();
    for form in [Form::Plain, Form::Markdown] {
        shown.push(render::progress(&progress, &viewer, form));
        shown.push(render::analysis(&analysis, form));
        if let Ok(comparison) = Comparison::of(&others, &analysis, &Limits::default()) {
            shown.push(render::diff(&comparison, form));
        }
        if let Ok(fleet) = Fleet::of(&[state.clone(), other.clone()], &past, &FleetLimits::default(), now_unix_ns) {
            shown.push(render::fleet(&fleet, &viewer, form));
        }
    }
    prop_assert!(shown.iter().all(|text| !text.contains("NaN") && !text.contains('\u{1b}')), "{shown:#?}");
    for question in ["a=2x", "workers:b=+3", "overlap", "a=0.5x,overlap"] {
        let _ = analysis.what_if(&question.parse().expect("understood")).map(|answer| render::answer(&answer));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn whatever_happens_every_question_has_an_answer(one in events(), two in events(), later in number()) {
        let (one, two) = (RunState::of(&one), RunState::of(&two));
        let now_unix_ns = one.clock.last_unix_ns.saturating_add(later);
        ask_everything(&one, &two, now_unix_ns)?;
        ask_everything(&RunState::merged(&[one, two.clone()]), &two, now_unix_ns)?;
    }
}
