//! How events change a run. Told twice, they change it once.

use phasemeter_core::{Outcome, bounded_value};

use crate::event::{
    Counted, Counts, Declared, Event, EventKind, Heartbeat, InHand, PhaseBeat, PhaseStarted, RunEnded, TotalSet,
};
use crate::state::{
    Effort, MAX_NOTES, MAX_OPEN, MAX_PHASES, Open, PhaseState, PhaseWindow, ProblemKind, RunState, Window,
};

impl RunState {
    /// A run of these events.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        events.into_iter().for_each(|event| state.apply(event));
        state
    }

    /// Takes what happened next.
    pub fn apply(&mut self, event: &Event) {
        if let EventKind::Declared(declared) = &event.event {
            return self.declare(declared, event.at_ns);
        }
        if self.is_stale || self.retold_until_unix_ns.is_some_and(|until_ns| event.at_ns <= until_ns) {
            return;
        }
        self.retold_until_unix_ns = None;
        if self.attempt == 0 {
            self.problems.note(ProblemKind::NotDeclared, None, || {
                "the journal begins without saying which run it is of".to_owned()
            });
        }
        if self.ended.is_some() {
            self.problems.note(ProblemKind::AfterEnd, None, || {
                "something happened after the run had ended; it is left out".to_owned()
            });
            return;
        }
        self.advance(event.at_ns);
        self.happen(&event.event, event.at_ns);
    }

    fn happen(&mut self, event: &EventKind, at_ns: u64) {
        match event {
            // Seen to by `apply`.
            EventKind::Declared(_) => {}
            EventKind::PhaseStarted(started) => self.start_phase(started),
            EventKind::PhaseEnded(ended) => self.end_phase(ended.span, ended.outcome),
            EventKind::Counted(counted) => self.count(counted),
            EventKind::TotalSet(set) => self.set_total(set),
            EventKind::InHand(in_hand) => self.take_in_hand(in_hand),
            EventKind::Heartbeat(beat) => self.beat(beat),
            EventKind::Note(text) => {
                self.notes.truncate(MAX_NOTES - 1);
                self.notes.push_front((at_ns, bounded(text)));
            }
            EventKind::Paused => self.clock.is_paused = true,
            EventKind::Resumed => self.clock.is_paused = false,
            EventKind::RunEnded(ended) => {
                self.clock.is_paused = false;
                self.close_open("the run ended");
                let reason = ended.reason.as_deref().map(bounded);
                self.ended = Some(RunEnded { outcome: ended.outcome, reason });
            }
        }
    }

    fn advance(&mut self, at_ns: u64) {
        if let Some(back_ns) = self.clock.advance(at_ns) {
            self.problems.note(ProblemKind::ClockWentBack, None, || {
                format!("the clock was set back by {:.1} s; time goes on from where it was", back_ns as f64 / 1e9)
            });
        }
    }

    fn declare(&mut self, declared: &Declared, at_ns: u64) {
        if self.attempt > 0 && !self.is_own(declared) {
            self.is_stale = true;
            return;
        }
        self.is_stale = false;
        let attempt = declared.attempt.max(1);
        if attempt == self.attempt {
            if at_ns <= self.clock.last_unix_ns {
                self.retold_until_unix_ns = Some(self.clock.last_unix_ns).filter(|last_ns| at_ns < *last_ns);
                return;
            }
            self.problems.note(ProblemKind::TwoWriters, None, || {
                format!(
                    "attempt {attempt} began twice: the second is taken for the next attempt; where both still write, \
                     items count twice; give each process an attempt of its own"
                )
            });
        }
        if self.attempt == 0 {
            self.advance(at_ns);
        } else {
            self.close_open("the attempt ended");
            self.clock.begin_attempt(at_ns);
            self.ended = None;
        }
        let is_first = self.attempt == 0;
        self.attempt = attempt;
        self.take_names(declared);
        self.declare_phases(declared, is_first);
    }

    /// Whether what is declared is this run, in this attempt or a later one.
    fn is_own(&mut self, declared: &Declared) -> bool {
        let (own, attempt) = (self.attempt, declared.attempt.max(1));
        let message = if declared.run != self.run || declared.worker != self.worker {
            format!(
                "run {:?} of worker {:?} is written where run {:?} of worker {:?} is: it is left out; give each worker a \
                 journal of its own",
                declared.run, declared.worker, self.run, self.worker
            )
        } else if attempt < own {
            format!(
                "attempt {attempt} is still written after attempt {own} began: it is left out; end the older process"
            )
        } else if attempt == own && declared.host != self.host {
            format!(
                "attempt {attempt} is written from {:?} and from {:?}: the latter is left out; give each process an \
                 attempt of its own",
                self.host, declared.host
            )
        } else {
            return true;
        };
        self.problems.note(ProblemKind::TwoWriters, None, || message);
        false
    }

    fn take_names(&mut self, declared: &Declared) {
        self.pipeline.clone_from(&declared.pipeline);
        self.run.clone_from(&declared.run);
        self.worker.clone_from(&declared.worker);
        self.host.clone_from(&declared.host);
        self.shard = declared.shard.clone().unwrap_or_else(|| declared.worker.clone());
        self.deadline_unix_ns = declared.deadline_unix_ns;
        self.flow = declared.flow.or(self.flow);
    }

    fn declare_phases(&mut self, declared: &Declared, is_first: bool) {
        for phase in &mut self.phases {
            let resumed = declared.phases.iter().find(|declared| declared.name == phase.name);
            phase.begin_attempt(resumed.and_then(|declared| declared.resumed));
        }
        for one in &declared.phases {
            if let Some(phase) = self.phase_named(&one.name).and_then(|place| self.phases.get_mut(place)) {
                phase.declare(one);
                if let Some(ok) = one.resumed.filter(|_| is_first) {
                    phase.carried = Counts { ok, ..Counts::default() };
                }
            }
            if let Some(total) = one.total {
                self.set_total(&TotalSet { phase: one.name.clone(), total });
            }
        }
    }

    /// The place of a phase, which is made if there is none.
    fn phase_named(&mut self, name: &str) -> Option<usize> {
        let name = &*bounded_value(name);
        if let Some(place) = self.names.get(name) {
            return Some(*place);
        }
        if self.phases.len() >= MAX_PHASES {
            self.problems.note(ProblemKind::TooMany, None, || {
                format!("there are more than {MAX_PHASES} phases: {name:?} is left out; put what differs into items")
            });
            return None;
        }
        self.phases.push(PhaseState::named(name));
        self.names.insert(name.to_owned(), self.phases.len() - 1);
        Some(self.phases.len() - 1)
    }

    fn start_phase(&mut self, started: &PhaseStarted) {
        if self.open.contains_key(&started.span) {
            return;
        }
        let Some(place) = self.phase_named(&started.phase) else { return };
        if self.open.len() >= MAX_OPEN {
            self.problems.note(ProblemKind::TooMany, Some(&started.phase), || {
                format!("more than {MAX_OPEN} runs are in flight; further ones are counted by heartbeats only")
            });
            return;
        }
        if let Some(parent) = started.parent.and_then(|parent| self.open.get(&parent)).map(|open| open.phase) {
            self.adopt(place, parent);
        }
        let run_ns = self.clock.run_ns;
        if let Some(phase) = self.phases.get_mut(place) {
            phase.begin_run(run_ns);
        }
        let open =
            Open { phase: place, lane: started.lane, item: started.item.as_deref().map(bounded), began_ns: run_ns };
        self.open.insert(started.span, open);
    }

    /// A phase lies within another, unless that one lies within it.
    pub(super) fn adopt(&mut self, place: usize, parent: usize) {
        let mut above = Some(parent);
        while let Some(phase) = above {
            if phase == place {
                return;
            }
            above = self.phases.get(phase).and_then(|phase| phase.parent);
        }
        if let Some(phase) = self.phases.get_mut(place) {
            phase.parent.get_or_insert(parent);
        }
    }

    fn end_phase(&mut self, span: u64, outcome: Outcome) {
        let Some(open) = self.open.remove(&span) else {
            self.problems.note(ProblemKind::NeverBegan, None, || {
                format!("run {span} of a phase ended, but it never began here, or ended before")
            });
            return;
        };
        let run_ns = self.clock.run_ns;
        if let Some(phase) = self.phases.get_mut(open.phase) {
            phase.end_run(open.began_ns, run_ns, open.lane, outcome);
        }
    }

    /// What is still in flight ends now, as cancelled.
    fn close_open(&mut self, when: &str) {
        let mut spans: Vec<_> = self.open.keys().copied().collect();
        spans.sort_unstable();
        for span in spans {
            let Some(open) = self.open.get(&span) else { continue };
            let name = self.phases.get(open.phase).map(|phase| phase.name.clone());
            let item = open.item.as_deref().map_or(String::new(), |item| format!(" with {item:?}"));
            let age_ns = self.clock.run_ns.saturating_sub(open.began_ns);
            self.problems.note(ProblemKind::NeverEnded, name.as_deref(), || {
                format!("was in flight{item} for {:.1} s when {when}; it counts as cancelled", age_ns as f64 / 1e9)
            });
            self.end_phase(span, Outcome::Cancelled);
        }
        self.in_hand.clear();
    }

    fn count(&mut self, counted: &Counted) {
        let Some(place) = self.phase_named(&counted.phase) else { return };
        let (run_ns, beat_ns) = (self.clock.run_ns, self.last_beat_ns);
        let Some(phase) = self.phases.get_mut(place) else { return };
        if phase.count(counted.counts, run_ns) {
            work_since(phase, beat_ns.max(phase.last_ns.unwrap_or(0)), run_ns);
            self.look_at_total(place);
        }
    }

    fn set_total(&mut self, set: &TotalSet) {
        let Some(place) = self.phase_named(&set.phase) else { return };
        let Some(phase) = self.phases.get_mut(place) else { return };
        let before = phase.total.replace(set.total);
        let (name, total) = (Some(&*set.phase), set.total);
        if let Some(before) = before.filter(|before| *before != total) {
            self.total_changes += 1;
            if before > total {
                self.problems
                    .note(ProblemKind::TotalShrank, name, || format!("its total shrank from {before} to {total}"));
            }
        }
        if total == 0 {
            self.problems.note(ProblemKind::TotalIsZero, name, || {
                "its total is 0: it has nothing to do; where the total is not known yet, leave it out".to_owned()
            });
        }
        self.look_at_total(place);
    }

    fn look_at_total(&mut self, place: usize) {
        let Some(phase) = self.phases.get(place) else { return };
        let processed = phase.all_counts().processed();
        let Some(total) = phase.total.filter(|total| processed > *total) else { return };
        let carried = phase.carried.processed();
        self.problems.note(ProblemKind::TotalExceeded, Some(&phase.name), || {
            let hint = match carried {
                0 => "set the total when it is known".to_owned(),
                _ => format!("{carried} were done before this attempt: declare how many are resumed"),
            };
            format!("{processed} items are processed of {total}; {hint}")
        });
    }

    fn take_in_hand(&mut self, in_hand: &InHand) {
        let Some(place) = self.phase_named(&in_hand.phase) else { return };
        let run_ns = self.clock.run_ns;
        let key = (place, in_hand.lane);
        let Some(item) = in_hand.item.as_deref().map(bounded) else {
            self.in_hand.remove(&key);
            return;
        };
        if self.in_hand.get(&key).is_none_or(|(known, _)| *known != item) && self.in_hand.len() < MAX_OPEN {
            self.in_hand.insert(key, (item, run_ns));
        }
        if let Some(phase) = self.phases.get_mut(place) {
            phase.touch(run_ns);
        }
    }

    fn beat(&mut self, beat: &Heartbeat) {
        let (from_ns, run_ns) = (self.last_beat_ns, self.clock.run_ns);
        for phase in &beat.phases {
            self.beat_phase(phase, from_ns, run_ns);
        }
        self.last_beat_ns = run_ns;
        if run_ns == from_ns {
            return;
        }
        let phases = self.phases.iter_mut().map(window_of).collect();
        let resources = beat.resources.unwrap_or_default();
        self.timeline.push(Window { from_ns, to_ns: run_ns, resources, phases });
    }

    fn beat_phase(&mut self, beat: &PhaseBeat, from_ns: u64, run_ns: u64) {
        let Some(place) = self.phase_named(&beat.phase) else { return };
        let Some(phase) = self.phases.get_mut(place) else { return };
        let told = Effort {
            runs: beat.runs,
            busy_ns: beat.busy_ns,
            waiting_in_ns: beat.waiting_in_ns,
            waiting_out_ns: beat.waiting_out_ns,
        };
        let has_worked = phase.spend(told, run_ns);
        if phase.open == 0 {
            phase.active = beat.active;
        }
        phase.peak_active = phase.peak_active.max(beat.active);
        phase.queue_depth = beat.queue_depth;
        let has_counted = phase.count(beat.counts, run_ns);
        if has_worked || has_counted || beat.active > 0 {
            work_since(phase, from_ns, run_ns);
        }
        if has_counted {
            self.look_at_total(place);
        }
    }
}

/// Names and words of the program's own, none of which may be endless.
fn bounded(text: &str) -> String {
    bounded_value(text).into_owned()
}

/// A phase of which runs are not seen to begin was at work since about then.
fn work_since(phase: &mut PhaseState, from_ns: u64, run_ns: u64) {
    if !phase.has_all_runs() && phase.at_work_since_ns.is_none() {
        phase.first_ns.get_or_insert(from_ns);
        phase.stretches.add(from_ns, run_ns);
    }
    phase.touch(run_ns);
}

fn window_of(phase: &mut PhaseState) -> PhaseWindow {
    let (counts, effort) = std::mem::replace(&mut phase.at_last_beat, (phase.counts, phase.effort));
    PhaseWindow {
        processed: phase.counts.processed().saturating_sub(counts.processed()),
        busy_ns: phase.effort.busy_ns.saturating_sub(effort.busy_ns),
        waiting_in_ns: phase.effort.waiting_in_ns.saturating_sub(effort.waiting_in_ns),
        waiting_out_ns: phase.effort.waiting_out_ns.saturating_sub(effort.waiting_out_ns),
        active: phase.active,
    }
}
