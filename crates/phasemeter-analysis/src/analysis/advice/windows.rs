//! The windows that are evidence of a phase: those in which it was at work, after it has warmed up.

use crate::analysis::Limits;
use crate::event::Resources;
use crate::state::{PhaseWindow, RunState, Window};

/// The windows of one phase, or of the run.
pub(super) struct Windows<'a> {
    list: Vec<(&'a Window, PhaseWindow)>,
    for_share: f64,
}

/// What is looked at in a window: the phase, and the machine.
pub(super) type Look<T> = fn(&PhaseWindow, &Resources) -> Option<T>;

impl<'a> Windows<'a> {
    pub(super) fn of(state: &'a RunState, place: usize, limits: &Limits) -> Self {
        let begin_ns = state.phases.get(place).and_then(|phase| phase.first_ns).unwrap_or(0);
        Self::after(state, begin_ns, limits, |window| window.phases.get(place).copied().filter(PhaseWindow::is_active))
    }

    pub(super) fn of_run(state: &'a RunState, limits: &Limits) -> Self {
        Self::after(state, 0, limits, |_| Some(PhaseWindow::default()))
    }

    fn after(
        state: &'a RunState,
        begin_ns: u64,
        limits: &Limits,
        look: impl Fn(&Window) -> Option<PhaseWindow>,
    ) -> Self {
        let warm_ns = begin_ns.saturating_add((limits.skip_first_s.max(0.0) * 1e9) as u64);
        let windows = state.timeline.as_slice().iter().filter(|window| window.from_ns >= warm_ns);
        let list = windows.filter_map(|window| Some((window, look(window)?))).collect();
        Self { list, for_share: limits.for_share }
    }

    /// Whether something was so for more than half of the time, or what else the limits say. Where it was not measured,
    /// it was not so.
    pub(super) fn mostly(&self, is_so: impl Fn(&PhaseWindow, &Resources) -> bool) -> bool {
        let length_ns = |window: &Window| (window.to_ns - window.from_ns) as f64;
        let all: f64 = self.list.iter().map(|(window, _)| length_ns(window)).sum();
        let so = self.list.iter().filter(|(window, phase)| is_so(phase, &window.resources));
        all > 0.0 && so.map(|(window, _)| length_ns(window)).sum::<f64>() > all * self.for_share
    }

    /// The mean by time of what was measured.
    pub(super) fn mean(&self, look: Look<f64>) -> Option<f64> {
        let (mut sum, mut all) = (0.0, 0.0);
        for (window, phase) in &self.list {
            if let Some(value) = look(phase, &window.resources) {
                let length_ns = (window.to_ns - window.from_ns) as f64;
                sum += value * length_ns;
                all += length_ns;
            }
        }
        (all > 0.0).then(|| sum / all)
    }

    /// What was not exceeded in 95 % of the windows.
    pub(super) fn p95(&self, look: Look<f64>) -> Option<f64> {
        let mut values: Vec<_> =
            self.list.iter().filter_map(|(window, phase)| look(phase, &window.resources)).collect();
        values.sort_by(f64::total_cmp);
        let rank = (values.len() as f64 * 0.95).ceil() as usize;
        rank.checked_sub(1).and_then(|place| values.get(place)).copied()
    }

    /// How long a window is, and what the phase of this place did in each: for a neighbour of the phase.
    pub(super) fn mostly_next(&self, place: usize, is_so: impl Fn(&PhaseWindow, &PhaseWindow, u64) -> bool) -> bool {
        let (mut so, mut all) = (0, 0);
        for (window, phase) in &self.list {
            let length_ns = window.to_ns - window.from_ns;
            let next = window.phases.get(place).copied().unwrap_or_default();
            all += length_ns;
            so += if is_so(phase, &next, length_ns) { length_ns } else { 0 };
        }
        all > 0 && so as f64 > all as f64 * self.for_share
    }
}

impl PhaseWindow {
    fn accounted_ns(&self) -> u64 {
        self.busy_ns.saturating_add(self.waiting_in_ns).saturating_add(self.waiting_out_ns)
    }

    /// Of the time that is accounted for, what was waiting for input.
    pub(super) fn waiting_in_share(&self) -> f64 {
        self.waiting_in_ns as f64 / self.accounted_ns().max(1) as f64
    }

    /// What was waiting for the output to be taken.
    pub(super) fn waiting_out_share(&self) -> f64 {
        self.waiting_out_ns as f64 / self.accounted_ns().max(1) as f64
    }
}
