//! Runs on threads: closures, guards, loops, spans, and futures that are polled by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::thread::{Scope, ScopedJoinHandle};

use phasemeter::{DropReason, ItemOutcome, Outcome, PhaseFutureExt as _, PhaseGuard, Track as _};
use tokio::task::yield_now;
use tracing::dispatcher::with_default;
use tracing::field::Empty;
use tracing::{Instrument as _, error, info_span};

use crate::oracle::Tally;
use crate::random::Random;
use crate::way::Way;
use crate::{PLAIN, Stress, THREADS};

/// Starts the threads; each of them makes at least so many runs.
pub(crate) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stress: &Arc<Stress>,
    runs: u64,
) -> Vec<ScopedJoinHandle<'scope, Tally>> {
    let (senders, inboxes): (Vec<Sender<_>>, Vec<Receiver<_>>) = (0..THREADS).map(|_| channel()).unzip();
    let start = |(number, inbox): (usize, Receiver<PhaseGuard>)| {
        let next = senders[(number + 1) % senders.len()].clone();
        let random = Random::new(number as u64 + 1);
        let mut worker = Worker { stress: stress.clone(), random, next, tally: Tally::default() };
        scope.spawn(move || {
            with_default(&worker.stress.dispatch.clone(), || {
                while worker.tally.runs() < runs {
                    worker.anything(3);
                    // Guards that the thread before this one has begun end here.
                    inbox.try_iter().for_each(drop);
                }
            });
            worker.tally
        })
    };
    inboxes.into_iter().enumerate().map(start).collect()
}

struct Worker {
    stress: Arc<Stress>,
    random: Random,
    /// The thread that some guards are handed to.
    next: Sender<PhaseGuard>,
    tally: Tally,
}

impl Worker {
    /// A run of any kind; within it, where it may still go deeper, perhaps others.
    fn anything(&mut self, depth: u32) {
        match self.random.below(10) {
            0 => self.closure(depth),
            1 => self.guard(depth),
            2 => self.guard_for_the_next(),
            3 => self.exact_future(),
            4 => self.counted_loop(),
            5 => self.span(depth),
            6 => self.renamed_span(depth),
            7 => self.span_of_a_future(),
            8 => self.span_never_entered(),
            _ => self.span_with_an_event(depth),
        }
    }

    fn deeper(&mut self, depth: u32) {
        if depth > 0 && self.random.below(2) == 0 {
            self.anything(depth - 1);
        }
    }

    fn closure(&mut self, depth: u32) {
        let stress = self.stress.clone();
        let (phase, way, items) = (self.random.one_of(&stress.exact), Way::by_chance(&mut self.random), self.items());
        let mut is_measured = false;
        let _ended = catch_unwind(AssertUnwindSafe(|| {
            phase.run(|guard| {
                // The level may change at this very moment; only the guard knows at which one it began.
                is_measured = format!("{guard:?}").contains("true");
                guard.items(items);
                self.deeper(depth);
                way.go()
            })
        }));
        self.count(is_measured, phase.name(), way.outcome(), items);
    }

    fn guard(&mut self, depth: u32) {
        let stress = self.stress.clone();
        let phase = self.random.one_of(&stress.exact);
        let (guard, is_measured) = stress.begin(|| phase.start());
        let [done, failed, skipped] = [self.items(), self.items(), self.items()];
        guard.inc(done);
        guard.inc_error(failed, "of an item");
        guard.skip(skipped);
        guard.item(done);
        self.deeper(depth);
        let fails = self.random.below(2) == 0;
        if fails {
            guard.fail("told");
        }
        drop(guard);
        if is_measured {
            let live = [(ItemOutcome::Ok, done), (ItemOutcome::Error, failed), (ItemOutcome::Skipped, skipped)];
            live.into_iter().for_each(|(outcome, items)| self.tally.items(phase.name(), outcome, items));
            self.tally.errors(phase.name(), failed);
            self.tally.run(phase.name(), if fails { Outcome::Error } else { Outcome::Ok }, 0);
        }
    }

    fn guard_for_the_next(&mut self) {
        let stress = self.stress.clone();
        let phase = self.random.one_of(&stress.exact);
        let (guard, is_measured) = stress.begin(|| phase.start());
        self.count(is_measured, phase.name(), Outcome::Ok, 0);
        // Where that thread has gone the guard ends here.
        let _gone = self.next.send(guard);
    }

    fn counted_loop(&mut self) {
        let stress = self.stress.clone();
        let phase = self.random.one_of(&stress.exact);
        let (length, end) = (self.random.below(4), self.random.below(4));
        let mut items = (0..length).track(phase);
        let (first, is_measured) = stress.begin(|| items.next());
        let turns = first.into_iter().chain(&mut items).take_while(|item| *item < end).count() as u64;
        drop(items);
        if is_measured {
            self.tally.items(phase.name(), ItemOutcome::Ok, turns);
            self.count(true, phase.name(), if turns == length { Outcome::Ok } else { Outcome::Cancelled }, 0);
        }
    }

    fn exact_future(&mut self) {
        let stress = self.stress.clone();
        let phase = self.random.one_of(&stress.exact);
        let (way, items, polls) = (Way::by_chance(&mut self.random), self.items(), self.random.below(4));
        let work = async {
            yield_now().await;
            yield_now().await;
            way.go()
        };
        let mut future = pin!(work.phase(phase).items(items));
        let mut is_measured = false;
        let _ended = catch_unwind(AssertUnwindSafe(|| {
            let mut poll = || _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if polls > 0 {
                ((), is_measured) = stress.begin(&mut poll);
            }
            (1..polls).for_each(|_| poll());
        }));
        let outcome = if polls == 3 { way.outcome() } else { Outcome::Cancelled };
        self.count(is_measured, phase.name(), outcome, items);
    }

    fn span(&mut self, depth: u32) {
        let stress = self.stress.clone();
        let (name, way, items) = (*self.random.one_of(&PLAIN), Way::by_chance(&mut self.random), self.items());
        let open = || info_span!("span", phase.name = name, phase.items = items, error.type = Empty);
        let (span, is_measured) = stress.begin(open);
        let _ended = catch_unwind(AssertUnwindSafe(|| {
            span.in_scope(|| {
                self.deeper(depth);
                if way.go().is_err() {
                    span.record("error.type", "told");
                }
            });
        }));
        drop(span);
        self.count(is_measured, name, way.outcome(), items);
    }

    fn renamed_span(&mut self, depth: u32) {
        let stress = self.stress.clone();
        let [first, second] = [*self.random.one_of(&PLAIN), *self.random.one_of(&PLAIN)];
        let open = || info_span!("span", phase.name = Empty, phase.items = Empty, phase.outcome = Empty);
        let (span, is_measured) = stress.begin(open);
        let outcome = *self.random.one_of(&Outcome::ALL);
        let items = self.items();
        span.record("phase.name", first);
        span.in_scope(|| {
            span.record("phase.items", items);
            self.deeper(depth);
        });
        span.record("phase.name", second);
        span.record("phase.outcome", outcome.as_str());
        drop(span);
        self.count(is_measured, second, outcome, items);
    }

    fn span_of_a_future(&mut self) {
        let stress = self.stress.clone();
        let (name, polls) = (*self.random.one_of(&PLAIN), self.random.below(3));
        let (span, is_measured) = stress.begin(|| info_span!("span", phase.name = name));
        {
            let mut future = pin!(yield_now().instrument(span));
            for _ in 0..polls {
                let _is_ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        self.count(is_measured, name, Outcome::Ok, 0);
    }

    fn span_never_entered(&mut self) {
        let stress = self.stress.clone();
        let name = *self.random.one_of(&PLAIN);
        let (_, is_measured) = stress.begin(|| info_span!("span", phase.name = name));
        if is_measured {
            self.tally.dropped(DropReason::NeverEntered);
        }
    }

    fn span_with_an_event(&mut self, depth: u32) {
        let stress = self.stress.clone();
        let name = *self.random.one_of(&PLAIN);
        let (span, is_measured) = stress.begin(|| info_span!("span", phase.name = name));
        span.in_scope(|| {
            // Not measured itself, it would be a sign for another phase around it.
            if is_measured {
                // At level off no event is looked at.
                let ((), is_seen) = stress.begin(|| error!("is a sign"));
                self.count(true, name, if is_seen { Outcome::Error } else { Outcome::Ok }, 0);
            }
            self.deeper(depth);
        });
    }

    fn items(&mut self) -> u64 {
        self.random.below(5)
    }

    fn count(&mut self, is_measured: bool, phase: &str, outcome: Outcome, items: u64) {
        if is_measured {
            self.tally.run(phase, outcome, items);
        }
    }
}
