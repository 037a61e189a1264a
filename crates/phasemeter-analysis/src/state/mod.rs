//! What a run is, folded from its events. [`RunState::apply`] is all that changes it, for the live process and for a
//! journal alike. It has no clock: what time it is, is an argument.

mod apply;
mod clock;
mod merge;
mod phase;
mod problems;
mod stretches;
mod tally;
mod timeline;

use std::collections::{BTreeMap, HashMap, VecDeque};

use phasemeter_core::{Outcome, bounded_value};

use crate::event::{Flow, RunEnded};

pub use clock::{DISORDER_NS, RunClock};
pub use phase::{Effort, Lane, MAX_LANES, PhaseState};
pub use problems::{Problem, ProblemKind, Problems};
pub use stretches::{MAX_STRETCHES, Stretch, Stretches};
pub use tally::Tally;
pub use timeline::{MAX_WINDOWS, PhaseWindow, Timeline, Window};
pub(crate) use timeline::{join_resources, larger_resources};

/// So many phases a run may have.
pub const MAX_PHASES: usize = 256;
/// So many runs may be in flight at once, and as many items in hand.
pub const MAX_OPEN: usize = 65_536;
/// So many notes are kept, the latest ones.
pub const MAX_NOTES: usize = 16;

/// One worker's part of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id.
    pub run: String,
    /// Who works.
    pub worker: String,
    /// Where.
    pub host: String,
    /// The part of the work that it does.
    pub shard: String,
    /// Which attempt this is; 0 before one is declared.
    pub attempt: u32,
    /// When the run has to be over, since the Unix epoch.
    pub deadline_unix_ns: Option<u64>,
    /// How phases follow each other, if it was said.
    pub flow: Option<Flow>,
    /// Its time.
    pub clock: RunClock,
    /// Its phases, in the order of their declaration, then of their first event.
    pub phases: Vec<PhaseState>,
    /// How it ended, if it has.
    pub ended: Option<RunEnded>,
    /// How often a total grew or shrank.
    pub total_changes: u64,
    /// What the program said, with when since the Unix epoch.
    pub notes: VecDeque<(u64, String)>,
    /// What happened between heartbeats.
    pub timeline: Timeline,
    /// What is wrong with its events.
    pub problems: Problems,
    /// Places of phases, by name.
    names: BTreeMap<String, usize>,
    open: HashMap<u64, Open>,
    in_hand: BTreeMap<(usize, u32), (String, u64)>,
    last_beat_ns: u64,
    /// The run is told again from its beginning: what is not after this is known.
    retold_until_unix_ns: Option<u64>,
    /// What is told belongs to an attempt that is over.
    is_stale: bool,
}

/// A run of a phase that has begun.
#[derive(Debug, Clone, PartialEq)]
struct Open {
    phase: usize,
    lane: Option<u32>,
    item: Option<String>,
    began_ns: u64,
}

/// What a run, or a phase of it, is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Status {
    /// Nothing has happened yet.
    Pending,
    /// It works.
    Running,
    /// It was paused.
    Paused,
    /// It did what it was to do.
    Completed,
    /// It ended with an error.
    Failed,
    /// It was given up.
    Cancelled,
    /// It was declared, and the run ended without it.
    Skipped,
}

impl Status {
    /// As a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Completed,
            Outcome::Error => Self::Failed,
            Outcome::Cancelled => Self::Cancelled,
        }
    }
}

/// An item that somebody has in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct ItemInHand {
    /// The phase.
    pub phase: String,
    /// The item.
    pub item: String,
    /// For how long, in the run's time.
    pub age_ns: u64,
}

impl RunState {
    /// The phase of this name.
    #[must_use]
    pub fn phase(&self, name: &str) -> Option<&PhaseState> {
        self.names.get(&*bounded_value(name)).and_then(|place| self.phases.get(*place))
    }

    /// What the run is up to.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.ended {
            Some(ended) => Status::of(ended.outcome),
            None if self.clock.is_paused => Status::Paused,
            None if self.phases.iter().any(PhaseState::has_begun) => Status::Running,
            None => Status::Pending,
        }
    }

    /// What a phase is up to. Without a total, one that is idle is done when a later one has begun since.
    #[must_use]
    pub fn phase_status(&self, place: usize) -> Status {
        let Some(phase) = self.phases.get(place) else { return Status::Pending };
        let is_done = phase.active == 0
            && match phase.effective_total() {
                Some(total) => phase.processed() >= total,
                None => self.has_begun_since(phase),
            };
        match (&self.ended, phase.has_begun()) {
            (Some(_), false) if phase.total == Some(0) => Status::Completed,
            (Some(_), false) => Status::Skipped,
            (None, false) if is_done && phase.total.is_some() => Status::Completed,
            (None, false) => Status::Pending,
            (_, true) if is_done => Status::Completed,
            (Some(ended), true) => Status::of(ended.outcome),
            (None, true) if self.clock.is_paused => Status::Paused,
            (None, true) => Status::Running,
        }
    }

    fn has_begun_since(&self, phase: &PhaseState) -> bool {
        let last_ns = phase.last_ns.unwrap_or(u64::MAX);
        phase.runs() > 0 && self.phases.iter().any(|other| other.first_ns.is_some_and(|first_ns| first_ns >= last_ns))
    }

    /// How long the runs of a phase in flight have lasted, rising, at a moment of the run's time.
    #[must_use]
    pub fn ages_ns(&self, place: usize, run_ns: u64) -> Vec<u64> {
        let own = self.open.values().filter(|open| open.phase == place);
        let mut ages: Vec<_> = own.map(|open| run_ns.saturating_sub(open.began_ns)).collect();
        ages.sort_unstable();
        ages
    }

    /// Which items are in hand, the oldest first.
    #[must_use]
    pub fn items_in_hand(&self, run_ns: u64) -> Vec<ItemInHand> {
        let of_runs = self.open.values().filter_map(|open| Some((open.phase, open.item.clone()?, open.began_ns)));
        let of_lanes = self.in_hand.iter().map(|((phase, _), (item, since_ns))| (*phase, item.clone(), *since_ns));
        let named = |(place, item, since_ns): (usize, String, u64)| {
            let phase = self.phases.get(place)?.name.clone();
            Some(ItemInHand { phase, item, age_ns: run_ns.saturating_sub(since_ns) })
        };
        let mut items: Vec<_> = of_runs.chain(of_lanes).filter_map(named).collect();
        items.sort_by(|one, two| {
            two.age_ns.cmp(&one.age_ns).then_with(|| (&one.phase, &one.item).cmp(&(&two.phase, &two.item)))
        });
        items
    }

    /// How long the run has lasted, pauses and the time between attempts aside. One that has ended lasts no longer.
    #[must_use]
    pub fn elapsed_ns(&self, now_unix_ns: u64) -> u64 {
        if self.ended.is_some() { self.clock.run_ns } else { self.clock.run_ns_at(now_unix_ns) }
    }

    /// When counts were told last, in the run's time: by a heartbeat, or each for itself.
    pub(crate) fn counted_ns(&self) -> u64 {
        let tallies = self.phases.iter().flat_map(|phase| [&phase.items, &phase.weight, &phase.run_ends]);
        tallies.map(Tally::last_ns).fold(self.last_beat_ns, u64::max)
    }

    /// Whether nothing was heard of the run for longer than this, though it has not ended: its process is gone.
    #[must_use]
    pub fn is_lost(&self, now_unix_ns: u64, after_ns: u64) -> bool {
        self.ended.is_none() && now_unix_ns.saturating_sub(self.clock.last_unix_ns) > after_ns
    }

    /// How the phases follow each other: as declared, or as it happened. Until two have met, sequentially.
    #[must_use]
    pub fn flow(&self) -> Flow {
        if let Some(flow) = self.flow {
            return flow;
        }
        let at_work: Vec<_> = self.phases.iter().map(|phase| phase.stretches_at(self.clock.run_ns)).collect();
        let meet = |(place, one): (usize, &Stretches)| {
            at_work.iter().skip(place + 1).any(|two| {
                let shorter_ns = one.total_ns().min(two.total_ns());
                one.common_ns(two) > shorter_ns / 2
            })
        };
        if at_work.iter().enumerate().any(meet) { Flow::Streaming } else { Flow::Sequential }
    }
}
