//! Workers between queues: how a pipeline streams, ends, and outlives what goes wrong in one of its items.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::stop::Stop;

/// Starts stages within a scope. Each stage ends when what comes before it has ended and its queue is empty, or when
/// the whole is stopped; so the end of the source, and a stop, run through all stages by themselves.
#[derive(Clone, Copy)]
pub(crate) struct Stages<'scope, 'env> {
    pub(crate) scope: &'scope Scope<'scope, 'env>,
    pub(crate) stop: &'scope Stop,
    /// Threads of each stage.
    pub(crate) workers: usize,
    /// Each stage ends before the next begins. Queues then hold whatever there is.
    pub(crate) sequential: bool,
}

impl<'scope> Stages<'scope, '_> {
    /// The first stage: one thread that hands out items, `capacity` of them ahead.
    pub(crate) fn source<Out>(self, capacity: usize, items: impl Iterator<Item = Out> + Send + 'scope) -> Receiver<Out>
    where
        Out: Send + 'scope,
    {
        let (sender, receiver) = self.queue(capacity);
        let thread = self.scope.spawn(move || {
            // Nobody takes any more once all workers have stopped.
            let _is_complete = items.take_while(|_| !self.stop.is_set()).all(|item| sender.send(item).is_ok());
        });
        if self.sequential {
            let _panicked = thread.join();
        }
        receiver
    }

    /// A stage in the middle. `work` puts what it makes of an item into the next queue. Where it panics, that item
    /// alone is lost, and `lost` is told.
    pub(crate) fn stage<In, Out>(
        self,
        capacity: usize,
        input: Receiver<In>,
        work: impl Fn(&In, &Sender<Out>) + Copy + Send + 'scope,
        lost: impl Fn(&In) + Copy + Send + 'scope,
    ) -> Receiver<Out>
    where
        In: Send + 'scope,
        Out: Send + 'scope,
    {
        let (sender, receiver) = self.queue(capacity);
        let worker = || {
            let (input, sender) = (input.clone(), sender.clone());
            self.scope.spawn(move || {
                for item in input.iter().take_while(|_| !self.stop.is_set()) {
                    // The closures share counters only, and those hold at every moment.
                    if catch_unwind(AssertUnwindSafe(|| work(&item, &sender))).is_err() {
                        lost(&item);
                    }
                }
            })
        };
        let threads: Vec<_> = (0..self.workers).map(|_| worker()).collect();
        if self.sequential {
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        receiver
    }

    fn queue<T>(self, capacity: usize) -> (Sender<T>, Receiver<T>) {
        if self.sequential { unbounded() } else { bounded(capacity) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    /// Squares `0..count` in one stage and sorts what comes out; `work` may panic before.
    fn squares(count: u64, stop: &Stop, sequential: bool, work: impl Fn(u64) + Copy + Send + Sync) -> (Vec<u64>, u64) {
        let lost = AtomicU64::new(0);
        let count_lost = |_: &u64| _ = lost.fetch_add(1, Ordering::Relaxed);
        let square = |number: &u64, out: &Sender<u64>| {
            work(*number);
            let _stopped = out.send(number * number);
        };
        let mut squares: Vec<u64> = thread::scope(|scope| {
            let stages = Stages { scope, stop, workers: 4, sequential };
            stages.stage(1, stages.source(1, 0..count), square, count_lost).iter().collect()
        });
        squares.sort_unstable();
        (squares, lost.into_inner())
    }

    #[test]
    fn everything_arrives_in_both_modes() {
        let expected: Vec<_> = (0..1000).map(|number| number * number).collect();
        for sequential in [false, true] {
            assert_eq!(squares(1000, &Stop::default(), sequential, |_| ()), (expected.clone(), 0));
        }
    }

    #[test]
    fn a_panic_loses_its_own_item_and_no_other() {
        for sequential in [false, true] {
            let every_tenth = |number| assert!(number % 10 != 0, "a panic that this test wants");
            let (squares, lost) = squares(100, &Stop::default(), sequential, every_tenth);
            assert_eq!((squares.len(), lost), (90, 10));
        }
    }

    #[test]
    fn a_stop_ends_all_stages_though_the_source_is_endless() {
        let stop = Stop::default();
        let stop_there = |number| {
            if number == 50 {
                stop.set();
            }
        };
        let (squares, _) = squares(u64::MAX, &stop, false, stop_there);
        assert!(squares.len() < 100, "{}", squares.len());
    }

    #[test]
    fn a_consumer_that_goes_away_and_stops_ends_all_stages() {
        let stop = Stop::default();
        let first = thread::scope(|scope| {
            let stages = Stages { scope, stop: &stop, workers: 2, sequential: false };
            let pass = |number: &u64, out: &Sender<u64>| {
                let _is_taken = out.send(*number);
            };
            let passed = stages.stage(1, stages.source(1, 0..), pass, |_| ());
            let first = passed.recv();
            stop.set();
            first
        });
        assert!(first.is_ok());
    }
}
