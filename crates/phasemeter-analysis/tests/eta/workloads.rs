//! Six seeded workloads: which item begins when, on which worker, and when the program says that it is done.

use crate::chance::Chance;

/// A run of one phase.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How it is made, for the page.
    pub(crate) recipe: &'static str,
    pub(crate) workers: u32,
    pub(crate) steps: Vec<Step>,
    pub(crate) total: u64,
    /// Whether sizes are known, and make the cost.
    pub(crate) total_weight: Option<u64>,
    /// Whether each item is a run of the phase that is seen to begin and to end.
    pub(crate) has_spans: bool,
}

/// Items that are done with at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) began_s: f64,
    pub(crate) ended_s: f64,
    pub(crate) lane: u32,
    pub(crate) items: u64,
    pub(crate) weight: u64,
}

impl Workload {
    /// When the last item is done.
    pub(crate) fn end_s(&self) -> f64 {
        self.steps.iter().map(|step| step.ended_s).fold(0.0, f64::max)
    }
}

/// All of them; the page shows the first series, others are there to see that it was not picked.
pub(crate) fn all(series: u64) -> [Workload; 6] {
    let chance = |number: u64| Chance::seeded(series * 100 + number);
    [
        commits(chance(1)),
        on_and_off(chance(2)),
        halving(chance(3)),
        size_sorted(chance(4)),
        twenty_items(chance(5)),
        heavy_tail(chance(6)),
    ]
}

/// One after the other, each as long as is said.
fn one_by_one(durations_s: impl IntoIterator<Item = (f64, u64, u64)>) -> Vec<Step> {
    let mut now_s = 0.0;
    let step = |(duration_s, items, weight)| {
        let began_s = now_s;
        now_s += duration_s;
        Step { began_s, ended_s: now_s, lane: 0, items, weight }
    };
    durations_s.into_iter().map(step).collect()
}

fn commits(mut chance: Chance) -> Workload {
    let durations = (0..200).map(|_| (500.0 / 48.0 * chance.log_normal(0.35), 500, 0));
    Workload {
        name: "500-item commits",
        recipe: "100 000 items at 48/s in commits of 500, each with a log-normal factor of σ 0.35",
        workers: 1,
        steps: one_by_one(durations),
        total: 100_000,
        total_weight: None,
        has_spans: false,
    }
}

fn on_and_off(mut chance: Chance) -> Workload {
    let mut steps = Vec::new();
    for cycle in 0..20_u32 {
        let begin_s = f64::from(cycle) * 120.0;
        let mut now_s = begin_s;
        while now_s < begin_s + 60.0 {
            let began_s = now_s;
            now_s += 0.1 * chance.log_normal(0.2);
            steps.push(Step { began_s, ended_s: now_s, lane: 0, items: 1, weight: 0 });
        }
    }
    Workload {
        name: "60 s on / 60 s off",
        recipe: "20 times: items of 0.1 s, log-normal with σ 0.2, for 60 s, then nothing for 60 s",
        workers: 1,
        total: steps.len() as u64,
        steps,
        total_weight: None,
        has_spans: false,
    }
}

fn halving(mut chance: Chance) -> Workload {
    let durations = (0..6_000).map(|number| {
        let duration_s = if number < 3_000 { 0.1 } else { 0.2 };
        (duration_s * chance.log_normal(0.3), 1, 0)
    });
    Workload {
        name: "rate halves midway",
        recipe: "3 000 items of 0.1 s, then 3 000 of 0.2 s, log-normal with σ 0.3",
        workers: 1,
        steps: one_by_one(durations),
        total: 6_000,
        total_weight: None,
        has_spans: false,
    }
}

fn size_sorted(mut chance: Chance) -> Workload {
    let mut sizes: Vec<_> = (0..2_000).map(|_| 20.0 * chance.log_normal(0.6)).collect();
    sizes.sort_by(f64::total_cmp);
    let weights: Vec<_> = sizes.iter().map(|size| size.ceil() as u64).collect();
    let total_weight = weights.iter().sum();
    let durations =
        weights.iter().map(|weight| (*weight as f64 * 0.02 * chance.log_normal(0.2), 1, *weight)).collect::<Vec<_>>();
    Workload {
        name: "size-sorted",
        recipe: "2 000 items, smallest first: log-normal pages with median 20 and σ 0.6; 0.02 s a page, σ 0.2",
        workers: 1,
        steps: one_by_one(durations),
        total: 2_000,
        total_weight: Some(total_weight),
        has_spans: false,
    }
}

fn twenty_items(mut chance: Chance) -> Workload {
    Workload {
        name: "20 items × 5 s",
        recipe: "20 items of 5 s, log-normal with σ 0.03, one worker",
        workers: 1,
        steps: one_by_one((0..20).map(|_| (5.0 * chance.log_normal(0.03), 1, 0))),
        total: 20,
        total_weight: None,
        has_spans: true,
    }
}

fn heavy_tail(mut chance: Chance) -> Workload {
    let workers = 36;
    let mut free_s = vec![0.0_f64; workers];
    let mut steps = Vec::new();
    for _ in 0..1_000 {
        let lane = (0..workers).min_by(|one, two| free_s[*one].total_cmp(&free_s[*two])).expect("there are workers");
        let began_s = free_s[lane];
        let ended_s = began_s + 60.0 * chance.log_normal(1.0);
        free_s[lane] = ended_s;
        steps.push(Step { began_s, ended_s, lane: lane as u32, items: 1, weight: 0 });
    }
    Workload {
        name: "1000 documents, 36 workers, heavy tail",
        recipe: "1 000 items with median 60 s, log-normal with σ 1, each to the worker that is free first",
        workers: workers as u32,
        steps,
        total: 1_000,
        total_weight: None,
        has_spans: true,
    }
}
