//! Which phase a thread is in: a stack of both grades, so that an event concerns the nearest phase and no other.
//!
//! It is written whenever a span is entered, so most of it stands in the thread's own memory, where nothing is to be
//! made or dropped; only what is deeper than most programs are goes into a vector.

use std::cell::{Cell, RefCell};

/// One entered phase: of the exact grade, which judges its own end, or the id of a plain span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entered(u64);

/// No span has this id.
const EXACT: Entered = Entered(0);

/// So deep are most programs.
const NEAR: usize = 16;

struct Near {
    entered: [Cell<Entered>; NEAR],
    len: Cell<usize>,
    /// One bit each: whether the thread was already unwinding when it entered.
    unwinding: Cell<u32>,
    /// How many stand above, in the vector.
    above: Cell<usize>,
}

thread_local! {
    static NEAR_ONES: Near = const {
        Near {
            entered: [const { Cell::new(EXACT) }; NEAR],
            len: Cell::new(0),
            unwinding: Cell::new(0),
            above: Cell::new(0),
        }
    };
    static ABOVE: RefCell<Vec<(Entered, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Enters a phase of the exact grade.
#[inline]
pub(crate) fn push_exact() {
    NEAR_ONES.with(|near| near.push(EXACT, false));
}

/// Enters a plain span; the thread may be unwinding already.
#[inline]
pub(crate) fn push_plain(span: u64, is_unwinding: bool) {
    NEAR_ONES.with(|near| near.push(Entered(span), is_unwinding));
}

/// Leaves an exact phase. Scopes of one thread close in order, but what a plain span left behind is skipped.
#[inline]
pub(crate) fn pop_exact() {
    NEAR_ONES.with(|near| near.remove_last(EXACT));
}

/// Leaves a plain span; says whether the thread was unwinding when it entered.
#[inline]
pub(crate) fn pop_plain(span: u64) -> bool {
    NEAR_ONES.with(|near| near.remove_last(Entered(span)))
}

/// Whether the nearest phase is of the exact grade.
pub(crate) fn nearest_is_exact() -> bool {
    let last = |near: &Near| match near.above.get() {
        0 => near.len.get().checked_sub(1).and_then(|last| near.entered.get(last)).map(Cell::get),
        _ => above(|above| above.last().map(|(entered, _)| *entered)).flatten(),
    };
    NEAR_ONES.with(last) == Some(EXACT)
}

/// Nothing in a thread that is going away.
fn above<T>(act: impl FnOnce(&mut Vec<(Entered, bool)>) -> T) -> Option<T> {
    ABOVE.try_with(|above| act(&mut above.borrow_mut())).ok()
}

impl Near {
    #[inline]
    fn push(&self, entered: Entered, is_unwinding: bool) {
        let len = self.len.get();
        match self.entered.get(len) {
            Some(place) if self.above.get() == 0 => {
                place.set(entered);
                self.set_unwinding(len, is_unwinding);
                self.len.set(len + 1);
            }
            Some(_) | None => self.push_above(entered, is_unwinding),
        }
    }

    #[cold]
    fn push_above(&self, entered: Entered, is_unwinding: bool) {
        if above(|above| above.push((entered, is_unwinding))).is_some() {
            self.above.set(self.above.get() + 1);
        }
    }

    /// Whether it was entered while the thread was unwinding.
    #[inline]
    fn remove_last(&self, entered: Entered) -> bool {
        // Mostly it is the last one.
        if let (0, Some(last)) = (self.above.get(), self.len.get().checked_sub(1)) {
            if self.entered.get(last).is_some_and(|place| place.get() == entered) {
                self.len.set(last);
                return self.unwinding.get() >> last & 1 == 1;
            }
        }
        self.remove(entered)
    }

    #[cold]
    fn remove(&self, entered: Entered) -> bool {
        let removed = above(|above| {
            let place = above.iter().rposition(|(own, _)| *own == entered)?;
            Some(above.remove(place).1)
        });
        if let Some(is_unwinding) = removed.flatten() {
            self.above.set(self.above.get() - 1);
            return is_unwinding;
        }
        let near = self.entered.get(..self.len.get()).unwrap_or_default();
        let Some(place) = near.iter().rposition(|own| own.get() == entered) else { return false };
        let is_unwinding = self.unwinding.get() >> place & 1 == 1;
        for (above, (lower, upper)) in (place + 1..).zip(near.iter().zip(near.iter().skip(1)).skip(place)) {
            lower.set(upper.get());
            self.set_unwinding(above - 1, self.unwinding.get() >> above & 1 == 1);
        }
        self.len.set(near.len() - 1);
        is_unwinding
    }

    #[inline]
    fn set_unwinding(&self, place: usize, is_unwinding: bool) {
        let others = self.unwinding.get() & !(1 << place);
        self.unwinding.set(others | u32::from(is_unwinding) << place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_of_any_depth_is_left_in_any_order() {
        for depth in [1, 2, NEAR as u64 - 1, NEAR as u64, NEAR as u64 + 1, 50] {
            // Every third was entered while unwinding; each is left, the middle ones first.
            (1..=depth).for_each(|span| push_plain(span, span % 3 == 0));
            let mut order: Vec<_> = (1..=depth).collect();
            order.sort_by_key(|span| span.abs_diff(depth / 2));
            assert!(order.into_iter().all(|span| pop_plain(span) == (span % 3 == 0)), "{depth}");
            assert!(!nearest_is_exact() && NEAR_ONES.with(|near| near.len.get() + near.above.get()) == 0, "{depth}");
        }
    }

    #[test]
    fn the_nearest_is_what_was_entered_last_and_not_left() {
        assert!(!nearest_is_exact());
        for below in [0, NEAR as u64 - 1, NEAR as u64, 40] {
            (1..=below).for_each(|span| push_plain(span, false));
            push_exact();
            assert!(nearest_is_exact());
            push_plain(100, false);
            push_plain(101, false);
            assert!(!pop_plain(100) && !nearest_is_exact(), "the other one is nearer");
            assert!(!pop_plain(101) && nearest_is_exact());
            // What a plain span left behind.
            push_plain(102, false);
            pop_exact();
            assert!(!nearest_is_exact() && !pop_plain(102));
            assert!(!pop_plain(103), "that was never entered");
            (1..=below).for_each(|span| assert!(!pop_plain(span)));
        }
    }
}
