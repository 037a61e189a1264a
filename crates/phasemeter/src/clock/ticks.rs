//! Nanoseconds from the processor's time stamp counter, which is read in a third of the time that the system's clock
//! takes; and from the system's clock where the counter cannot be trusted.
//!
//! The counter is used where Linux itself keeps its clock by it: then it runs at one rate on all processors, whatever
//! they do. How fast that is, is measured against the system's clock, again every second at last, by whoever asks first. A
//! counter that turns out to be far off, as on a machine that was moved, is not used any more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Mutex, TryLockError};
use std::time::Instant;

use super::nanos;

/// What time is told from.
pub(super) trait Source {
    /// The counter.
    fn ticks(&self) -> u64;

    /// The time since some moment, by the system.
    fn system_ns(&self) -> u64;
}

/// The machine's own counter and clock.
#[derive(Debug)]
pub(super) struct Machine {
    origin: Instant,
}

/// A clock that goes by a counter.
#[derive(Debug)]
pub(super) struct Ticks<S> {
    source: S,
    /// When it was made, by the counter and by the system.
    first: (u64, u64),
    /// How often an anchor was set; the last one is at this place.
    set: AtomicU64,
    anchors: [Anchor; ANCHORS],
    /// Held by the one who sets the next anchor.
    checked: Mutex<Checked>,
    is_trusted: AtomicBool,
}

/// From here on time goes on at a rate.
#[derive(Debug, Default)]
struct Anchor {
    ticks: AtomicU64,
    nanos: AtomicU64,
    /// Nanoseconds to a tick, times 2^32.
    rate: AtomicU64,
    /// So many ticks behind it, it is time for the next one; at once while there is no rate.
    lasts: AtomicU64,
}

/// The counter and the system when they were last compared, and the rate that came of it.
#[derive(Debug)]
struct Checked {
    ticks: u64,
    system_ns: u64,
    rate: Option<u64>,
}

/// So many that one is not overwritten while somebody reads it, unless he sleeps for seconds meanwhile; then he sees it.
const ANCHORS: usize = 8;

/// The first rate is measured over so long. It is used for some times as long, as each is after it, up to the last.
const FIRST_NS: u64 = 2_000_000;
const GROWTH: u64 = 8;
const LONGEST_NS: u64 = 1_000_000_000;

/// What the counter may be off by: this, and so many millionths of the time since it was last looked at.
const TOLERANCE_NS: u64 = 1_000_000;
const TOLERANCE_PPM: u64 = 200;

// Ordered by `set`, and by the fence before it is read again.
const RELAXED: Ordering = Ordering::Relaxed;

impl<S: Source> Ticks<S> {
    pub(super) fn new(source: S) -> Self {
        let (ticks, system_ns) = compared(&source).unwrap_or_else(|| (source.ticks(), source.system_ns()));
        Self {
            source,
            first: (ticks, system_ns),
            set: AtomicU64::new(0),
            anchors: Default::default(),
            checked: Mutex::new(Checked { ticks, system_ns, rate: None }),
            is_trusted: AtomicBool::new(true),
        }
    }

    /// The time that the system has, told by the counter. It never goes back, but for a nanosecond of rounding, and once
    /// where the counter turns out to be ahead and not to be trusted.
    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        // Acquire: the anchor is seen as it was set.
        let set = self.set.load(Ordering::Acquire);
        let anchor = &self.anchors[set as usize % ANCHORS];
        // One that went back has passed more than any anchor lasts.
        let passed = self.source.ticks().wrapping_sub(anchor.ticks.load(RELAXED));
        let (nanos, rate, lasts) = (anchor.nanos.load(RELAXED), anchor.rate.load(RELAXED), anchor.lasts.load(RELAXED));
        fence(Ordering::Acquire);
        let is_whole = self.set.load(RELAXED).wrapping_sub(set) < ANCHORS as u64 - 1;
        if is_whole && passed < lasts { nanos + scaled(passed, rate) } else { self.now_and_again() }
    }

    /// The time, where the last anchor is old, or there is none yet; sets the next one.
    #[cold]
    fn now_and_again(&self) -> u64 {
        if !self.is_trusted.load(RELAXED) {
            return self.source.system_ns();
        }
        let mut checked = match self.checked.try_lock() {
            Ok(checked) => checked,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another one is at it: the last anchor goes on a little longer.
            Err(TryLockError::WouldBlock) => return self.source.system_ns().max(self.told_ns(self.source.ticks())),
        };
        let Some((ticks, now_ns)) = compared(&self.source) else {
            // We were interrupted, and know nothing exact: the next one does it.
            return self.source.system_ns().max(self.told_ns(self.source.ticks()));
        };
        let (first_ticks, first_ns) = self.first;
        let (ticks_in_all, ns_in_all) = (ticks.saturating_sub(first_ticks), now_ns.saturating_sub(first_ns));
        if ns_in_all < FIRST_NS {
            return now_ns;
        }
        if ticks_in_all == 0 || checked.is_off(ticks, now_ns) {
            self.is_trusted.store(false, RELAXED);
            self.set_anchor(ticks, now_ns, 0, 0);
            return now_ns;
        }
        // Since the beginning, so that it gets ever more exact.
        let rate = ratio(ns_in_all, ticks_in_all);
        let interval_ns = ns_in_all.saturating_mul(GROWTH).min(LONGEST_NS);
        let lasts = u64::try_from((u128::from(interval_ns) << 32) / u128::from(rate.max(1))).unwrap_or(u64::MAX);
        *checked = Checked { ticks, system_ns: now_ns, rate: Some(rate) };
        let told_ns = self.told_ns(ticks);
        // What is behind catches up now; what is ahead goes slower, so that an interval later it is right.
        let ahead_ns = told_ns.saturating_sub(now_ns).min(interval_ns);
        let slowed = (u128::from(rate) * u128::from(interval_ns - ahead_ns) / u128::from(interval_ns)) as u64;
        self.set_anchor(ticks, now_ns + ahead_ns, slowed, lasts);
        now_ns + ahead_ns
    }

    /// What the last anchor makes of so many ticks. It is some times as long as it should be at most: who sleeps longer
    /// finds another one.
    fn told_ns(&self, ticks: u64) -> u64 {
        let last = &self.anchors[self.set.load(Ordering::Acquire) as usize % ANCHORS];
        let passed = ticks.saturating_sub(last.ticks.load(RELAXED));
        let passed = passed.min(last.lasts.load(RELAXED).saturating_mul(GROWTH));
        last.nanos.load(RELAXED) + scaled(passed, last.rate.load(RELAXED))
    }

    fn set_anchor(&self, ticks: u64, nanos: u64, rate: u64, lasts: u64) {
        let set = self.set.load(RELAXED).wrapping_add(1);
        let anchor = &self.anchors[set as usize % ANCHORS];
        anchor.ticks.store(ticks, RELAXED);
        anchor.nanos.store(nanos, RELAXED);
        anchor.rate.store(rate, RELAXED);
        anchor.lasts.store(lasts, RELAXED);
        // Release: whoever sees that it is set, sees it whole.
        self.set.store(set, Ordering::Release);
    }
}

impl Checked {
    /// Whether the counter went otherwise since then than it did before.
    fn is_off(&self, ticks: u64, system_ns: u64) -> bool {
        let passed_ns = system_ns.saturating_sub(self.system_ns);
        let tolerated = TOLERANCE_NS + passed_ns / 1_000_000 * TOLERANCE_PPM;
        let is_off = |rate| scaled(ticks.saturating_sub(self.ticks), rate).abs_diff(passed_ns) > tolerated;
        self.rate.is_some_and(is_off)
    }
}

/// The counter and the system's clock at one moment; nothing where we were interrupted between the two each time.
fn compared(source: &impl Source) -> Option<(u64, u64)> {
    const TRIES: usize = 4;
    const AT_MOST_NS: u64 = 5_000;
    let mut tries = std::iter::repeat_with(|| (source.system_ns(), source.ticks(), source.system_ns())).take(TRIES);
    let (before, ticks, after) = tries.find(|(before, _, after)| after.saturating_sub(*before) <= AT_MOST_NS)?;
    Some((ticks, before + (after - before) / 2))
}

/// Times 2^32.
fn ratio(nanos: u64, ticks: u64) -> u64 {
    u64::try_from((u128::from(nanos) << 32) / u128::from(ticks)).unwrap_or(u64::MAX)
}

#[inline]
fn scaled(ticks: u64, rate: u64) -> u64 {
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

impl Machine {
    /// Nothing where the machine has no counter that Linux keeps its own clock by.
    pub(super) fn trusted() -> Option<Self> {
        const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        let is_counted = HAS_COUNTER && std::fs::read_to_string(CLOCK).is_ok_and(|source| source.trim() == "tsc");
        is_counted.then(|| Self { origin: Instant::now() })
    }
}

impl Source for Machine {
    #[inline]
    fn ticks(&self) -> u64 {
        time_stamp_counter()
    }

    fn system_ns(&self) -> u64 {
        nanos(self.origin.elapsed())
    }
}

const HAS_COUNTER: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code, reason = "there is no other way to read it, and Linux was asked whether it may be")]
fn time_stamp_counter() -> u64 {
    // SAFETY: every processor of this kind has the instruction, and it touches no memory.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn time_stamp_counter() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A counter of three ticks a nanosecond, and a system whose clock the test sets.
    #[derive(Debug, Default)]
    struct Fake {
        ticks: Cell<u64>,
        ns: Cell<u64>,
    }

    impl Source for &Fake {
        fn ticks(&self) -> u64 {
            self.ticks.get()
        }

        fn system_ns(&self) -> u64 {
            self.ns.get()
        }
    }

    impl Fake {
        fn pass(&self, ns: u64, ticks: u64) {
            self.ns.set(self.ns.get() + ns);
            self.ticks.set(self.ticks.get() + ticks);
        }
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn it_tells_what_the_system_tells_at_any_rate() {
        for (ns, ticks) in [(1, 3), (3, 1), (10, 1), (7, 22)] {
            let fake = Fake::default();
            fake.pass(5 * MS, 12_345);
            let clock = Ticks::new(&fake);
            for _step in 0..10_000 {
                fake.pass(ns * MS / 7, ticks * MS / 7);
                let told = clock.now_ns();
                assert!(told.abs_diff(fake.ns.get()) <= 20, "{told} is not {}", fake.ns.get());
            }
        }
    }

    #[test]
    fn it_never_goes_back_while_its_rate_is_corrected() {
        let fake = Fake::default();
        let clock = Ticks::new(&fake);
        let mut before = 0;
        for step in 0..200_000_u64 {
            // The counter is now 50 millionths too fast, now too slow.
            fake.pass(MS / 10, MS / 10 * 3 + [15, 0][step as usize / 30_000 % 2]);
            let told = clock.now_ns();
            assert!(told >= before, "step {step}");
            before = told;
        }
        assert!(before.abs_diff(fake.ns.get()) < MS / 2, "{before} for {}", fake.ns.get());
        assert!(clock.is_trusted.load(RELAXED));
    }

    #[test]
    fn a_counter_that_jumps_or_goes_back_is_not_trusted() {
        for ticks in [7, 1 << 60] {
            let fake = Fake::default();
            fake.pass(0, 1_000 * MS);
            let clock = Ticks::new(&fake);
            fake.pass(30 * MS, 90 * MS);
            let _rate = clock.now_ns();
            fake.ns.set(2_000 * MS);
            fake.ticks.set(ticks);
            for _later in 0..3 {
                fake.pass(MS, 3 * MS);
                assert_eq!((clock.now_ns(), clock.is_trusted.load(RELAXED)), (fake.ns.get(), false), "{ticks}");
            }
        }
    }

    #[test]
    fn who_asks_after_hours_is_told_right() {
        let fake = Fake::default();
        let clock = Ticks::new(&fake);
        fake.pass(30 * MS, 90 * MS);
        let _rate = clock.now_ns();
        // The first rate was measured over so short a time that it is a little off.
        fake.pass(36_000_000 * MS, 36_000_000 * MS * 3 + 10_800 * MS);
        assert!(clock.now_ns().abs_diff(fake.ns.get()) <= LONGEST_NS);
        for _second in 0..5 {
            fake.pass(1_100 * MS, 3_300 * MS);
            let _told = clock.now_ns();
        }
        assert!(clock.now_ns().abs_diff(fake.ns.get()) < MS);
        assert!(clock.is_trusted.load(RELAXED));
    }

    #[test]
    fn this_machine_s_counter_goes_with_its_clock() {
        let Some(machine) = Machine::trusted() else { return };
        let clock = Ticks::new(machine);
        let mut before = 0;
        let started = Instant::now();
        while started.elapsed() < std::time::Duration::from_millis(60) {
            let told = clock.now_ns();
            assert!(told + 1 >= before, "{told} after {before}");
            before = told;
        }
        assert!(clock.now_ns().abs_diff(clock.source.system_ns()) < 5 * MS);
    }
}
