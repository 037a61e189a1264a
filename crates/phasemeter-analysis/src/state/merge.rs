//! Several workers of one run as if they were one, for questions about all of them: where the time went, who was full.
//!
//! Workers are laid beside each other by when they began. Pauses, and times between attempts, are each worker's own: they
//! are left out of its time, so that what comes after them moves forward in it.

use std::collections::BTreeMap;

use phasemeter_core::Outcome;

use crate::event::Resources;
use crate::progress::workers_of;
use crate::state::{
    Lane, MAX_LANES, MAX_PHASES, MAX_WINDOWS, PhaseState, PhaseWindow, RunState, Window, join_resources,
};

impl RunState {
    /// The workers together. What each had in hand, and its notes, stay with it; of one worker, it is that worker.
    #[must_use]
    pub fn merged(states: &[Self]) -> Self {
        let (first, others) = match states {
            [] => return Self::default(),
            [only] => return only.clone(),
            [first, others @ ..] => (first, others),
        };
        let begin_ns = states.iter().filter_map(|state| state.clock.started_unix_ns).min().unwrap_or(0);
        let mut merged = Self {
            pipeline: first.pipeline.clone(),
            run: first.run.clone(),
            worker: format!("{} and {} more", first.worker, others.len()),
            attempt: states.iter().map(|state| state.attempt).max().unwrap_or(0),
            deadline_unix_ns: states.iter().filter_map(|state| state.deadline_unix_ns).min(),
            flow: states.iter().find_map(|state| state.flow),
            ..Self::default()
        };
        for state in states {
            let shift_ns = state.clock.started_unix_ns.unwrap_or(begin_ns) - begin_ns;
            merged.take_clock(state, shift_ns);
            merged.take_phases(state, shift_ns);
            merged.total_changes += state.total_changes;
        }
        merged.clock.started_unix_ns = Some(begin_ns);
        merged.take_end(states);
        merged.take_windows(states, begin_ns);
        merged
    }

    fn take_clock(&mut self, other: &Self, shift_ns: u64) {
        let (own, other) = (&mut self.clock, &other.clock);
        own.run_ns = own.run_ns.max(other.run_ns.saturating_add(shift_ns));
        own.last_unix_ns = own.last_unix_ns.max(other.last_unix_ns);
        own.paused_ns = own.paused_ns.max(other.paused_ns);
    }

    /// Over when all are; then as badly as the worst.
    fn take_end(&mut self, states: &[Self]) {
        let ended = states.iter().map(|state| state.ended.clone()).collect::<Option<Vec<_>>>();
        let badness = |outcome: Outcome| match outcome {
            Outcome::Ok => 0,
            Outcome::Cancelled => 1,
            Outcome::Error => 2,
        };
        self.ended = ended.and_then(|ended| ended.into_iter().max_by_key(|ended| badness(ended.outcome)));
        self.clock.is_paused = states.iter().all(|state| state.clock.is_paused || state.ended.is_some())
            && states.iter().any(|state| state.clock.is_paused);
    }

    fn take_phases(&mut self, other: &Self, shift_ns: u64) {
        for phase in &other.phases {
            let known = self.names.get(&phase.name).copied();
            let place = match known {
                Some(place) => place,
                None if self.phases.len() >= MAX_PHASES => continue,
                None => {
                    let mut new = PhaseState::named(&phase.name);
                    (new.device, new.role) = (phase.device.clone(), phase.role);
                    self.phases.push(new);
                    self.names.insert(phase.name.clone(), self.phases.len() - 1);
                    self.phases.len() - 1
                }
            };
            let at_end_ns = other.clock.run_ns;
            if let Some(own) = self.phases.get_mut(place) {
                own.take(phase, shift_ns, at_end_ns, known.is_none());
                own.take_lanes(phase, shift_ns, &other.worker);
            }
        }
        // Places differ between workers, names do not.
        let parents = other.phases.iter().filter_map(|phase| {
            let parent = other.phases.get(phase.parent?)?;
            Some((*self.names.get(&phase.name)?, *self.names.get(&parent.name)?))
        });
        for (place, parent) in parents.collect::<Vec<_>>() {
            self.adopt(place, parent);
        }
    }

    /// Windows of the same length each, into which every worker's are divided.
    fn take_windows(&mut self, states: &[Self], begin_ns: u64) {
        let longest = states.iter().map(|state| state.timeline.as_slice().len()).max().unwrap_or(0);
        let count = longest.min(MAX_WINDOWS) as u64;
        let length_ns = self.clock.run_ns.checked_div(count).unwrap_or(0).max(1);
        let mut slots: BTreeMap<u64, (Window, u64)> = BTreeMap::new();
        for state in states {
            let shift_ns = state.clock.started_unix_ns.unwrap_or(begin_ns) - begin_ns;
            let places: Vec<_> = state.phases.iter().map(|phase| self.names.get(&phase.name).copied()).collect();
            for window in state.timeline.as_slice() {
                let (from_ns, to_ns) = (window.from_ns.saturating_add(shift_ns), window.to_ns.saturating_add(shift_ns));
                for slot in from_ns / length_ns..=to_ns.saturating_sub(1).max(from_ns) / length_ns {
                    let (slot_from_ns, slot_to_ns) =
                        (slot * length_ns, slot.saturating_add(1).saturating_mul(length_ns));
                    let common_ns = to_ns.min(slot_to_ns).saturating_sub(from_ns.max(slot_from_ns));
                    let (own, seen_ns) = slots.entry(slot).or_insert_with(|| {
                        let phases = vec![PhaseWindow::default(); self.phases.len()];
                        let (from_ns, to_ns) = (slot_from_ns, slot_to_ns);
                        (Window { from_ns, to_ns, resources: Resources::default(), phases }, 0)
                    });
                    own.resources =
                        join_resources(&own.resources, *seen_ns as f64, &window.resources, common_ns as f64);
                    *seen_ns = seen_ns.saturating_add(common_ns);
                    let share = common_ns as f64 / (to_ns - from_ns).max(1) as f64;
                    for (phase, place) in window.phases.iter().zip(&places) {
                        if let Some(own) = place.and_then(|place| own.phases.get_mut(place)) {
                            own.take_share(phase, share);
                        }
                    }
                }
            }
        }
        slots.into_values().for_each(|(window, _)| self.timeline.push(window));
    }
}

impl PhaseState {
    fn take(&mut self, other: &Self, shift_ns: u64, at_end_ns: u64, is_first: bool) {
        let crew = workers_of(other);
        let plus = |one: Option<u64>, two: Option<u64>| match (one, two) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            (one, two) => one.or(two),
        };
        self.total = plus(self.total, other.total);
        self.total_weight = plus(self.total_weight, other.total_weight);
        self.workers = Some(crew.saturating_add(if is_first { 0 } else { self.workers.unwrap_or(0) }));
        self.carried = self.carried.plus(other.carried);
        self.counts = self.counts.plus(other.counts);
        self.earlier = self.earlier.plus(other.earlier);
        self.replaced_runs = self.replaced_runs.saturating_add(other.replaced_runs);
        self.effort = self.effort.plus(other.effort);
        for (own, other) in self.ended.iter_mut().zip(other.ended) {
            *own += other;
        }
        self.ended_ns = self.ended_ns.saturating_add(other.ended_ns);
        self.service.merge(&other.service);
        for stretch in other.stretches_at(at_end_ns).as_slice() {
            self.stretches.add(stretch.from_ns.saturating_add(shift_ns), stretch.to_ns.saturating_add(shift_ns));
        }
        for (own, others) in
            [(&mut self.items, &other.items), (&mut self.weight, &other.weight), (&mut self.run_ends, &other.run_ends)]
        {
            own.merge(others, shift_ns);
        }
        let shifted = |ns: Option<u64>| ns.map(|ns| ns.saturating_add(shift_ns));
        self.first_ns = [self.first_ns, shifted(other.first_ns)].into_iter().flatten().min();
        self.last_ns = self.last_ns.max(shifted(other.last_ns));
        self.active = self.active.saturating_add(other.active);
        self.peak_active = self.peak_active.saturating_add(other.peak_active);
        self.queue_depth = plus(self.queue_depth, other.queue_depth);
    }

    fn take_lanes(&mut self, other: &Self, shift_ns: u64, worker: &str) {
        let before = self.lanes.len();
        self.lanes_are_net = true;
        let (lanes, is_seen) = (other.crew_lanes(workers_of(other)), !other.lanes.is_empty());
        for (place, lane) in lanes.into_iter().enumerate().take(MAX_LANES.saturating_sub(before)) {
            let Ok(key) = u32::try_from(before + place) else { return };
            let (first_ns, last_ns) = (lane.first_ns.saturating_add(shift_ns), lane.last_ns.saturating_add(shift_ns));
            self.lanes.insert(key, Lane { first_ns, last_ns, ..lane });
            let name = if is_seen { format!("{worker}/{place}") } else { worker.to_owned() };
            self.lane_names.insert(key, name);
        }
    }

    /// Its lanes; or, where none was seen, one as the mean of its workers, so that workers can be told apart by process.
    fn crew_lanes(&self, crew: u32) -> Vec<Lane> {
        let busy_ns = self.all_effort().busy_ns / u64::from(crew);
        match (self.first_ns, self.last_ns) {
            (Some(first_ns), Some(last_ns)) if self.lanes.is_empty() && busy_ns > 0 => {
                vec![Lane { busy_ns, runs: self.runs(), first_ns, last_ns }]
            }
            _ => {
                let share = if self.lanes_are_net { 1.0 } else { self.busy_share() };
                let net = |lane: &Lane| Lane { busy_ns: (lane.busy_ns as f64 * share).round() as u64, ..*lane };
                self.lanes.values().map(net).collect()
            }
        }
    }
}

impl PhaseWindow {
    fn take_share(&mut self, other: &Self, share: f64) {
        let part = |own: u64, amount: u64| own.saturating_add((amount as f64 * share).round() as u64);
        self.processed = part(self.processed, other.processed);
        self.busy_ns = part(self.busy_ns, other.busy_ns);
        self.waiting_in_ns = part(self.waiting_in_ns, other.waiting_in_ns);
        self.waiting_out_ns = part(self.waiting_out_ns, other.waiting_out_ns);
        self.active = self.active.saturating_add(other.active);
    }
}
