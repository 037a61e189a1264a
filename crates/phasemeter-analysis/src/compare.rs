//! Two runs of a pipeline beside each other: what became slower, whether that is more than noise, and why.

use crate::analysis::{Analysis, Limits, PhaseUsage};
use crate::error::Error;
use crate::words::{change, duration, percent};

/// One run against another.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Comparison {
    /// The run that is compared with.
    pub base: String,
    /// The run that is compared.
    pub head: String,
    /// How long the base took.
    pub base_ns: u64,
    /// How long the head took.
    pub head_ns: u64,
    /// How much longer, as a share; negative where it is shorter.
    pub change: f64,
    /// How much longer for each item that the run has put out, where both have put out items of the same phase.
    pub change_by_item: Option<f64>,
    /// Each phase of either.
    pub phases: Vec<PhaseChange>,
    /// All of it in one sentence.
    pub verdict: String,
    /// Two that differ by less are equal.
    pub limit: f64,
}

/// One phase against itself.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct PhaseChange {
    /// Its name.
    pub name: String,
    /// How long an item took; the whole phase, where either has no items.
    pub base_ns: Option<f64>,
    /// The same of the head.
    pub head_ns: Option<f64>,
    /// How much longer, as a share.
    pub change: Option<f64>,
    /// How much longer an item held a worker: the phase of which most of the time went.
    pub worker_ns: Option<f64>,
    /// What of it may be noise, as a share.
    pub noise: f64,
    /// Whether it is more than noise, and than the limit.
    pub is_real: bool,
    /// Why, where it is real.
    pub cause: Option<String>,
}

impl Comparison {
    /// Compares a run with another.
    ///
    /// # Errors
    ///
    /// One has no length, or they are of two pipelines, or they have no phase in common.
    pub fn of(base: &Analysis, head: &Analysis, limits: &Limits) -> Result<Self, Error> {
        let lengthless = [base, head].into_iter().find(|analysis| analysis.wall_ns == 0);
        if let Some(analysis) = lengthless {
            return Err(Error::comparison(format!("run {:?} has no length yet", analysis.run)));
        }
        if base.pipeline != head.pipeline {
            return Err(Error::comparison(format!(
                "{:?} is of pipeline {:?}, and {:?} of {:?}; compare runs of one pipeline",
                base.run, base.pipeline, head.run, head.pipeline
            )));
        }
        if !head.phases.iter().any(|phase| base.phase(&phase.name).is_some()) {
            let names =
                |analysis: &Analysis| analysis.phases.iter().map(|phase| &*phase.name).collect::<Vec<_>>().join(", ");
            return Err(Error::comparison(format!(
                "they have no phase in common: {:?} has {}, and {:?} has {}; compare runs of one pipeline",
                base.run,
                names(base),
                head.run,
                names(head)
            )));
        }
        let gone = base.phases.iter().filter(|phase| head.phase(&phase.name).is_none());
        let phases = head.phases.iter().map(|phase| (&*phase.name, base.phase(&phase.name), Some(phase)));
        let phases = phases.chain(gone.map(|phase| (&*phase.name, Some(phase), None)));
        let phases = phases.map(|(name, one, two)| phase_change(name, one, two, head, limits)).collect();
        let mut comparison = Self {
            base: base.run.clone(),
            head: head.run.clone(),
            base_ns: base.wall_ns,
            head_ns: head.wall_ns,
            change: head.wall_ns as f64 / base.wall_ns as f64 - 1.0,
            change_by_item: change_by_item(base, head),
            phases,
            verdict: String::new(),
            limit: limits.change,
        };
        comparison.verdict = verdict(&comparison);
        Ok(comparison)
    }

    /// The phase that became slower beyond noise and costs the most by it, and by how much it did. Where phases stream,
    /// all of them become slower together, and only one is to blame.
    #[must_use]
    pub fn worst(&self) -> Option<(&PhaseChange, f64)> {
        let real = self.phases.iter().filter(|phase| phase.is_real);
        let slower = real.filter_map(|phase| Some((phase, phase.change.filter(|change| *change > 0.0)?)));
        let cost = |phase: &PhaseChange| phase.worker_ns.unwrap_or(0.0);
        slower.max_by(|(one, _), (two, _)| cost(one).total_cmp(&cost(two)))
    }

    /// Whether any phase, or the whole run, became slower by more than this share, beyond noise; phases that are new count
    /// as a share of the base, less those that are gone.
    #[must_use]
    pub fn is_slower_by(&self, share: f64) -> bool {
        self.phases.iter().any(|phase| phase.is_real && phase.change.is_some_and(|change| change > share))
            || self.slower().is_some_and(|change| change > share)
            || self.added().is_some_and(|(_, added)| added > share)
    }

    /// By how much the whole run became slower, where that is more than the limit and than the noise of its phases.
    fn slower(&self) -> Option<f64> {
        let noise = self.phases.iter().map(|phase| phase.noise).fold(self.limit, f64::max);
        Some(self.change_by_item.unwrap_or(self.change)).filter(|change| *change > noise)
    }

    /// The longest phase that is new, and what new ones take more than those that are gone, where that is above the limit.
    fn added(&self) -> Option<(&PhaseChange, f64)> {
        let new = || self.phases.iter().filter(|phase| phase.base_ns.is_none());
        let gone = self.phases.iter().filter(|phase| phase.head_ns.is_none()).filter_map(|phase| phase.base_ns);
        let added_ns = new().filter_map(|phase| phase.head_ns).sum::<f64>() - gone.sum::<f64>();
        let longest = new().max_by(|one, two| one.head_ns.unwrap_or(0.0).total_cmp(&two.head_ns.unwrap_or(0.0)))?;
        Some((longest, added_ns / self.base_ns as f64)).filter(|(_, added)| *added > self.limit)
    }
}

/// A run over more items takes longer, and is not slower for it.
fn change_by_item(base: &Analysis, head: &Analysis) -> Option<f64> {
    let last = |analysis: &Analysis| {
        let outer = analysis.phases.iter().filter(|phase| phase.parent.is_none() && !phase.is_initialisation);
        outer.rev().find(|phase| phase.items > 0).map(|phase| phase.name.clone())
    };
    let is_same = last(base).is_some_and(|name| last(head) == Some(name));
    let by_item = |analysis: &Analysis| analysis.wall_ns as f64 / analysis.items.max(1) as f64;
    is_same.then(|| by_item(head) / by_item(base) - 1.0)
}

fn phase_change(
    name: &str,
    base: Option<&PhaseUsage>,
    head: Option<&PhaseUsage>,
    run: &Analysis,
    limits: &Limits,
) -> PhaseChange {
    let has_items = |phase: Option<&PhaseUsage>| phase.is_some_and(|phase| phase.items > 0);
    let is_by_item = has_items(base) && has_items(head);
    let took = |phase: &PhaseUsage| {
        let items = if is_by_item { phase.items.max(1) } else { 1 };
        (phase.at_work_ns > 0).then(|| phase.at_work_ns as f64 / items as f64)
    };
    let (base_ns, head_ns) = (base.and_then(took), head.and_then(took));
    let share = base_ns.zip(head_ns).map(|(base_ns, head_ns)| head_ns / base_ns - 1.0);
    let of_phase = |phase: Option<&PhaseUsage>| phase.and_then(|phase| phase.noise).unwrap_or(0.0);
    let held = |phase: &PhaseUsage| {
        let held_ns = phase.busy_ns.saturating_add(phase.waiting_in_ns).saturating_add(phase.waiting_out_ns);
        held_ns as f64 / if is_by_item { phase.items.max(1) as f64 } else { 1.0 }
    };
    let worker_ns = base.zip(head).map(|(base, head)| held(head) - held(base));
    let noise = limits.noise * of_phase(base).hypot(of_phase(head));
    let is_real = share.is_some_and(|share| share.abs() > limits.change.max(noise));
    let cause = base.zip(head).zip(share).filter(|_| is_real);
    let cause = cause.map(|((base, head), share)| cause_of(base, head, share, run, limits));
    PhaseChange { name: name.to_owned(), base_ns, head_ns, change: share, worker_ns, noise, is_real, cause }
}

/// What of a worker's time per item has changed the most.
fn cause_of(base: &PhaseUsage, head: &PhaseUsage, share: f64, run: &Analysis, limits: &Limits) -> String {
    let by_item = |ns: u64, phase: &PhaseUsage| ns as f64 / phase.items.max(1) as f64;
    let parts =
        |phase: &PhaseUsage| [phase.busy_ns, phase.waiting_in_ns, phase.waiting_out_ns].map(|ns| by_item(ns, phase));
    let ([busy, input, output], [busy_then, input_then, output_then]) = (parts(head), parts(base));
    let direction = share.signum();
    let grown = [busy - busy_then, input - input_then, output - output_then].map(|grown| grown * direction);
    let all_then: f64 = parts(base).iter().sum();
    if head.workers != base.workers && grown.iter().all(|grown| *grown <= limits.change * all_then) {
        return format!("{} workers instead of {}", head.workers, base.workers);
    }
    let [busy_grown, input_grown, output_grown] = grown;
    let more = if share > 0.0 { "waiting" } else { "less waiting" };
    if output_grown > busy_grown.max(input_grown) {
        return format!("{more} on {}, not compute", neighbour(run, head, true));
    }
    if input_grown > busy_grown {
        return format!("{more} on {}, not compute", neighbour(run, head, false));
    }
    format!("compute: an item takes {} instead of {}", duration(busy as u64), duration(busy_then as u64))
}

/// The phase beside this one, behind or before it, or what stands there instead.
fn neighbour(run: &Analysis, phase: &PhaseUsage, is_behind: bool) -> String {
    let beside: Vec<_> =
        run.phases.iter().filter(|other| other.parent == phase.parent && !other.is_initialisation).collect();
    let place = beside.iter().position(|other| other.name == phase.name);
    let place = place.and_then(|place| if is_behind { Some(place + 1) } else { place.checked_sub(1) });
    let name = place.and_then(|place| beside.get(place)).map(|other| other.name.clone());
    name.unwrap_or_else(|| if is_behind { "its output" } else { "its input" }.to_owned())
}

fn verdict(comparison: &Comparison) -> String {
    let shown = |phase: &PhaseChange, share: f64| {
        let cause = phase.cause.as_deref().map_or(String::new(), |cause| format!(": {cause}"));
        format!("{} {}{cause}", phase.name, change(share))
    };
    if let Some((phase, share)) = comparison.worst() {
        return shown(phase, share);
    }
    if let Some((phase, added)) = comparison.added() {
        let took = duration(phase.head_ns.unwrap_or(0.0) as u64);
        return format!("{} is new and takes {took}: {} of what the whole run took", phase.name, change(added));
    }
    if let Some(share) = comparison.slower() {
        let of = if comparison.change_by_item.is_some() { " for each item" } else { "" };
        return format!("the whole run takes {} longer{of}, and no phase does beyond noise", percent(share));
    }
    let real = comparison.phases.iter().filter(|phase| phase.is_real);
    let faster = real.filter_map(|phase| Some((phase, phase.change?)));
    let saved = |phase: &PhaseChange| phase.worker_ns.unwrap_or(0.0);
    match faster.min_by(|(one, _), (two, _)| saved(one).total_cmp(&saved(two))) {
        Some((phase, share)) => shown(phase, share),
        None => "no phase differs by more than noise".to_owned(),
    }
}
