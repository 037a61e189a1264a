//! Each rule has a run in which it speaks, and one in which it only nearly does.

mod story;

use phasemeter_analysis::Analysis;
use phasemeter_analysis::analysis::{Advice, Limits, Rule, Severity};
use phasemeter_analysis::event::{Declared, Flow, PhaseDeclared, Resources, Role};
use phasemeter_analysis::progress::{PastPhase, PastRun, PastRuns};
use phasemeter_core::Outcome;
use story::workloads::beat;
use story::{S, Story, declared, on, phase_of, unix_ns};

fn advice_of(story: &Story, now_s: f64) -> Vec<Advice> {
    Analysis::of(&story.state(), &PastRuns::default(), &Limits::default(), unix_ns(now_s)).advice
}

/// The rule speaks in the first run and not in the second.
#[track_caller]
fn check(rule: Rule, speaks: &Story, nearly: &Story, now_s: f64) -> Advice {
    let found = advice_of(speaks, now_s);
    let advice = found.iter().find(|advice| advice.rule == rule);
    let advice = advice.unwrap_or_else(|| panic!("{rule:?} does not speak: {found:#?}")).clone();
    assert!(!advice.evidence.is_empty() && !advice.threshold.is_empty(), "{advice:?}");
    let found = advice_of(nearly, now_s);
    assert!(found.iter().all(|advice| advice.rule != rule), "{found:#?}");
    advice
}

/// A phase that spends its time so, and how the machine is meanwhile.
#[derive(Clone)]
struct Steady {
    phases: Vec<(PhaseDeclared, [f64; 3])>,
    machine: Resources,
    seconds: u32,
}

impl Steady {
    /// A GPU phase that waits for its input for this share.
    fn gpu(waiting: f64, machine: Resources) -> Self {
        let embed = on("gpu", phase_of("embed", 100_000, 2));
        Self { phases: vec![(embed, [1.0 - waiting, waiting, 0.0])], machine, seconds: 600 }
    }

    /// A heartbeat every ten seconds, ten items a second.
    fn story(&self) -> Story {
        let phases: Vec<_> = self.phases.iter().map(|(phase, _)| phase.clone()).collect();
        let mut story = Story::of(Declared { flow: Some(Flow::Streaming), ..declared(&phases) });
        for second in (10..=self.seconds).step_by(10) {
            let at = f64::from(second);
            let beats: Vec<_> = self
                .phases
                .iter()
                .map(|(phase, shares)| {
                    beat(&phase.name, u64::from(second) * 10, at, phase.workers.unwrap_or(1), *shares)
                })
                .collect();
            story = story.beat(at, &beats, Some(self.machine));
        }
        story.over(f64::from(self.seconds), Outcome::Ok)
    }
}

fn machine(cpu: f64, gpu: f64) -> Resources {
    Resources { cpu: Some(cpu), gpu: Some(gpu), gpu_memory: Some(0.8), ..Resources::default() }
}

#[test]
fn a_gpu_that_waits_while_processors_are_free_wants_more_loaders() {
    let speaks = Steady::gpu(0.20, machine(0.50, 0.40)).story();
    let advice = check(Rule::FeedTheGpu, &speaks, &Steady::gpu(0.14, machine(0.50, 0.40)).story(), 600.0);
    assert_eq!(advice.severity, Severity::Normal);
    assert!((advice.gain.expect("it has one") - 0.20).abs() < 0.005, "{advice:?}");
    assert_eq!(advice.threshold, "GPU < 50.0 %, waiting > 15.0 % (high > 30.0 %), CPU < 80.0 %");
    check(Rule::FeedTheGpu, &speaks, &Steady::gpu(0.20, machine(0.50, 0.51)).story(), 600.0);
    check(Rule::FeedTheGpu, &speaks, &Steady::gpu(0.20, machine(0.81, 0.40)).story(), 600.0);
    let badly = check(Rule::FeedTheGpu, &Steady::gpu(0.31, machine(0.5, 0.4)).story(), &Story::new(&[]), 600.0);
    assert_eq!(badly.severity, Severity::High);
}

#[test]
fn a_gpu_that_waits_for_full_processors_wants_cheaper_work() {
    let speaks = Steady::gpu(0.20, machine(0.95, 0.40)).story();
    check(Rule::CheapenCpuWork, &speaks, &Steady::gpu(0.20, machine(0.89, 0.40)).story(), 600.0);
}

#[test]
fn a_gpu_that_waits_for_a_disk_wants_faster_storage() {
    let with_io_wait = |share| Resources { io_wait: Some(share), ..machine(0.5, 0.4) };
    let with_disk = |share| Resources { disk_busy: Some(share), ..machine(0.95, 0.4) };
    let speaks = Steady::gpu(0.20, with_io_wait(0.51)).story();
    check(Rule::FasterStorage, &speaks, &Steady::gpu(0.20, with_io_wait(0.49)).story(), 600.0);
    let speaks = Steady::gpu(0.20, with_disk(0.91)).story();
    check(Rule::FasterStorage, &speaks, &Steady::gpu(0.20, with_disk(0.89)).story(), 600.0);
}

#[test]
fn what_holds_in_the_first_minute_only_is_no_evidence() {
    let speaks = Steady::gpu(0.20, machine(0.50, 0.40));
    let nearly = Steady { seconds: 60, ..speaks.clone() };
    check(Rule::FeedTheGpu, &speaks.story(), &nearly.story(), 600.0);
}

#[test]
fn what_holds_for_half_of_the_phase_is_no_evidence() {
    let story = |starves: u32| {
        let mut story = Story::new(&[on("gpu", phase_of("embed", 100_000, 2))]);
        let (mut busy_s, mut waited_s) = (0.0, 0.0);
        for number in 1..=66_u32 {
            let share = if number > 6 && number <= 6 + starves { 0.4 } else { 0.0 };
            (busy_s, waited_s) = (busy_s + 10.0 * (1.0 - share), waited_s + 10.0 * share);
            let beat = beat("embed", u64::from(number) * 10, 1.0, 2, [busy_s, waited_s, 0.0]);
            story = story.beat(f64::from(number) * 10.0, &[beat], Some(machine(0.5, 0.4)));
        }
        story
    };
    check(Rule::FeedTheGpu, &story(31), &story(30), 660.0);
}

#[test]
fn a_single_full_worker_behind_wants_to_be_scaled() {
    let story = |held_up: f64, full: f64, sinks: u32| {
        let embed = (on("gpu", phase_of("embed", 100_000, 2)), [1.0 - held_up, 0.0, held_up]);
        let store = (phase_of("store", 100_000, sinks), [full, 1.0 - full, 0.0]);
        Steady { phases: vec![embed, store], machine: machine(0.2, 0.9), seconds: 600 }.story()
    };
    let advice = check(Rule::ScaleTheSink, &story(0.25, 0.95, 1), &story(0.19, 0.95, 1), 600.0);
    assert_eq!(advice.phase.as_deref(), Some("store"));
    assert!((advice.gain.expect("it has one") - (1.0 - 0.75 / 0.95)).abs() < 0.005, "{advice:?}");
    check(Rule::ScaleTheSink, &story(0.25, 0.95, 1), &story(0.25, 0.89, 1), 600.0);
    check(Rule::ScaleTheSink, &story(0.25, 0.95, 1), &story(0.25, 0.95, 2), 600.0);
}

#[test]
fn room_on_everything_wants_a_bigger_batch() {
    let with = |gpu, memory, cpu| Resources { gpu_memory: Some(memory), ..machine(cpu, gpu) };
    let speaks = Steady::gpu(0.05, with(0.65, 0.65, 0.65)).story();
    for nearly in [with(0.71, 0.65, 0.65), with(0.65, 0.71, 0.65), with(0.65, 0.65, 0.71)] {
        check(Rule::BiggerBatch, &speaks, &Steady::gpu(0.05, nearly).story(), 600.0);
    }
    check(Rule::BiggerBatch, &speaks, &Steady::gpu(0.16, with(0.65, 0.65, 0.65)).story(), 600.0);
    let unknown = Resources { gpu_memory: None, ..with(0.65, 0.65, 0.65) };
    check(Rule::BiggerBatch, &speaks, &Steady::gpu(0.05, unknown).story(), 600.0);
}

#[test]
fn nearly_full_memory_of_a_gpu_wants_a_smaller_batch() {
    let with = |memory| Steady::gpu(0.0, Resources { gpu_memory: Some(memory), ..machine(0.5, 0.9) }).story();
    assert_eq!(check(Rule::SmallerBatch, &with(0.91), &with(0.89), 600.0).severity, Severity::Normal);
    assert_eq!(check(Rule::SmallerBatch, &with(0.98), &with(0.89), 600.0).severity, Severity::Critical);
}

/// As many runs as are said, each on a worker of its own.
fn pieces(pieces: u32) -> Story {
    let mut story = Story::new(&[phase_of("extract", 1_000, 36)]);
    for lane in 0..pieces {
        story = story.run("extract", lane, 0.0, 700.0);
    }
    story.counted(700.0, "extract", 1_000).over(700.0, Outcome::Ok)
}

#[test]
fn five_batches_for_thirty_six_workers_want_to_be_split() {
    let advice = check(Rule::SplitTheBatches, &pieces(5), &pieces(26), 700.0);
    assert_eq!(advice.evidence, "5 pieces of work for 36 workers: 5 at work at most, 31 idle");
    assert!((advice.gain.expect("it has one") - 31.0 / 36.0).abs() < 1e-9, "{advice:?}");
}

#[test]
fn loading_for_each_item_wants_to_be_once_per_worker() {
    let story = |name: &str, role: Role, loads: u32, load_s: f64| {
        let load = PhaseDeclared { role, ..phase_of(name, u64::from(loads), 2) };
        let mut story = Story::new(&[load, phase_of("embed", 100, 2)]);
        for number in 0..100_u32 {
            let at = f64::from(number / 2) * 20.0;
            if number < loads {
                story = story.run(name, number % 2, at, at + load_s);
            }
            story = story.run("embed", number % 2, at + load_s, at + 20.0);
        }
        story.over(1_000.0, Outcome::Ok)
    };
    let declared = story("model", Role::Initialisation, 80, 1.0);
    let advice = check(Rule::LoadOncePerWorker, &declared, &story("model", Role::Initialisation, 79, 1.0), 1_000.0);
    // 78 of 80 seconds of loading, by two workers.
    assert!((advice.gain.expect("it has one") - 0.039).abs() < 1e-3, "{advice:?}");
    // By its name, where nobody says what it is for.
    check(
        Rule::LoadOncePerWorker,
        &story("load_model", Role::Work, 100, 1.0),
        &story("model", Role::Work, 100, 1.0),
        1e3,
    );
    // Few, but they take a tenth of the time.
    let long = |load_s| story("model", Role::Initialisation, 20, load_s);
    check(Rule::LoadOncePerWorker, &long(8.0), &long(7.0), 1_000.0);
    // Once per worker is what is wanted, however long it takes.
    let once = story("model", Role::Initialisation, 2, 19.0);
    check(Rule::LoadOncePerWorker, &declared, &once, 1_000.0);
}

#[test]
fn a_worker_with_far_more_to_do_wants_a_balance() {
    let story = |slowest_s: f64| {
        let mut story = Story::new(&[phase_of("embed", 40, 4)]);
        for number in 0..40_u32 {
            let lane = number % 4;
            let long_s = if lane == 3 { slowest_s } else { 10.0 };
            let at = f64::from(number / 4) * long_s;
            story = story.run("embed", lane, at, at + long_s);
        }
        story.over(slowest_s * 10.0, Outcome::Ok)
    };
    let advice = check(Rule::Rebalance, &story(16.0), &story(14.9), 200.0);
    assert!(advice.evidence.starts_with("worker 3 was busy for 2 min 40 s, 1.6 times the median"), "{advice:?}");
    assert!((advice.gain.expect("it has one") - (160.0 - 115.0) / 160.0).abs() < 1e-3, "{advice:?}");
}

#[test]
fn a_long_item_at_the_end_wants_to_be_first() {
    let story = |last_s: f64| {
        let mut story = Story::new(&[phase_of("extract", 99, 4)]);
        for number in 0..98_u32 {
            let at = f64::from(number / 4) * 40.0;
            story = story.run("extract", number % 4, at, at + 40.0);
        }
        let begin = 960.0 + 40.0;
        story.run("extract", 0, begin, begin + last_s).over(begin + last_s, Outcome::Ok)
    };
    let advice = check(Rule::LongestFirst, &story(400.0), &story(75.0), 1_400.0);
    assert!(advice.evidence.contains("10.0 times the median"), "{advice:?}");
    assert!(advice.gain.is_some_and(|gain| (0.2..0.35).contains(&gain)), "{advice:?}");
    // A long one that is not the last leaves no drain.
    let mut early = Story::new(&[phase_of("extract", 99, 4)]).run("extract", 0, 0.0, 400.0);
    for number in 0..98_u32 {
        let at = f64::from(number / 4) * 40.0;
        if !(number % 4 == 0 && at < 400.0) {
            early = early.run("extract", number % 4, at, at + 40.0);
        }
    }
    check(Rule::LongestFirst, &story(400.0), &early.over(1_000.0, Outcome::Ok), 1_400.0);
}

#[test]
fn phases_on_different_devices_want_to_overlap() {
    let story = |second_device: &str, embed_s: f64| {
        let phases = [on("cpu", phase_of("extract", 10, 1)), on(second_device, phase_of("embed", 10, 1))];
        let end = 1_000.0 + embed_s;
        let story = Story::new(&phases).run("extract", 0, 0.0, 1_000.0).run("embed", 0, 1_000.0, end);
        story.over(end, Outcome::Ok)
    };
    let advice = check(Rule::OverlapPhases, &story("gpu", 500.0), &story("cpu", 500.0), 2_000.0);
    assert!((advice.gain.expect("it has one") - 1.0 / 3.0).abs() < 1e-9, "{advice:?}");
    check(Rule::OverlapPhases, &story("gpu", 500.0), &story("gpu", 50.0), 2_000.0);
}

#[test]
fn slower_than_the_last_five_runs_is_a_regression() {
    let past = |items_per_s: f64| {
        let items = (items_per_s * 600.0) as u64;
        let phase = PastPhase { name: "embed".to_owned(), items, workers: 2, at_work_ns: 600 * S };
        PastRuns { runs: vec![PastRun { phases: vec![phase], eta_error: None }; 5] }
    };
    let state = Steady::gpu(0.0, machine(0.5, 0.9)).story().state();
    let found = |past: &PastRuns| {
        let analysis = Analysis::of(&state, past, &Limits::default(), unix_ns(600.0));
        analysis.advice.into_iter().find(|advice| advice.rule == Rule::Regression)
    };
    let severity = |items_per_s| found(&past(items_per_s)).map(|advice| advice.severity);
    assert_eq!([11.0, 11.2, 13.4].map(severity), [None, Some(Severity::Normal), Some(Severity::High)]);
    let advice = found(&past(12.5)).expect("it speaks");
    assert_eq!(advice.evidence, "10.0/s against 12.5/s in the last 5 runs: 20.0 % slower");
}

#[test]
fn swapping_and_full_staging_space_are_said() {
    let with = |machine: Resources| Steady::gpu(0.0, machine).story();
    let swapping = |bytes| with(Resources { swap_in_bytes_per_s: Some(bytes), ..machine(0.5, 0.9) });
    let advice = check(Rule::LessMemory, &swapping(1.1e6), &swapping(0.9e6), 600.0);
    assert_eq!(advice.evidence, "1.1 MB/s are read back from swap");
    let staging = |share| with(Resources { staging_used: Some(share), ..machine(0.5, 0.9) });
    check(Rule::StagingSpace, &staging(0.81), &staging(0.79), 600.0);
}

#[test]
fn measuring_that_costs_too_much_is_said() {
    let with = |share| Steady::gpu(0.0, Resources { monitoring: Some(share), ..machine(0.5, 0.9) }).story();
    let advice = check(Rule::LowerTheLevel, &with(0.011), &with(0.009), 600.0);
    assert_eq!(advice.threshold, "measuring > 1.0 %");
}

#[test]
fn limits_are_configurable_and_printed() {
    let state = Steady::gpu(0.10, machine(0.50, 0.40)).story().state();
    let limits = Limits { starving: 0.05, ..Limits::default() };
    let analysis = Analysis::of(&state, &PastRuns::default(), &limits, unix_ns(600.0));
    assert!(analysis.advice[0].threshold.contains("waiting > 5.0 %"), "{:?}", analysis.advice);
    assert_eq!(analysis.limits, limits);
}
