//! What a phase takes in memory, as `docs/formats.md` states it: counted where it is allocated.

use phasemeter_alloc::CountingAllocator;
use phasemeter_core::slots::UPPER_NS;
use phasemeter_core::{Limits, Moment, Outcome, PhaseCell, Registry, TraceIds};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::system();

/// How much is allocated meanwhile, whatever of it is freed again.
fn allocated(act: impl FnOnce()) -> u64 {
    let bytes = || phasemeter_alloc::thread_counts().expect("the allocator is installed").bytes;
    let before = bytes();
    act();
    bytes() - before
}

/// How much a thousand phases take in all, a thousandth of it.
fn phase_bytes() -> u64 {
    const PHASES: u64 = 1_000;
    let registry = Registry::new(Limits::default(), Moment::default);
    let names: Vec<_> = (0..PHASES).map(|number| format!("phase {number}")).collect();
    let born = || names.iter().for_each(|name| _ = registry.phase(Some("pipeline"), name));
    allocated(born) / PHASES
}

/// How much the first duration takes that comes into one more group of slots, and how many groups there are.
fn groups(cell: &PhaseCell) -> (u64, usize) {
    let each = UPPER_NS.map(|elapsed_ns| allocated(|| cell.record(Outcome::Ok, elapsed_ns)));
    let groups: Vec<_> = each.into_iter().filter(|bytes| *bytes > 0).collect();
    let group = groups[0];
    assert!(groups.iter().all(|bytes| *bytes == group), "{groups:?}");
    (group, groups.len())
}

fn exemplar_bytes(cell: &PhaseCell) -> u64 {
    let ids = || Some(TraceIds { trace_id: [1; 16], span_id: [1; 8] });
    let offer = |elapsed_ns| allocated(|| cell.offer_exemplar(Outcome::Ok, elapsed_ns, 1, ids));
    let (first, second) = (offer(1), offer(1_000_000_000));
    assert_eq!(second, 0, "all buckets have their places at once");
    first
}

/// The page rounds up, to what can be said: so it is an upper limit, and not far off.
#[test]
fn a_phase_takes_what_the_page_says() {
    let page = include_str!("../../../docs/formats.md");
    let registry = Registry::new(Limits::default(), Moment::default);
    let cell = registry.phase(None, "embed");
    let (group, groups) = groups(&cell);
    let phase = phase_bytes().next_multiple_of(256);
    let exemplars = exemplar_bytes(&cell).next_multiple_of(256);
    let whole = (group * groups as u64).next_multiple_of(256);
    let rows = [
        format!("| a phase that has not run, its names included | {phase} |"),
        format!("| four octaves of durations of one outcome, once one falls there | {group} |"),
        format!("| all durations there are, of one outcome | {whole} |"),
        format!("| exemplars of one outcome, once there is one | {exemplars} |"),
    ];
    for row in rows {
        assert!(page.lines().any(|line| line == row), "docs/formats.md should say\n{row}");
    }
}
