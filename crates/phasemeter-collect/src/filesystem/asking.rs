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
    /// It was asked, and has not answered.
    None,
    /// Others held it up until there was no time left to ask it, or to wait for it.
    NotAsked,
}

/// Threads that ask, and what they were told.
pub(super) struct Asking {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to ask, or nobody will ask again.
    wanted: Condvar,
    /// All of a round are back.
    answered: Condvar,
    ask: Box<Ask>,
}

type Ask = dyn Fn(&Path) -> io::Result<Space> + Send + Sync;

#[derive(Default)]
struct State {
    round: u64,
    waiting: VecDeque<PathBuf>,
    /// Asked, and not back.
    in_flight: Vec<Question>,
    answers: BTreeMap<PathBuf, Answer>,
    /// Threads that have nothing to do.
    idle: usize,
    is_over: bool,
}

struct Question {
    path: PathBuf,
    round: u64,
    asked: Instant,
}

/// Whoever takes longer is left behind: an answer from memory takes a microsecond.
const PATIENCE: Duration = Duration::from_millis(200);

/// All of them together.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(1);

/// Threads that are started at once where those before are stuck: so many that, within the time, each of as many mounts as
/// there can be gets its own.
const MORE_THREADS: usize = 32;

impl Asking {
    pub(super) fn by(ask: impl Fn(&Path) -> io::Result<Space> + Send + Sync + 'static) -> Self {
        let (wanted, answered) = (Condvar::new(), Condvar::new());
        let shared = Shared { state: Mutex::default(), wanted, answered, ask: Box::new(ask) };
        Self { shared: Arc::new(shared) }
    }

    /// The answers of all, in this order. One that has not come back from an earlier time is not asked again, and not
    /// waited for.
    pub(super) fn ask(&self, paths: &[PathBuf]) -> Vec<Answer> {
        let mut state = self.shared.state();
        state.begin(paths);
        let deadline = Instant::now() + PATIENCE_IN_ALL;
        let mut threads = 1;
        while state.is_any_open() && Instant::now() < deadline {
            self.start(&state, threads);
            let left = deadline.saturating_duration_since(Instant::now());
            // Who is stuck holds up the others no longer than this: they get new threads. There are none to hold up once all
            // that is left is who does not answer.
            let patience = if state.waiting.is_empty() { state.patience_left() } else { PATIENCE };
            if patience.is_zero() {
                break;
            }
            let waited = self.shared.answered.wait_timeout(state, patience.min(left));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            threads = MORE_THREADS;
        }
        paths.iter().map(|path| state.answer(path)).collect()
    }

    /// As many threads as there is something to ask for. Where the system has no more of them, those that there are go on.
    fn start(&self, state: &State, threads: usize) {
        self.shared.wanted.notify_all();
        for _ in state.idle..threads.min(state.waiting.len()) {
            if !spawn(self.shared.clone()) {
                break;
            }
        }
    }
}

/// Threads end once they are back from whom they asked.
impl Drop for Asking {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.wanted.notify_all();
    }
}

impl State {
    fn begin(&mut self, paths: &[PathBuf]) {
        self.round += 1;
        self.answers.clear();
        self.waiting.clear();
        let Self { waiting, in_flight, .. } = self;
        let is_back = |path: &&PathBuf| in_flight.iter().all(|asked| asked.path != **path);
        waiting.extend(paths.iter().filter(is_back).cloned());
    }

    /// Whether one is not back that was asked, or is to be, in this round.
    fn is_any_open(&self) -> bool {
        !self.waiting.is_empty() || self.in_flight.iter().any(|asked| asked.round == self.round)
    }

    /// Until nobody who was asked in this round deserves to be waited for.
    fn patience_left(&self) -> Duration {
        let of_round = self.in_flight.iter().filter(|asked| asked.round == self.round);
        of_round.map(Question::patience_left).max().unwrap_or_default()
    }

    fn answer(&self, path: &Path) -> Answer {
        let asked = || self.in_flight.iter().find(|asked| asked.path == path);
        match self.answers.get(path) {
            Some(answer) => *answer,
            None if asked().is_some_and(|asked| asked.patience_left().is_zero()) => Answer::None,
            None => Answer::NotAsked,
        }
    }
}

impl Question {
    fn patience_left(&self) -> Duration {
        PATIENCE.saturating_sub(self.asked.elapsed())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One after the other. A thread that has nothing to do waits for the next round; of several such, one stays.
    fn work(&self) {
        let mut state = self.state();
        while !state.is_over {
            let Some(path) = state.waiting.pop_front() else {
                if state.idle > 0 {
                    return;
                }
                state.idle += 1;
                state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            let round = state.round;
            state.in_flight.push(Question { path: path.clone(), round, asked: Instant::now() });
            drop(state);
            let answer = (self.ask)(&path).map_or(Answer::Error, Answer::Space);
            state = self.state();
            state.in_flight.retain(|asked| asked.path != path);
            // An answer of another round is none of this one's; it is asked again in the next.
            if state.round == round {
                state.answers.insert(path, answer);
            }
            if !state.is_any_open() {
                self.answered.notify_all();
            }
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
