//! Rules about workers: too few pieces for them, the same loaded again and again, one with more to do, long items last.

use crate::analysis::advice::{Advice, OfPhase, Rule};
use crate::words::{duration, percent};

impl OfPhase<'_> {
    fn has_lasted(&self) -> bool {
        self.usage.at_work_ns as f64 / 1e9 > self.case.analysis.limits.skip_first_s
    }

    /// Fewer pieces than workers, so that some have nothing to do.
    pub(super) fn split_the_batches(&self) -> Option<Advice> {
        let limits = &self.case.analysis.limits;
        let phase = self.case.state.phases.get(self.place)?;
        let (workers, pieces) = (u64::from(phase.workers?), self.usage.runs.saturating_add(phase.active));
        // Runs that do not say which worker they are on may be the whole phase.
        let at_work = phase.peak_active.max(phase.lanes.len() as u64);
        let is_piecewise = !phase.lanes.is_empty() && pieces > 0;
        let share = at_work as f64 / workers as f64;
        if !self.has_lasted() || !is_piecewise || pieces >= workers || share >= limits.workers_at_work {
            return None;
        }
        let evidence = format!(
            "{pieces} pieces of work for {workers} workers: {at_work} at work at most, {} idle",
            workers.saturating_sub(at_work)
        );
        let threshold = format!("pieces < workers, workers at work < {}", percent(limits.workers_at_work));
        let spread = self.usage.busy_ns as f64 / workers as f64 / self.usage.at_work_ns.max(1) as f64;
        let action = "split the work into more pieces than there are workers";
        let gain = self.gain(1.0 - spread);
        Some(Advice { gain, ..self.advise(Rule::SplitTheBatches, action, evidence, threshold) })
    }

    /// Initialisation for each item instead of for each worker, or that takes too much.
    pub(super) fn load_once_per_worker(&self) -> Option<Advice> {
        let (limits, phases) = (&self.case.analysis.limits, &self.case.analysis.phases);
        if !self.usage.is_initialisation || self.usage.runs == 0 {
            return None;
        }
        let work = || phases.iter().filter(|phase| !phase.is_initialisation);
        let items = work().map(|phase| phase.items).max()?;
        let workers = u64::from(work().map(|phase| phase.workers).max().unwrap_or(1).max(self.usage.workers));
        let outer = phases.iter().filter(|phase| phase.parent.is_none());
        let busy_ns = outer.map(|phase| phase.busy_ns).fold(0, u64::saturating_add);
        let share = self.usage.busy_ns as f64 / busy_ns.max(1) as f64;
        let is_by_item = self.usage.runs as f64 >= items as f64 * limits.initialisations && items >= limits.min_items;
        // Once per worker is what is advised, however long that takes.
        if self.usage.runs <= workers || !(is_by_item || share > limits.initialisation_time) {
            return None;
        }
        let evidence = format!(
            "{} ran {} times for {items} items and {workers} workers, {} of the busy time",
            self.usage.name,
            self.usage.runs,
            percent(share)
        );
        let threshold = format!(
            "initialisations ≥ {} of the items, or > {} of the busy time",
            percent(limits.initialisations),
            percent(limits.initialisation_time)
        );
        let saved_ns = self.usage.busy_ns as f64 * (1.0 - workers as f64 / self.usage.runs as f64) / workers as f64;
        let gain = saved_ns / self.case.analysis.wall_ns.max(1) as f64;
        let action = "load once per worker and keep it";
        Some(Advice { gain: Some(gain), ..self.advise(Rule::LoadOncePerWorker, action, evidence, threshold) })
    }

    /// One worker has far more to do than the others.
    pub(super) fn rebalance(&self) -> Option<Advice> {
        let limits = &self.case.analysis.limits;
        let phase = self.case.state.phases.get(self.place)?;
        let skew = self.usage.skew.filter(|skew| *skew > limits.skew)?;
        if !self.has_lasted() || self.usage.runs.max(self.usage.items) < limits.min_items {
            return None;
        }
        let (slowest, lane) = phase.lanes.iter().max_by_key(|(_, lane)| lane.busy_ns)?;
        let all_ns = phase.lanes.values().map(|lane| lane.busy_ns).fold(0, u64::saturating_add);
        let mean_ns = all_ns / phase.lanes.len().max(1) as u64;
        let slowest = phase.lane_names.get(slowest).cloned().unwrap_or_else(|| slowest.to_string());
        let evidence = format!("worker {slowest} was busy for {}, {skew:.1} times the median", duration(lane.busy_ns));
        let threshold = format!("slowest ÷ median > {:.1}", limits.skew);
        let saved_ns = lane.busy_ns.saturating_sub(mean_ns) as f64;
        let gain = self.gain(saved_ns / self.usage.at_work_ns.max(1) as f64);
        let action = "hand out items one by one, or by size, instead of in fixed shares";
        Some(Advice { gain, ..self.advise(Rule::Rebalance, action, evidence, threshold) })
    }

    /// A few long items, that began late.
    pub(super) fn longest_first(&self) -> Option<Advice> {
        let (limits, wall_ns) = (&self.case.analysis.limits, self.case.analysis.wall_ns.max(1));
        let (p50_ns, p99_ns) = (self.usage.p50_ns.filter(|ns| *ns > 0)?, self.usage.p99_ns?);
        let (drain_ns, cost_ns) = (self.usage.drain_ns?, self.usage.drain_cost_ns?);
        let (tail, drain) = (p99_ns as f64 / p50_ns as f64, drain_ns as f64 / wall_ns as f64);
        let is_enough = self.has_lasted() && self.usage.runs >= limits.min_items;
        if !is_enough || tail <= limits.tail || drain <= limits.drain {
            return None;
        }
        let evidence = format!(
            "one item in a hundred takes {tail:.1} times the median, and workers ran dry {} before the end ({} of the run)",
            duration(drain_ns),
            percent(drain)
        );
        let threshold = format!("p99 ÷ p50 > {:.1}, drain > {}", limits.tail, percent(limits.drain));
        let gain = Some(cost_ns as f64 / wall_ns as f64);
        Some(Advice { gain, ..self.advise(Rule::LongestFirst, "begin with the longest items", evidence, threshold) })
    }
}
