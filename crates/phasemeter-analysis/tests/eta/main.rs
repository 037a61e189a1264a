//! Our estimates beside those of tqdm and indicatif, over six workloads that anybody can repeat.
//! `UPDATE_GOLDEN=1 cargo test -p phasemeter-analysis --test eta` writes `docs/eta.md`.

mod chance;
mod peers;
#[path = "../story/mod.rs"]
mod story;
mod workloads;

use std::fmt::Write as _;
use std::path::Path;

use peers::{Indicatif, Tqdm};
use phasemeter_analysis::event::{Counted, Counts, PhaseDeclared, PhaseEnded, PhaseStarted};
use phasemeter_analysis::progress::{Eta, PastRuns};
use phasemeter_analysis::{Event, EventKind, Progress, RunState};
use phasemeter_core::Outcome;
use story::{phase_of, unix_ns};
use workloads::{Workload, all};

/// An estimate that is missing, or wrong by more, counts as wrong by this factor.
const WORST: f64 = 1_000.0;

/// What of a workload our estimator is told.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Counts,
    Weights,
    Items,
}

/// One line of the table: errors as the mean |ln(estimate ÷ truth)|.
#[derive(Debug)]
struct Row {
    workload: Workload,
    cumulative: f64,
    tqdm: f64,
    indicatif: f64,
    counts: f64,
    /// With weights or items, where the workload has them.
    more: Option<(Told, f64)>,
    /// How often the truth is in the range that is given with the latter, or with the former where there is no latter.
    in_range: f64,
}

impl Row {
    fn of(workload: Workload) -> Self {
        let more = match (workload.total_weight, workload.has_spans) {
            (Some(_), _) => Some(Told::Weights),
            (None, true) => Some(Told::Items),
            (None, false) => None,
        };
        Self {
            cumulative: error(&workload, estimates::<Cumulative>(&workload)),
            tqdm: error(&workload, estimates::<Tqdm>(&workload)),
            indicatif: error(&workload, estimates::<Indicatif>(&workload)),
            counts: error(&workload, medians_s(&ours(&workload, Told::Counts))),
            more: more.map(|told| (told, error(&workload, medians_s(&ours(&workload, told))))),
            in_range: in_range(&workload, &ours(&workload, more.unwrap_or(Told::Counts))),
            workload,
        }
    }

    /// With what the workload has to tell.
    fn ours(&self) -> f64 {
        self.more.map_or(self.counts, |(_, error)| error)
    }
}

/// The moments at which estimates are asked for: each hundredth of the run, from a twentieth to the last one.
fn moments(workload: &Workload) -> impl Iterator<Item = f64> {
    let end_s = workload.end_s();
    (5..=95).map(move |hundredth| end_s * f64::from(hundredth) / 100.0)
}

fn error(workload: &Workload, estimates_s: Vec<f64>) -> f64 {
    let errors = moments(workload).zip(&estimates_s).map(|(now_s, estimate_s)| {
        let error = (estimate_s / (workload.end_s() - now_s)).ln().abs();
        if error.is_nan() { WORST.ln() } else { error.min(WORST.ln()) }
    });
    errors.sum::<f64>() / estimates_s.len() as f64
}

/// An estimator that is told of what is done, and asked for the rest.
trait Estimator: Default {
    fn count(&mut self, at_s: f64, items: u64);
    fn eta_s(&self, now_s: f64, total: u64) -> f64;
}

impl Estimator for Tqdm {
    fn count(&mut self, at_s: f64, items: u64) {
        self.count(at_s, items);
    }

    fn eta_s(&self, now_s: f64, total: u64) -> f64 {
        self.eta_s(now_s, total)
    }
}

impl Estimator for Indicatif {
    fn count(&mut self, at_s: f64, items: u64) {
        self.count(at_s, items);
    }

    fn eta_s(&self, now_s: f64, total: u64) -> f64 {
        self.eta_s(now_s, total)
    }
}

/// All items over all the time.
#[derive(Debug, Default)]
struct Cumulative(u64);

impl Estimator for Cumulative {
    fn count(&mut self, _: f64, items: u64) {
        self.0 += items;
    }

    fn eta_s(&self, now_s: f64, total: u64) -> f64 {
        (total - self.0) as f64 * now_s / self.0 as f64
    }
}

fn estimates<E: Estimator>(workload: &Workload) -> Vec<f64> {
    let mut ends: Vec<_> = workload.steps.iter().map(|step| (step.ended_s, step.items)).collect();
    ends.sort_by(|one, two| one.0.total_cmp(&two.0));
    let mut ends = ends.into_iter().peekable();
    let mut estimator = E::default();
    let estimate = |now_s: f64| {
        while let Some((at_s, items)) = ends.next_if(|(at_s, _)| *at_s <= now_s) {
            estimator.count(at_s, items);
        }
        estimator.eta_s(now_s, workload.total)
    };
    moments(workload).map(estimate).collect()
}

/// What happens, as a program with these handles tells it.
fn events(workload: &Workload, told: Told) -> Vec<Event> {
    let mut moments: Vec<(f64, EventKind)> = Vec::new();
    for (span, step) in workload.steps.iter().enumerate().filter(|_| told == Told::Items) {
        let span = span as u64;
        let started = PhaseStarted { span, phase: "work".to_owned(), lane: Some(step.lane), ..Default::default() };
        moments.push((step.began_s, EventKind::PhaseStarted(started)));
        moments.push((step.ended_s, EventKind::PhaseEnded(PhaseEnded { span, outcome: Outcome::Ok })));
    }
    let mut ends: Vec<_> = workload.steps.iter().collect();
    ends.sort_by(|one, two| one.ended_s.total_cmp(&two.ended_s));
    let mut counts = Counts::default();
    for step in ends {
        counts = Counts { ok: counts.ok + step.items, weight: counts.weight + step.weight, ..counts };
        let counted = Counted { phase: "work".to_owned(), counts };
        moments.push((step.ended_s, EventKind::Counted(counted)));
    }
    moments.sort_by(|one, two| one.0.total_cmp(&two.0));
    moments.into_iter().map(|(at_s, event)| Event { at_ns: unix_ns(at_s), event }).collect()
}

/// What our own progress says, folded from the same events as a journal holds.
fn ours(workload: &Workload, told: Told) -> Vec<Option<Eta>> {
    let total_weight = workload.total_weight.filter(|_| told == Told::Weights);
    let phase = PhaseDeclared { total_weight, ..phase_of("work", workload.total, workload.workers) };
    let declared = EventKind::Declared(story::declared(&[phase]));
    let mut state = RunState::of(&[Event { at_ns: unix_ns(0.0), event: declared }]);
    let events = events(workload, told);
    let mut events = events.iter().peekable();
    let estimate = |now_s: f64| {
        while let Some(event) = events.next_if(|event| event.at_ns <= unix_ns(now_s)) {
            state.apply(event);
        }
        Progress::of(&state, &PastRuns::default(), unix_ns(now_s)).eta
    };
    moments(workload).map(estimate).collect()
}

fn medians_s(etas: &[Option<Eta>]) -> Vec<f64> {
    etas.iter().map(|eta| eta.map_or(f64::NAN, |eta| eta.median_ns as f64 / 1e9)).collect()
}

fn in_range(workload: &Workload, etas: &[Option<Eta>]) -> f64 {
    let is_in = |(now_s, eta): &(f64, &Option<Eta>)| {
        let left_ns = ((workload.end_s() - now_s) * 1e9) as u64;
        eta.is_some_and(|eta| (eta.low_ns..=eta.high_ns).contains(&left_ns))
    };
    moments(workload).zip(etas).filter(is_in).count() as f64 / etas.len() as f64
}

fn geometric_mean(errors: impl Iterator<Item = f64>) -> f64 {
    let logarithms: Vec<_> = errors.map(f64::ln).collect();
    (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp()
}

fn rows(series: u64) -> Vec<Row> {
    all(series).into_iter().map(Row::of).collect()
}

const HEAD: &str = "\
# How good the estimates are

How long a run will still take, asked at each hundredth of six simulated runs, from 5 % to 95 %; the error is the mean of
|ln(estimate ÷ truth)|, so 0.10 is wrong by about 10 %, 0.69 by a factor of 2. One that is missing, or wrong by more than a
factor of 1000, counts as that. Lower is better.

`UPDATE_GOLDEN=1 cargo test -p phasemeter-analysis --test eta` writes this page, and the same test without it fails where
the page says something else. The estimators of tqdm (4, smoothing 0.3) and indicatif (0.17.4 and later) are their published
formulas, written anew in `crates/phasemeter-analysis/tests/eta/peers.rs`; the runs are made in `workloads.rs` beside it.
That they were not picked, the test `other_seeds_say_the_same` sees to.

| workload | cumulative | tqdm | indicatif | ours, counts only | ours, as told | told | in range |
|---|---:|---:|---:|---:|---:|---|---:|
";

const FOOT: &str = "
*Counts only* sees when items were counted, and looks back about as far as there is to look ahead: a half-life of half the
remaining time, of eight counts or of 30 s, whichever is most. *As told* is what a program gets that says a little more:
the weight of its items (pages, bytes, tokens), or runs of a phase that are one item each, from which the rest is played
through worker by worker, with those in flight as old as they are. *In range* is how often the truth was within the range
that is given with it, which is meant to be eight times in ten; moments of one run go wrong together, so 0 % and 100 % are
more likely than they would be for moments of different runs.

How the runs are made, from a seed of their own each:

";

fn page(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    let mut line = |name: &str, values: [f64; 5], told: &str, in_range: &str| {
        let [cumulative, tqdm, indicatif, counts, ours] = values.map(|value| format!("{value:.3}"));
        let _ = writeln!(
            page,
            "| {name} | {cumulative} | {tqdm} | {indicatif} | {counts} | {ours} | {told} | {in_range} |"
        );
    };
    let values = |row: &Row| [row.cumulative, row.tqdm, row.indicatif, row.counts, row.ours()];
    for row in rows {
        let told = match row.more {
            None => "counts",
            Some((Told::Weights, _)) => "weights",
            Some((Told::Items, _)) => "items in flight",
            Some((Told::Counts, _)) => unreachable!("that is not more"),
        };
        line(row.workload.name, values(row), told, &format!("{:.0} %", row.in_range * 100.0));
    }
    let column = |place: usize| geometric_mean(rows.iter().map(|row| values(row)[place]));
    line("**geometric mean**", [0, 1, 2, 3, 4].map(column), "", "");
    page += FOOT;
    for row in rows {
        let _ = writeln!(page, "- {}: {}.", row.workload.name, row.workload.recipe);
    }
    page
}

/// Better on the whole, even by counts alone, and nowhere worse than the better of both by more than 0.2.
#[track_caller]
fn check_ours_are_better(rows: &[Row]) {
    let mean = |of: fn(&Row) -> f64| geometric_mean(rows.iter().map(of));
    let others = mean(|row| row.tqdm).min(mean(|row| row.indicatif));
    assert!(mean(Row::ours) < others && mean(|row| row.counts) < others, "{rows:#?}");
    for row in rows {
        let better = row.tqdm.min(row.indicatif);
        assert!(row.ours() <= better + 0.2, "{}: {} for {better}", row.workload.name, row.ours());
    }
}

#[test]
fn the_page_of_estimates_is_as_it_was_and_ours_are_better() {
    let rows = rows(0);
    let page = page(&rows);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/eta.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("docs can be written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/eta.md is there");
    assert!(written == page, "docs/eta.md differs: UPDATE_GOLDEN=1 cargo test -p phasemeter-analysis --test eta");

    check_ours_are_better(&rows);
}

#[test]
fn other_seeds_say_the_same() {
    for series in 1..=2 {
        check_ours_are_better(&rows(series));
    }
}
