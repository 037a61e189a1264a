//! What would be, if: `embed=2x`, `workers:extract=48`, `workers:extract=+12`, `overlap`, and several, with commas.

use std::str::FromStr;

use crate::analysis::{Analysis, PhaseUsage};
use crate::error::Error;
use crate::event::Flow;
use crate::progress::replay_ns;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    text: String,
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Faster { phase: String, factor: f64 },
    Workers { phase: String, workers: Workers },
    Overlap,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Workers {
    All(u32),
    More(u32),
}

/// What would be.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Answer {
    /// What was asked.
    pub question: String,
    /// How long the run took.
    pub before_ns: u64,
    /// How long it would take.
    pub after_ns: u64,
    /// By how much that is shorter, as a share.
    pub shorter: f64,
    /// How many times as fast.
    pub speedup: f64,
    /// Items per second of the run then, at most.
    pub items_per_s: Option<f64>,
    /// What that supposes.
    pub assumption: &'static str,
}

const HOW: &str = "say PHASE=2x, workers:PHASE=48, workers:PHASE=+12 or overlap, with commas between them";

impl FromStr for WhatIf {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let changes = text.split(',').map(|part| change(part.trim()).map_err(|why| Error::what_if(text, why)));
        Ok(Self { text: text.trim().to_owned(), changes: changes.collect::<Result<_, _>>()? })
    }
}

fn change(part: &str) -> Result<Change, String> {
    if part == "overlap" {
        return Ok(Change::Overlap);
    }
    let not_understood = || format!("{part:?} is not understood; {HOW}");
    // A phase's name may hold an equals sign, what follows the last one cannot.
    let (left, right) = part.rsplit_once('=').ok_or_else(not_understood)?;
    let (left, right) = (left.trim(), right.trim());
    if let Some(phase) = left.strip_prefix("workers:") {
        let (number, of): (_, fn(u32) -> Workers) = match right.strip_prefix('+') {
            Some(more) => (more, Workers::More),
            None => (right, Workers::All),
        };
        let workers = number.parse().ok().filter(|workers| *workers > 0);
        let workers = workers.ok_or_else(|| format!("{right:?} is no number of workers, such as 48 or +12"))?;
        return Ok(Change::Workers { phase: phase.trim().to_owned(), workers: of(workers) });
    }
    let number = right.strip_suffix(['x', '×']).ok_or_else(|| format!("{right:?} is no factor, such as 2x"))?;
    let factor = number.trim().parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    let factor = factor.ok_or_else(|| format!("{right:?} is no factor above 0, such as 2x"))?;
    if left.is_empty() {
        return Err(not_understood());
    }
    Ok(Change::Faster { phase: left.to_owned(), factor })
}

/// A phase as it would be.
struct Changed<'a> {
    usage: &'a PhaseUsage,
    /// How many times as fast each worker is.
    factor: f64,
    /// How many workers there are.
    workers: f64,
}

impl Changed<'_> {
    /// What it would take of a time that it takes now. With other workers its items are replayed, where they are known:
    /// no item gets shorter by more workers, and at the end some of them have nothing to do.
    fn shortened_ns(&self, time_ns: f64) -> f64 {
        time_ns * self.replayed().unwrap_or(self.usage.crew() / self.workers) / self.factor
    }

    fn replayed(&self) -> Option<f64> {
        if self.workers == self.usage.crew() {
            return None;
        }
        let [now_ns, then_ns] =
            [self.usage.crew(), self.workers].map(|workers| replay_ns(&self.usage.service, workers as usize));
        now_ns.zip(then_ns).filter(|(now_ns, _)| *now_ns > 0.0).map(|(now_ns, then_ns)| then_ns / now_ns)
    }
}

impl Analysis {
    /// What would be.
    ///
    /// # Errors
    ///
    /// It is asked of a phase that is not there, or the run has no length.
    pub fn what_if(&self, asked: &WhatIf) -> Result<Answer, Error> {
        let refuse = |why| Error::what_if(&asked.text, why);
        let mut phases: Vec<_> =
            self.phases.iter().map(|usage| Changed { usage, factor: 1.0, workers: usage.crew() }).collect();
        for change in &asked.changes {
            self.apply(change, &mut phases).map_err(refuse)?;
        }
        let before_ns = self.wall_ns as f64;
        if before_ns <= 0.0 {
            return Err(refuse("the run has no length yet: ask again when something has happened".to_owned()));
        }
        let overlaps = asked.changes.contains(&Change::Overlap);
        let (after_ns, assumption) = match self.flow {
            Flow::Streaming => (streaming_ns(&phases, before_ns), STREAMING),
            Flow::Sequential if overlaps => (overlapped_ns(&phases, before_ns), OVERLAPPED),
            Flow::Sequential if phases.iter().any(|phase| phase.replayed().is_some()) => {
                (sequential_ns(&phases, before_ns), REPLAYED)
            }
            Flow::Sequential => (sequential_ns(&phases, before_ns), SEQUENTIAL),
        };
        Ok(Answer {
            question: asked.text.clone(),
            before_ns: self.wall_ns,
            after_ns: after_ns.round() as u64,
            shorter: 1.0 - after_ns / before_ns,
            speedup: before_ns / after_ns,
            items_per_s: self.items_per_s.map(|rate| rate * before_ns / after_ns),
            assumption,
        })
    }

    fn apply(&self, change: &Change, phases: &mut [Changed<'_>]) -> Result<(), String> {
        let (name, workers, factor) = match change {
            Change::Overlap => return Ok(()),
            Change::Faster { phase, factor } => (phase, None, *factor),
            Change::Workers { phase, workers } => (phase, Some(*workers), 1.0),
        };
        let Some(phase) = phases.iter_mut().find(|phase| phase.usage.name == *name) else {
            return Err(self.unknown(name));
        };
        phase.factor *= factor;
        phase.workers = match workers {
            None => phase.workers,
            Some(Workers::All(workers)) => f64::from(workers),
            Some(Workers::More(workers)) => phase.workers + f64::from(workers),
        };
        Ok(())
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<_> = self.phases.iter().map(|phase| &*phase.name).collect();
        match known.is_empty() {
            true => format!("there is no phase {name:?}, and no other yet"),
            false => format!("there is no phase {name:?}; there are {}", known.join(", ")),
        }
    }
}

const SEQUENTIAL: &str = "phases stay one after the other; only the phase's own time on the critical path changes";
const REPLAYED: &str = "phases stay one after the other; items take as long as they did, and go to whoever is free";
const OVERLAPPED: &str =
    "phases hand items on as soon as they have them and do not hinder each other: the longest remains";
const STREAMING: &str = "the slowest phase sets the pace, and queues never run dry";

/// T′ = T − T_cp·(1 − 1/k).
fn sequential_ns(phases: &[Changed<'_>], before_ns: f64) -> f64 {
    let saved = |phase: &Changed<'_>| {
        let on_path_ns = phase.usage.on_path_ns as f64;
        on_path_ns - phase.shortened_ns(on_path_ns)
    };
    before_ns - phases.iter().map(saved).sum::<f64>()
}

/// As long as the longest of those that lie within no other.
fn overlapped_ns(phases: &[Changed<'_>], before_ns: f64) -> f64 {
    let outer = phases.iter().filter(|phase| phase.usage.parent.is_none());
    let longest_ns = outer.map(|phase| phase.shortened_ns(phase.usage.at_work_ns as f64)).fold(0.0, f64::max);
    if longest_ns > 0.0 { longest_ns } else { before_ns }
}

/// X′ = min(k·μ, the other μ), as a multiple of what the slowest allows now.
fn streaming_ns(phases: &[Changed<'_>], before_ns: f64) -> f64 {
    let slowest = |of: &dyn Fn(&Changed<'_>) -> f64| phases.iter().map(of).fold(0.0, f64::max);
    let now_ns = slowest(&|phase| phase.usage.demand_ns());
    let then_ns = slowest(&|phase| phase.shortened_ns(phase.usage.demand_ns()));
    if now_ns > 0.0 { before_ns * then_ns / now_ns } else { before_ns }
}
