//! A run that is followed: how far it is, when it will be done, and a journal of it for later.
//!
//! ```text
//! Registry (counts, runs in flight) ─→ Follower: an Event each second ─→ RunState ─→ Progress ─→ metrics, Run::progress
//!                                                                    └─→ journal, where the program names a folder
//! ```
//!
//! One thread a run does it, once a second: whoever works and counts pays nothing for it. What is written goes through
//! that thread as well, so a slow disk holds up nobody else.

#[cfg(feature = "journal")]
pub mod folder;
mod follower;
mod in_hand;
mod machine;
mod plan;
mod said;
mod totals;

#[cfg_attr(not(feature = "journal"), path = "journal_off.rs")]
mod journal;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use phasemeter_analysis::Progress;
use phasemeter_analysis::event::EventKind;
use phasemeter_core::catalogue::{PHASE_ETA, PIPELINE_DEADLINE_TIMESTAMP, PIPELINE_ETA, PIPELINE_HEARTBEAT_TIMESTAMP};
use phasemeter_core::{Labels, Outcome, Samples, Value};

use self::follower::Follower;
use crate::inner::{Inner, lock};

pub(crate) use self::plan::Plan;
pub(crate) use phasemeter_analysis::scheduler::variables;

/// How often it is looked at.
const CADENCE: Duration = Duration::from_secs(1);

/// A program that ends does not wait longer than this for its journal.
const PATIENCE: Duration = Duration::from_secs(2);

/// A run that is followed until this goes.
pub(crate) struct Following {
    shown: Arc<Shown>,
    /// To the thread that follows; `None` where none could be started.
    commands: Option<Sender<Command>>,
}

/// What is known of the run now.
#[derive(Default)]
struct Shown {
    latest: Mutex<Option<Arc<Seen>>>,
    /// What the program said, and the thread has not taken in yet.
    unsaid: AtomicUsize,
}

/// More than this is not kept for a thread that waits for its disk.
const MAX_UNSAID: usize = 1_000;

/// One look.
struct Seen {
    unix_ns: u64,
    progress: Progress,
}

enum Command {
    /// Something that the program says of its run.
    Say(EventKind),
    /// The run is over; an answer comes when all is written.
    End { outcome: Outcome, reason: Option<String>, done: Sender<()> },
}

impl Following {
    /// Begins to follow.
    pub(crate) fn begin(inner: &Arc<Inner>, plan: Plan, pipeline: &str, id: &str) -> Self {
        let shown = Arc::<Shown>::default();
        let (commands, received) = mpsc::channel();
        let (weak, own) = (Arc::downgrade(inner), shown.clone());
        // What was counted before is looked at here, so that it is not counted as this run's.
        let follower = Follower::new(inner, plan, pipeline, id);
        let work = move || follow(&weak, follower, &own, &received);
        let thread = std::thread::Builder::new().name("phasemeter-run".into()).spawn(work);
        Self { shown, commands: thread.ok().map(|_detached| commands) }
    }

    /// Tells the thread what the program says; false where that is more than it can take.
    pub(crate) fn say(&self, event: EventKind) -> bool {
        let Some(commands) = &self.commands else { return false };
        // Relaxed: the number alone is meant, and one or two beyond it are no harm.
        if self.shown.unsaid.fetch_add(1, Ordering::Relaxed) >= MAX_UNSAID {
            self.shown.unsaid.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        commands.send(Command::Say(event)).is_ok()
    }

    /// Ends it, and waits until its journal is written, but not for ever.
    pub(crate) fn end(&self, outcome: Outcome, reason: Option<String>) {
        let (done, written) = mpsc::channel();
        let Some(commands) = &self.commands else { return };
        if commands.send(Command::End { outcome, reason, done }).is_ok() {
            let _late = written.recv_timeout(PATIENCE);
        }
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.shown.latest().map(|seen| seen.progress.clone())
    }

    /// Puts what is known into `out`, and says how much of the run is done.
    pub(crate) fn sample(&self, pipeline: &str, out: &mut Samples) -> Option<f64> {
        let seen = self.shown.latest()?;
        let of_run = labels([("pipeline", pipeline)]);
        out.push(&PIPELINE_HEARTBEAT_TIMESTAMP, of_run.clone(), Value::Nanos(seen.unix_ns));
        if let Some(eta) = seen.progress.eta {
            out.push(&PIPELINE_ETA, of_run.clone(), Value::Nanos(eta.median_ns));
        }
        if let Some(deadline) = seen.progress.deadline {
            out.push(&PIPELINE_DEADLINE_TIMESTAMP, of_run, Value::Nanos(deadline.at_unix_ns));
        }
        for phase in &seen.progress.phases {
            if let Some(eta) = phase.eta {
                let labels = labels([("phase", &*phase.name), ("pipeline", pipeline)]);
                out.push(&PHASE_ETA, labels, Value::Nanos(eta.median_ns));
            }
        }
        seen.progress.overall
    }
}

impl Shown {
    fn latest(&self) -> Option<Arc<Seen>> {
        lock(&self.latest).clone()
    }

    fn show(&self, seen: Seen) {
        *lock(&self.latest) = Some(Arc::new(seen));
    }
}

/// Until the run is over, or the Meter is gone.
fn follow(inner: &Weak<Inner>, mut follower: Follower, shown: &Shown, commands: &mpsc::Receiver<Command>) {
    follower.begin();
    let mut next = Instant::now();
    loop {
        if Instant::now() >= next {
            let Some(own) = inner.upgrade() else { return };
            follower.look(&own);
            shown.show(follower.tell(&own));
            next = Instant::now() + CADENCE;
        }
        match commands.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Command::Say(event)) => {
                shown.unsaid.fetch_sub(1, Ordering::Relaxed);
                if let Some(own) = inner.upgrade() {
                    follower.say(&own, event);
                }
            }
            Ok(Command::End { outcome, reason, done }) => {
                if let Some(own) = inner.upgrade() {
                    follower.look(&own);
                    shown.show(follower.end(&own, outcome, reason));
                }
                // Its journal is free for the next attempt before anybody hears that this one is over.
                drop(follower);
                let _gone = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Labels whose names are constants of this workspace.
fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    Labels::new(pairs).expect("invariant: constant, valid label names")
}
