//! The same turns on several threads at once.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};

use crate::workload::Turns;

/// Turns that each thread makes. The threads live as long as the turns: to start one costs as much as many turns.
///
/// Each has a core of its own where there are enough: two on one core never meet, and cost what one costs. They wait
/// for each other before they begin, asleep: who spins takes CPU time, which is what is measured.
pub fn together(threads: usize, begin: &Arc<dyn Fn() -> Turns + Send + Sync>) -> Turns {
    let all_here = Arc::new(Barrier::new(threads));
    let (done, all_done) = channel();
    let start = |place| {
        let (orders, begin, all_here, done) = (channel(), Arc::clone(begin), Arc::clone(&all_here), done.clone());
        let (order, received): (Sender<u64>, _) = orders;
        std::thread::spawn(move || {
            pin::to_core(place);
            let mut turns = begin();
            for count in received {
                all_here.wait();
                turns(count);
                // Nobody listens where the process is about to end.
                let _ended = done.send(());
            }
        });
        order
    };
    let orders: Vec<_> = (0..threads).map(start).collect();
    Box::new(move |count| {
        for order in &orders {
            order.send(count).expect("invariant: a thread ends when its orders do");
        }
        for _ in &orders {
            all_done.recv().expect("a thread panicked");
        }
    })
}

#[cfg(target_os = "linux")]
mod pin {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// To the core of that place among those that the process may use. Where that is refused, the system chooses.
    pub(super) fn to_core(place: usize) {
        let Ok(allowed) = sched_getaffinity(None) else { return };
        let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let Some(core) = cores.get(place % cores.len().max(1)) else { return };
        let mut own = CpuSet::new();
        own.set(*core);
        let _refused = sched_setaffinity(None, &own);
    }
}

#[cfg(not(target_os = "linux"))]
mod pin {
    /// The system chooses.
    pub(super) fn to_core(_place: usize) {}
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::workload::turns;

    #[test]
    fn each_thread_makes_every_turn_before_it_is_over() {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let begin: Arc<dyn Fn() -> Turns + Send + Sync> = Arc::new(|| {
            turns(|| {
                // Relaxed: the channels order it.
                MADE.fetch_add(1, Ordering::Relaxed);
            })
        });
        let mut together = together(2, &begin);
        together(10);
        assert_eq!(MADE.load(Ordering::Relaxed), 20);
        together(5);
        assert_eq!(MADE.load(Ordering::Relaxed), 30);
    }
}
