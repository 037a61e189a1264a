//! Who reads when, and what was read: plain data, and the time is an argument.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use phasemeter_core::catalogue::{
    COLLECTOR_DURATION, COLLECTOR_FAILURES, COLLECTOR_INFO, COLLECTOR_LAST_SUCCESS_TIMESTAMP, COLLECTOR_SUCCESS,
};
use phasemeter_core::{Moment, Samples, Value};

use super::nanos;
use crate::{Collector, labels};

/// How a collector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It has not read yet.
    Pending,
    /// Its last reading succeeded.
    Ok,
    /// What it reads is not there, or not for us: no failure.
    NoData,
    /// Its last reading failed.
    Failed,
    /// It is in a reading beyond its deadline.
    Stuck,
}

impl State {
    /// The value of the label `state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::NoData => "no_data",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }
}

pub(super) struct Plan {
    entries: Vec<Entry>,
    interval_ns: u64,
    /// How many want readings to be frequent.
    hasty: usize,
    pub(super) threads: usize,
    pub(super) is_over: bool,
    /// Changes that nobody was told of yet, oldest first.
    untold: VecDeque<Change>,
}

/// A collector is in another state than before.
pub(super) struct Change {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) reason: Option<String>,
}

/// More changes than these are not kept where nobody is told.
const MAX_UNTOLD: usize = 64;

struct Entry {
    name: &'static str,
    at_most_every_ns: u64,
    deadline_ns: u64,
    /// Not here while a thread reads.
    collector: Option<Box<dyn Collector>>,
    due_ns: u64,
    /// Since when a thread reads.
    reading_since_ns: Option<u64>,
    /// Whether that thread is known to be stuck.
    is_stuck: bool,
    last: Reading,
    /// That came to an end, however.
    readings: u64,
    failures: u64,
    last_success_unix_ns: Option<u64>,
}

/// The last reading that came to an end.
struct Reading {
    state: State,
    reason: Option<String>,
    samples: Arc<Samples>,
    duration_ns: u64,
}

/// A collector that is to read now.
pub(super) struct Task {
    place: usize,
    pub(super) collector: Box<dyn Collector>,
}

/// The interval in haste.
const HASTY_NS: u64 = 50_000_000;

/// While a reading takes longer than this, the others have a thread of their own.
const SLOW_NS: u64 = 200_000_000;

/// What is never read more often than this is not read more often in haste.
const FREQUENT_NS: u64 = 100_000_000;

impl Plan {
    pub(super) fn new(collectors: Vec<Box<dyn Collector>>, interval: Duration, now_ns: u64) -> Self {
        let entry = |collector: Box<dyn Collector>| Entry {
            name: collector.name(),
            at_most_every_ns: nanos(collector.at_most_every()),
            deadline_ns: nanos(collector.deadline()),
            collector: Some(collector),
            due_ns: now_ns,
            reading_since_ns: None,
            is_stuck: false,
            last: Reading { state: State::Pending, reason: None, samples: Arc::default(), duration_ns: 0 },
            readings: 0,
            failures: 0,
            last_success_unix_ns: None,
        };
        let entries = collectors.into_iter().map(entry).collect();
        Self {
            entries,
            interval_ns: nanos(interval).max(1),
            hasty: 0,
            threads: 0,
            is_over: false,
            untold: VecDeque::new(),
        }
    }

    fn cadence_ns(&self, entry: &Entry) -> u64 {
        let is_hasty = self.hasty > 0 && entry.at_most_every_ns <= FREQUENT_NS;
        let interval_ns = if is_hasty { self.interval_ns.min(HASTY_NS) } else { self.interval_ns };
        interval_ns.max(entry.at_most_every_ns)
    }

    /// The one that is due for the longest.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<Task> {
        let idle = self.entries.iter_mut().enumerate().filter(|(_, entry)| entry.collector.is_some());
        let (place, entry) = idle.filter(|(_, entry)| entry.due_ns <= now_ns).min_by_key(|(_, entry)| entry.due_ns)?;
        entry.reading_since_ns = Some(now_ns);
        entry.collector.take().map(|collector| Task { place, collector })
    }

    /// How long until one is due; a second where none ever is.
    pub(super) fn due_in_ns(&self, now_ns: u64) -> u64 {
        let idle = self.entries.iter().filter(|entry| entry.collector.is_some());
        idle.map(|entry| entry.due_ns.saturating_sub(now_ns)).min().unwrap_or(1_000_000_000)
    }

    /// Shows what was read.
    pub(super) fn publish(
        &mut self,
        task: &Task,
        state: State,
        reason: Option<String>,
        samples: Arc<Samples>,
        begun: Moment,
        ended: Moment,
    ) {
        let Some(entry) = self.entries.get_mut(task.place) else { return };
        let before = if entry.is_stuck { State::Stuck } else { entry.last.state };
        match state {
            State::Ok => entry.last_success_unix_ns = Some(ended.unix_ns),
            // That it was stuck is counted already.
            State::Failed if !entry.is_stuck => entry.failures += 1,
            State::Failed | State::NoData | State::Pending | State::Stuck => {}
        }
        // It is well again, and has its deadline anew for whoever is told of that.
        entry.is_stuck = false;
        entry.reading_since_ns = Some(ended.now_ns);
        let duration_ns = ended.now_ns.saturating_sub(begun.now_ns);
        let change = (before != state).then(|| Change { name: entry.name, state, reason: reason.clone() });
        entry.last = Reading { state, reason, samples, duration_ns };
        entry.readings += 1;
        self.untold.extend(change);
        self.bound_untold();
    }

    /// The oldest change that nobody was told of.
    pub(super) fn take_change(&mut self) -> Option<Change> {
        self.untold.pop_front()
    }

    /// Where nobody comes to be told, the latest are kept.
    fn bound_untold(&mut self) {
        while self.untold.len() > MAX_UNTOLD {
            self.untold.pop_front();
        }
    }

    /// The collector is there for its next reading.
    pub(super) fn put_back(&mut self, task: Task, ended: Moment) {
        let Some(cadence_ns) = self.entries.get(task.place).map(|entry| self.cadence_ns(entry)) else { return };
        let entry = &mut self.entries[task.place];
        entry.collector = Some(task.collector);
        entry.reading_since_ns = None;
        entry.is_stuck = false;
        // At a steady pace, but without catching up on what was missed.
        entry.due_ns = entry.due_ns.saturating_add(cadence_ns);
        if entry.due_ns <= ended.now_ns {
            entry.due_ns = ended.now_ns.saturating_add(cadence_ns);
        }
    }

    /// Those that are newly found to be stuck are.
    pub(super) fn note_stuck(&mut self, now_ns: u64) {
        for entry in self.entries.iter_mut().filter(|entry| !entry.is_stuck && entry.is_overdue(now_ns)) {
            entry.is_stuck = true;
            entry.failures += 1;
            let reason = Some(entry.stuck_reason(now_ns));
            self.untold.push_back(Change { name: entry.name, state: State::Stuck, reason });
        }
        self.bound_untold();
    }

    fn slow(&self, now_ns: u64) -> usize {
        // One that was slow before is likely to be so again: the others need not find out first.
        let was_slow = |entry: &Entry| entry.reading_since_ns.is_some() && entry.last.duration_ns > SLOW_NS / 2;
        let is_slow = |entry: &&Entry| entry.is_reading_for(SLOW_NS, now_ns) || was_slow(entry);
        self.entries.iter().filter(is_slow).count()
    }

    /// The others are not to wait for a deadline that is not theirs.
    pub(super) fn wants_a_thread(&self, now_ns: u64) -> bool {
        let has_work = self.entries.iter().any(|entry| entry.collector.is_some());
        !self.is_over && has_work && self.threads <= self.slow(now_ns)
    }

    pub(super) fn has_a_thread_too_many(&self, now_ns: u64) -> bool {
        self.threads > self.slow(now_ns) + 1
    }

    pub(super) fn is_any_pending(&self) -> bool {
        self.entries.iter().any(|entry| entry.last.state == State::Pending)
    }

    /// Of those that are read at least this often, one was not read twice.
    pub(super) fn lacks_a_second(&self, cadence_ns: u64) -> bool {
        let frequent = self.entries.iter().filter(|entry| self.cadence_ns(entry) <= cadence_ns);
        frequent.into_iter().any(|entry| entry.readings < 2)
    }

    pub(super) fn hurry(&mut self, now_ns: u64) {
        self.hasty += 1;
        for entry in self.entries.iter_mut().filter(|entry| entry.at_most_every_ns <= FREQUENT_NS) {
            entry.due_ns = entry.due_ns.min(now_ns + HASTY_NS);
        }
    }

    pub(super) fn calm(&mut self) {
        self.hasty = self.hasty.saturating_sub(1);
    }

    pub(super) fn states(&self, now_ns: u64) -> Vec<(&'static str, State, Option<String>)> {
        let state = |entry: &Entry| match entry.is_overdue(now_ns) {
            true => (entry.name, State::Stuck, Some(entry.stuck_reason(now_ns))),
            false => (entry.name, entry.last.state, entry.last.reason.clone()),
        };
        self.entries.iter().map(state).collect()
    }

    pub(super) fn read(&self, now_ns: u64, out: &mut Samples) {
        for entry in &self.entries {
            entry.read(now_ns, out);
        }
    }
}

impl Entry {
    fn is_overdue(&self, now_ns: u64) -> bool {
        // Or it is long due, and nobody reads: what was read last is no longer so.
        let is_left = self.collector.is_some() && now_ns.saturating_sub(self.due_ns) > self.deadline_ns;
        self.is_reading_for(self.deadline_ns, now_ns) || is_left
    }

    fn is_reading_for(&self, longer_than_ns: u64, now_ns: u64) -> bool {
        self.reading_since_ns.is_some_and(|since_ns| now_ns.saturating_sub(since_ns) > longer_than_ns)
    }

    fn stuck_reason(&self, now_ns: u64) -> String {
        let seconds = |since_ns: u64| now_ns.saturating_sub(since_ns) as f64 / 1e9;
        match self.reading_since_ns {
            Some(since_ns) => format!("a reading has not come back for {:.1} s", seconds(since_ns)),
            None => format!("nobody has read it, though it was due {:.1} s ago", seconds(self.due_ns)),
        }
    }

    /// Its values, unless it is stuck: what it read before is no longer so.
    fn read(&self, now_ns: u64, out: &mut Samples) {
        let state = if self.is_overdue(now_ns) { State::Stuck } else { self.last.state };
        let of_this = labels([("collector", self.name)]);
        let success = match state {
            State::Ok => {
                out.append(&self.last.samples);
                Some(1)
            }
            State::Failed | State::Stuck => Some(0),
            State::Pending | State::NoData => None,
        };
        if let Some(success) = success {
            out.push(&COLLECTOR_SUCCESS, of_this.clone(), Value::Level(success));
        }
        if self.last.state != State::Pending {
            out.push(&COLLECTOR_DURATION, of_this.clone(), Value::Nanos(self.last.duration_ns));
        }
        if let Some(unix_ns) = self.last_success_unix_ns {
            out.push(&COLLECTOR_LAST_SUCCESS_TIMESTAMP, of_this.clone(), Value::Nanos(unix_ns));
        }
        out.push(&COLLECTOR_FAILURES, of_this, Value::Count(self.failures));
        let state = labels([("collector", self.name), ("state", state.as_str())]);
        out.push(&COLLECTOR_INFO, state, Value::Level(1));
    }
}
