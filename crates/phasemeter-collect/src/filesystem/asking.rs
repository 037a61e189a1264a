//! Asking file systems that may never answer.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::Space;

/// What came of asking one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Space(Space),
    Error,
    /// It has not answered yet.
    None,
}

/// Threads that ask, and what they were told.
pub(super) struct Asking {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    answered: Condvar,
    ask: Box<Ask>,
}

type Ask = dyn Fn(&Path) -> io::Result<Space> + Send + Sync;

#[derive(Default)]
struct State {
    waiting: VecDeque<PathBuf>,
    /// Asked, and not back.
    in_flight: Vec<PathBuf>,
    answers: BTreeMap<PathBuf, Answer>,
}

/// Whoever takes longer is left behind: an answer from memory takes a microsecond.
const PATIENCE: Duration = Duration::from_millis(200);

/// All of them together.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(1);

impl Asking {
    pub(super) fn by(ask: impl Fn(&Path) -> io::Result<Space> + Send + Sync + 'static) -> Self {
        let shared = Shared { state: Mutex::default(), answered: Condvar::new(), ask: Box::new(ask) };
        Self { shared: Arc::new(shared) }
    }

    /// The answers of all, in this order. One that has not come back from an earlier time is not asked again, and not
    /// waited for.
    pub(super) fn ask(&self, paths: &[PathBuf]) -> Vec<Answer> {
        {
            let mut state = self.shared.state();
            let State { waiting, in_flight, answers } = &mut *state;
            answers.clear();
            waiting.clear();
            waiting.extend(paths.iter().filter(|path| !in_flight.contains(path)).cloned());
        }
        let deadline = Instant::now() + PATIENCE_IN_ALL;
        while !self.shared.state().waiting.is_empty() && Instant::now() < deadline {
            // Who is stuck holds up the others no longer than this: they get a new thread.
            if !spawn(self.shared.clone()) {
                break;
            }
            self.wait(paths, deadline);
        }
        let state = self.shared.state();
        paths.iter().map(|path| state.answers.get(path).copied().unwrap_or(Answer::None)).collect()
    }

    /// Until all are answered that were asked now, or nothing has come for a while.
    fn wait(&self, paths: &[PathBuf], deadline: Instant) {
        let mut state = self.shared.state();
        let asked = |state: &State| {
            let is_open = |path: &&PathBuf| state.waiting.contains(path) || state.in_flight.contains(path);
            paths.iter().filter(is_open).count()
        };
        loop {
            let (before, already) = (state.answers.len(), asked(&state));
            if already == 0 || (state.waiting.is_empty() && state.answers.len() >= paths.len()) {
                return;
            }
            let patience = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
            let (next, waited) =
                self.shared.answered.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out() && state.answers.len() == before {
                return;
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One after the other, until there are no more; a thread that was left behind finds that others have gone on.
    fn work(&self) {
        loop {
            let path = {
                let mut state = self.state();
                let Some(path) = state.waiting.pop_front() else { return };
                state.in_flight.push(path.clone());
                path
            };
            let answer = (self.ask)(&path).map_or(Answer::Error, Answer::Space);
            let mut state = self.state();
            state.in_flight.retain(|own| *own != path);
            state.answers.insert(path, answer);
            drop(state);
            self.answered.notify_all();
        }
    }
}

fn spawn(shared: Arc<Shared>) -> bool {
    std::thread::Builder::new().name("phasemeter-statvfs".into()).spawn(move || shared.work()).is_ok()
}

/// The system's own answer.
pub(super) fn statvfs(path: &Path) -> io::Result<Space> {
    let told = nix::sys::statvfs::statvfs(path).map_err(|errno: Errno| io::Error::from(errno))?;
    let unit = told.fragment_size();
    let bytes = |blocks: u64| blocks.saturating_mul(unit);
    Ok(Space {
        total: bytes(told.blocks()),
        free: bytes(told.blocks_free()),
        available: bytes(told.blocks_available()),
    })
}
