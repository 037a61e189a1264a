//! What a phase has in hand and had in hand: for people who look for the one item that is slow, stuck or broken.
//!
//! Items are never labels, so this is no metric; it stands beside the metrics in a [`Snapshot`](crate::Snapshot).

use crate::sync::Arc;
use crate::{MAX_ENDED, Moment, PhaseCell};

/// Which runs of one phase to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The pipeline.
    pub pipeline: Box<str>,
    /// The phase.
    pub phase: Box<str>,
    /// The runs that have been in flight longest, the oldest first; at most [`MAX_ENDED`].
    pub oldest: Vec<Running>,
    /// The slowest runs so far, the slowest first; at most [`MAX_ENDED`].
    pub slowest: Vec<Ran>,
    /// The latest runs that failed, the latest first; at most [`MAX_ENDED`].
    pub failed: Vec<Ran>,
}

/// A run in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it has in hand, where it said so.
    pub item: Option<Arc<str>>,
    /// For how long it has been.
    pub running_ns: u64,
    /// For how long its plain span has been left; `None` while it is entered, and for the exact grade.
    pub exited_ns: Option<u64>,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// What it had in hand, where it said so.
    pub item: Option<Arc<str>>,
    /// How long it took.
    pub elapsed_ns: u64,
    /// How long ago it ended.
    pub ago_ns: u64,
    /// The type of its error, where it failed.
    pub error_type: Option<Arc<str>>,
}

impl Work {
    /// The runs of one cell.
    #[must_use]
    pub fn of_cell(pipeline: Box<str>, phase: Box<str>, cell: &PhaseCell, moment: Moment) -> Self {
        let ago = |then_ns: u64| moment.now_ns.saturating_sub(then_ns);
        let running = |flight: crate::InFlight| Running {
            item: flight.item,
            running_ns: ago(flight.started_ns),
            exited_ns: flight.exited_ns.map(ago),
        };
        let ran = |ended: crate::Ended| Ran {
            item: ended.item,
            elapsed_ns: ended.elapsed_ns,
            ago_ns: ago(ended.ended_ns),
            error_type: ended.error_type,
        };
        Self {
            pipeline,
            phase,
            oldest: cell.oldest_in_flight(MAX_ENDED).into_iter().map(running).collect(),
            slowest: cell.slowest().into_iter().map(ran).collect(),
            failed: cell.failed().into_iter().map(ran).collect(),
        }
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.oldest.is_empty() && self.slowest.is_empty() && self.failed.is_empty()
    }

    /// Takes in what another cell of the same phase had.
    pub(crate) fn merge(&mut self, other: &mut Self) {
        self.oldest.append(&mut other.oldest);
        self.oldest.sort_by_key(|run| std::cmp::Reverse(run.running_ns));
        self.slowest.append(&mut other.slowest);
        self.slowest.sort_by_key(|run| std::cmp::Reverse(run.elapsed_ns));
        self.failed.append(&mut other.failed);
        self.failed.sort_by_key(|run| run.ago_ns);
        self.oldest.truncate(MAX_ENDED);
        self.slowest.truncate(MAX_ENDED);
        self.failed.truncate(MAX_ENDED);
    }
}
