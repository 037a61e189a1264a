//! What happened between heartbeats, window by window. Bounded: when there are too many, two become one.

use crate::event::Resources;

/// So many windows are kept at most.
pub const MAX_WINDOWS: usize = 720;

/// What happened in a part of the run.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Window {
    /// Its begin, in the run's time.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// What the machine did meanwhile.
    pub resources: Resources,
    /// What each phase did meanwhile, by its place in the run.
    pub phases: Vec<PhaseWindow>,
}

/// What a phase did in a part of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct PhaseWindow {
    /// Items that it was done with.
    pub processed: u64,
    /// Worked.
    pub busy_ns: u64,
    /// Waited for input.
    pub waiting_in_ns: u64,
    /// Waited for its output to be taken.
    pub waiting_out_ns: u64,
    /// How many runs were in flight when it ended.
    pub active: u64,
}

impl PhaseWindow {
    /// Whether the phase did anything.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active > 0 || self.processed > 0 || self.busy_ns > 0
    }

    fn join(&mut self, next: &Self) {
        self.processed = self.processed.saturating_add(next.processed);
        self.busy_ns = self.busy_ns.saturating_add(next.busy_ns);
        self.waiting_in_ns = self.waiting_in_ns.saturating_add(next.waiting_in_ns);
        self.waiting_out_ns = self.waiting_out_ns.saturating_add(next.waiting_out_ns);
        self.active = self.active.max(next.active);
    }
}

/// The windows of a run, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    windows: Vec<Window>,
    /// How many heartbeats make one window, as a power of two.
    halvings: u32,
    /// How many heartbeats there were.
    parts: u64,
}

impl Timeline {
    /// Adds what happened since the last one.
    pub(crate) fn push(&mut self, window: Window) {
        let is_open = self.parts % (1 << self.halvings.min(63)) != 0;
        self.parts += 1;
        match self.windows.last_mut().filter(|_| is_open) {
            Some(last) => join(last, &window),
            None => self.windows.push(window),
        }
        if self.windows.len() > MAX_WINDOWS {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut joined: Vec<Window> = Vec::with_capacity(MAX_WINDOWS);
        for (place, window) in std::mem::take(&mut self.windows).into_iter().enumerate() {
            match joined.last_mut().filter(|_| place % 2 == 1) {
                Some(last) => join(last, &window),
                None => joined.push(window),
            }
        }
        self.windows = joined;
        self.halvings += 1;
    }

    /// In order.
    #[must_use]
    pub fn as_slice(&self) -> &[Window] {
        &self.windows
    }
}

fn join(window: &mut Window, next: &Window) {
    let (own, others) = (window.to_ns - window.from_ns, next.to_ns - next.from_ns);
    window.resources = join_resources(&window.resources, own as f64, &next.resources, others as f64);
    window.to_ns = next.to_ns;
    if window.phases.len() < next.phases.len() {
        window.phases.resize(next.phases.len(), PhaseWindow::default());
    }
    for (phase, next) in window.phases.iter_mut().zip(&next.phases) {
        phase.join(next);
    }
}

/// The mean by time; what only one of them has is that one's.
pub(crate) fn join_resources(one: &Resources, one_ns: f64, two: &Resources, two_ns: f64) -> Resources {
    each_resource(
        one,
        two,
        |one, two| {
            if one_ns + two_ns > 0.0 { (one * one_ns + two * two_ns) / (one_ns + two_ns) } else { two }
        },
    )
}

/// The larger of each; what only one of them has is that one's.
pub(crate) fn larger_resources(one: &Resources, two: &Resources) -> Resources {
    each_resource(one, two, f64::max)
}

fn each_resource(one: &Resources, two: &Resources, join: impl Fn(f64, f64) -> f64) -> Resources {
    let both = |one: Option<f64>, two: Option<f64>| match (one, two) {
        (Some(one), Some(two)) => Some(join(one, two)),
        (one, two) => two.or(one),
    };
    Resources {
        cpu: both(one.cpu, two.cpu),
        io_wait: both(one.io_wait, two.io_wait),
        disk_busy: both(one.disk_busy, two.disk_busy),
        gpu: both(one.gpu, two.gpu),
        gpu_memory: both(one.gpu_memory, two.gpu_memory),
        swap_in_bytes_per_s: both(one.swap_in_bytes_per_s, two.swap_in_bytes_per_s),
        staging_used: both(one.staging_used, two.staging_used),
        monitoring: both(one.monitoring, two.monitoring),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(number: u64) -> Window {
        let phases = vec![PhaseWindow { processed: 2, busy_ns: 3, ..PhaseWindow::default() }];
        let resources = Resources { cpu: Some(number as f64), ..Resources::default() };
        Window { from_ns: number * 5, to_ns: number * 5 + 5, resources, phases }
    }

    #[test]
    fn windows_stay_few_and_lose_nothing() {
        let mut timeline = Timeline::default();
        let total = 10_000;
        (0..total).for_each(|number| timeline.push(window(number)));
        let windows = timeline.as_slice();
        assert!((MAX_WINDOWS / 2..=MAX_WINDOWS).contains(&windows.len()), "{}", windows.len());
        assert_eq!(
            windows.iter().flat_map(|window| &window.phases).map(|phase| phase.processed).sum::<u64>(),
            2 * total
        );
        assert!(windows.windows(2).all(|pair| pair[0].to_ns == pair[1].from_ns));
        assert_eq!(windows.last().map(|window| window.to_ns), Some(total * 5));
    }

    #[test]
    fn joined_windows_hold_the_mean_by_time() {
        let mut one = window(1);
        join(&mut one, &Window { to_ns: 25, ..window(2) });
        assert_eq!(one.resources.cpu, Some((1.0 * 5.0 + 2.0 * 15.0) / 20.0));
        assert_eq!(one.resources.gpu, None);
    }
}
