//! What a phase takes in memory, as `docs/formats.md` states it: counted where it is allocated.

use std::sync::mpsc;

use phasemeter_alloc::CountingAllocator;
use phasemeter_core::slots::UPPER_NS;
use phasemeter_core::{ItemOutcome, Limits, Moment, Outcome, PhaseCell, Registry, TraceIds};

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

/// How much a thread takes that has a place of its own.
fn thread_bytes(cell: &PhaseCell) -> u64 {
    // The first thread's seat also makes room for seven more.
    std::thread::scope(|scope| {
        let ((sits, is_sitting), (leave, left)) = (mpsc::channel(), mpsc::channel::<()>());
        scope.spawn(move || {
            let _first = cell.seat();
            sits.send(()).expect("somebody waits");
            let _gone = left.recv();
        });
        is_sitting.recv().expect("it sits");
        let mut seat = None;
        let bytes = allocated(|| seat = Some(cell.seat()));
        drop((seat, leave));
        bytes
    })
}

/// How much the first duration takes that comes into one more group of slots, and how many groups there are.
fn groups(cell: &PhaseCell) -> (u64, usize) {
    // What anybody may write to is made before.
    assert!(cell.add_items(ItemOutcome::Ok, 0));
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

/// What the page says in the row of this thing.
fn stated(thing: &str) -> u64 {
    let page = include_str!("../../../docs/formats.md");
    let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {thing} | ")));
    let bytes = row.and_then(|row| row.strip_suffix(" |")).and_then(|bytes| bytes.parse().ok());
    bytes.unwrap_or_else(|| panic!("docs/formats.md does not say what {thing} takes"))
}

/// The page rounds up: what it says is an upper limit, and not far off.
#[track_caller]
fn check(thing: &str, bytes: u64) {
    let stated = stated(thing);
    assert!((bytes..=bytes + bytes / 4).contains(&stated), "{thing} takes {bytes}, and docs/formats.md says {stated}");
}

#[test]
#[cfg_attr(not(target_pointer_width = "64"), ignore = "the page is about machines of 64 bits")]
fn a_phase_takes_what_the_page_says() {
    let registry = Registry::new(Limits::default(), Moment::default);
    let cell = registry.phase(None, "embed");
    check("each thread that runs it, with a place of its own", thread_bytes(&cell));
    let (group, groups) = groups(&cell);
    check("a phase that has not run, with its names", phase_bytes());
    check("four octaves of durations of one outcome and thread, once one falls there", group);
    check("all durations that there are, of one outcome and thread", group * groups as u64);
    check("exemplars of one outcome, once there is one", exemplar_bytes(&cell));
}
