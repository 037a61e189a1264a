//! Which scrapes began and which were answered completely.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_until};

/// Counts scrapes, and lets others wait for one.
#[derive(Debug, Default)]
pub(crate) struct Scrapes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    begun: u64,
    answered: u64,
    /// The number of the latest-begun scrape that was answered.
    newest_answered: u64,
}

/// A scrape that began; its number, from 1.
#[derive(Debug)]
pub(crate) struct Scrape(u64);

impl Scrapes {
    /// A scrape begins: what it will show is not read yet.
    pub(crate) fn begin(&self) -> Scrape {
        let mut state = lock(&self.state);
        state.begun += 1;
        Scrape(state.begun)
    }

    /// The scrape was answered to its last byte.
    pub(crate) fn answered(&self, scrape: &Scrape) {
        let mut state = lock(&self.state);
        state.answered += 1;
        state.newest_answered = state.newest_answered.max(scrape.0);
        self.changed.notify_all();
    }

    /// How many were answered.
    pub(crate) fn count(&self) -> u64 {
        lock(&self.state).answered
    }

    /// Waits for a scrape that begins from now on to be answered; false where the limit passes before.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let state = lock(&self.state);
        let before = state.begun;
        // A limit beyond what an Instant holds is as good as a year.
        let deadline = Instant::now().checked_add(limit).unwrap_or_else(|| Instant::now() + YEAR);
        wait_until(&self.changed, state, deadline, |state| state.newest_answered > before).newest_answered > before
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_that_began_before_the_wait_does_not_end_it() {
        let scrapes = Scrapes::default();
        let early = scrapes.begin();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scrapes.wait(Duration::from_millis(30)));
            scrapes.answered(&early);
            assert!(!waiting.join().expect("no panic"));
        });
        assert_eq!(scrapes.count(), 1);
    }

    #[test]
    fn an_endless_limit_is_no_overflow() {
        let scrapes = Scrapes::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scrapes.wait(Duration::MAX));
            while !waiting.is_finished() {
                scrapes.answered(&scrapes.begin());
                std::thread::yield_now();
            }
            assert!(waiting.join().expect("no panic"));
        });
    }
}
