//! What holds of runs in flight, whatever begins, exits and ends, and on whatever thread:
//!
//! - in flight is what began and did not end, the oldest start is the least of theirs, held is what exited a minute ago;
//! - each run is seen with what it holds itself, in flight and afterwards among the slowest and the failed;
//! - a reading counts no fewer runs than are in flight all the while, and no more than are at some time of it.

mod cases;

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::ScopedJoinHandle;

use cases::{config, registry};
use phasemeter_core::{Ended, Flight, HELD_AFTER_NS, InFlight, Limits, MAX_ENDED, Moment, PhaseCell, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Makes new cells, which only a registry can.
fn cell() -> Arc<PhaseCell> {
    registry(Limits::default()).phase(None, "embed")
}

fn at(now_ns: u64) -> Moment {
    Moment { now_ns, unix_ns: 0 }
}

/// What happens to one of the runs in flight, or a new one.
#[derive(Debug, Clone)]
enum Step {
    Begin,
    Exit(Index),
    Enter(Index),
    Take(Index, u8),
    End(Index, Verdict<'static>, u64),
    Withdraw(Index),
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = select(&[Verdict::Ok, Verdict::Error("io"), Verdict::Cancelled][..]);
    let any_run = any::<Index>;
    prop_oneof![
        6 => Just(Step::Begin),
        2 => any_run().prop_map(Step::Exit),
        1 => any_run().prop_map(Step::Enter),
        2 => (any_run(), any::<u8>()).prop_map(|(run, item)| Step::Take(run, item)),
        3 => (any_run(), verdict, 0..9_u64).prop_map(|(run, verdict, elapsed)| Step::End(run, verdict, elapsed)),
        1 => any_run().prop_map(Step::Withdraw),
        1 => Just(Step::Read),
    ]
}

/// Moments in any order: nobody promises that threads come one after the other.
fn now_ns() -> impl Strategy<Value = u64> {
    let bounds = select(&[0, 1, HELD_AFTER_NS - 1, HELD_AFTER_NS, HELD_AFTER_NS + 1][..]);
    prop_oneof![bounds, 0..3 * HELD_AFTER_NS]
}

/// A run in flight, and what it was told.
struct Run {
    flight: Flight,
    is: InFlight,
}

/// What a cell was told, kept as a plain list.
#[derive(Default)]
struct Told {
    running: Vec<Run>,
    ended: Vec<Ended>,
    last_run_ns: Option<u64>,
}

impl Told {
    fn tell(&mut self, cell: &PhaseCell, step: &Step, now_ns: u64) -> Result<(), TestCaseError> {
        let place = |run: &Index| (!self.running.is_empty()).then(|| run.index(self.running.len()));
        match step {
            Step::Begin => {
                let is = InFlight { started_ns: now_ns, exited_ns: None, item: None };
                self.running.push(Run { flight: cell.begin(now_ns), is });
                self.last_run_ns = Some(now_ns);
            }
            Step::Exit(run) | Step::Enter(run) => {
                let exited_ns = matches!(step, Step::Exit(_)).then_some(now_ns);
                if let Some(run) = place(run).map(|place| &mut self.running[place]) {
                    run.flight.set_exited(exited_ns);
                    run.is.exited_ns = exited_ns;
                }
            }
            Step::Take(run, item) => {
                if let Some(run) = place(run).map(|place| &mut self.running[place]) {
                    let item: Arc<str> = item.to_string().into();
                    run.flight.set_item(item.clone());
                    run.is.item = Some(item);
                }
            }
            Step::End(run, verdict, elapsed_ns) => {
                if let Some(Run { flight, is }) = place(run).map(|place| self.running.swap_remove(place)) {
                    flight.end(*verdict, *elapsed_ns, now_ns);
                    self.last_run_ns = Some(now_ns);
                    let error_type = if let Verdict::Error(error_type) = verdict { Some(*error_type) } else { None };
                    let error_type = error_type.map(Arc::from);
                    self.ended.push(Ended { item: is.item, elapsed_ns: *elapsed_ns, ended_ns: now_ns, error_type });
                }
            }
            Step::Withdraw(run) => {
                if let Some(run) = place(run).map(|place| self.running.swap_remove(place)) {
                    run.flight.withdraw();
                }
            }
            Step::Read => self.check(cell, now_ns)?,
        }
        Ok(())
    }

    fn check(&self, cell: &PhaseCell, now_ns: u64) -> Result<(), TestCaseError> {
        let running = || self.running.iter().map(|run| &run.is);
        let reading = cell.read(at(now_ns));
        prop_assert_eq!(reading.active, self.running.len() as i64);
        prop_assert_eq!(reading.oldest_start_ns, running().map(|run| run.started_ns).min());
        let is_held = |run: &&InFlight| run.exited_ns.is_some_and(|exited_ns| exited_ns + HELD_AFTER_NS <= now_ns);
        prop_assert_eq!(reading.held, running().filter(is_held).count() as u64);
        prop_assert_eq!(reading.runs(), self.ended.len() as u64);
        prop_assert_eq!(reading.last_activity_ns, self.last_run_ns);

        let whole = |run: &InFlight| (run.started_ns, run.item.clone(), run.exited_ns);
        let mut wanted: Vec<_> = running().cloned().collect();
        wanted.sort_by_key(whole);
        let mut all = cell.oldest_in_flight(usize::MAX);
        prop_assert_eq!(&cell.oldest_in_flight(3), &all[..all.len().min(3)]);
        prop_assert!(all.is_sorted_by_key(|run| run.started_ns));
        all.sort_by_key(whole);
        prop_assert_eq!(all, wanted);

        let mut slowest = self.ended.clone();
        slowest.sort_by_key(|run| Reverse(run.elapsed_ns));
        slowest.truncate(MAX_ENDED);
        prop_assert_eq!(cell.slowest(), slowest);
        let failed = self.ended.iter().rev().filter(|run| run.error_type.is_some());
        prop_assert_eq!(cell.failed(), failed.take(MAX_ENDED).cloned().collect::<Vec<_>>());
        Ok(())
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn runs_are_in_flight_from_their_begin_to_their_end(steps in vec((step(), now_ns()), 0..300)) {
        let (cell, mut told) = (cell(), Told::default());
        for (step, now_ns) in &steps {
            told.tell(&cell, step, *now_ns)?;
        }
        told.check(&cell, 2 * HELD_AFTER_NS)?;
        for run in told.running.drain(..) {
            run.flight.withdraw();
        }
        told.check(&cell, 2 * HELD_AFTER_NS)?;
    }
}

/// A run that goes from thread to thread, with its number: when it began, how long it took and what it had in hand.
type Handed = (Flight, i64);

/// A phase that many threads use, and what they are about to do and have done.
#[derive(Default)]
struct Crowd {
    beginning: AtomicI64,
    begun: AtomicI64,
    ending: AtomicI64,
    ended: AtomicI64,
    is_over: AtomicBool,
}

/// Counts one, before all that the caller does next. Returns which one it was.
fn count(counter: &AtomicI64) -> i64 {
    let number = counter.fetch_add(1, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    number
}

impl Crowd {
    fn begin(&self, cell: &PhaseCell) -> Handed {
        let number = count(&self.beginning);
        let flight = cell.begin(number.unsigned_abs());
        flight.set_item(number.to_string().into());
        count(&self.begun);
        (flight, number)
    }

    fn end(&self, (flight, number): Handed) {
        count(&self.ending);
        flight.end(Verdict::Ok, number.unsigned_abs(), 0);
        count(&self.ended);
    }

    /// Begins so many runs, hands them on where there is room, keeps a few where there is none, and ends those that it
    /// was handed.
    fn work(&self, cell: &PhaseCell, runs: usize, keep: usize, came: &Receiver<Handed>, next: &[SyncSender<Handed>]) {
        let mut kept: Vec<Handed> = Vec::new();
        for _ in 0..runs {
            let begun = self.begin(cell);
            // Chance enough: a digest of the number, which no other run has.
            let choice = (begun.1.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize;
            match next[choice % next.len()].try_send(begun) {
                Ok(()) => {}
                Err(TrySendError::Full(begun) | TrySendError::Disconnected(begun)) => kept.push(begun),
            }
            if kept.len() > keep {
                self.end(kept.swap_remove(choice % kept.len()));
            }
            came.try_iter().take(choice % 4).for_each(|handed| self.end(handed));
        }
        kept.into_iter().for_each(|handed| self.end(handed));
    }

    /// Reads all the while. At most so many runs are in flight at once, where that is known.
    fn watch(&self, cell: &PhaseCell, most: Option<i64>) {
        while !self.is_over.load(Ordering::SeqCst) {
            let [ended, begun] = [&self.ended, &self.begun].map(|counter| counter.load(Ordering::SeqCst));
            let active = cell.read(at(0)).active;
            fence(Ordering::SeqCst);
            let [beginning, ending] = [&self.beginning, &self.ending].map(|counter| counter.load(Ordering::SeqCst));
            let possible = (begun - ending).max(0)..=beginning - ended;
            assert!(possible.contains(&active), "{active} of {possible:?}");
            assert!(most.is_none_or(|most| active <= most), "{active} of at most {most:?}");
            for InFlight { started_ns, item, .. } in cell.oldest_in_flight(usize::MAX) {
                assert!(
                    item.is_none_or(|item| *item == *started_ns.to_string()),
                    "{started_ns} has another one's item"
                );
            }
        }
    }
}

/// Threads begin runs of one phase, hand them to each other and end them, while another one reads. Each keeps a few, and
/// a few more are on their way to it.
fn check_crowd(threads: usize, keep: usize, on_their_way: usize, most: Option<i64>) {
    const RUNS: usize = 25_000;
    let (cell, crowd) = (cell(), Crowd::default());
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| sync_channel(on_their_way)).unzip();
    let work = &|came: Receiver<Handed>| {
        crowd.work(&cell, RUNS, keep, &came, &senders);
        came
    };
    std::thread::scope(|scope| {
        scope.spawn(|| crowd.watch(&cell, most));
        let workers: Vec<_> = receivers.into_iter().map(|came| scope.spawn(move || work(came))).collect();
        let came: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
        let late = came.iter().flatten().flat_map(Receiver::try_iter);
        late.for_each(|handed| crowd.end(handed));
        crowd.is_over.store(true, Ordering::SeqCst);
        assert!(came.iter().all(Result::is_ok), "no worker panics");
    });
    let reading = cell.read(at(0));
    assert_eq!((reading.active, reading.oldest_start_ns), (0, None));
    let runs = (threads * RUNS) as u64;
    assert_eq!(reading.runs(), runs);
    let wanted: Vec<_> = (0..runs).rev().take(MAX_ENDED).map(|number| (number, Some(number.to_string()))).collect();
    let slowest = cell.slowest().into_iter().map(|run| (run.elapsed_ns, run.item.map(|item| item.to_string())));
    assert_eq!(slowest.collect::<Vec<_>>(), wanted);
}

#[test]
fn a_reading_counts_what_is_in_flight_while_threads_hand_runs_to_each_other() {
    check_crowd(4, 40, 20, None);
}

/// So few that one look sees them all: there is room for eight before a second level is made.
#[test]
fn a_few_runs_in_flight_are_counted_at_one_moment() {
    check_crowd(3, 0, 1, Some(6));
}
