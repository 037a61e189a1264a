//! Which phase a thread is in: a stack of both grades, so that an event concerns the nearest phase and no other.

use std::cell::RefCell;

/// One entered phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Of the exact grade, which judges its own end.
    Exact,
    /// A plain span, and whether the thread was already unwinding when it was entered.
    Plain { span: u64, panicking: bool },
}

thread_local! {
    static STACK: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// Enters; in a thread that is going away, does nothing.
#[inline]
pub(crate) fn push(entered: Entered) {
    let _gone = STACK.try_with(|stack| stack.borrow_mut().push(entered));
}

/// Leaves an exact phase. Scopes of one thread close in order, but what a plain span left behind is skipped.
#[inline]
pub(crate) fn pop_exact() {
    remove_last(|entered| entered == Entered::Exact);
}

/// Leaves a plain span; says whether the thread was unwinding when it entered.
#[inline]
pub(crate) fn pop_plain(span: u64) -> bool {
    let is_this = |entered| matches!(entered, Entered::Plain { span: own, .. } if own == span);
    matches!(remove_last(is_this), Some(Entered::Plain { panicking: true, .. }))
}

/// Whether the nearest phase is of the exact grade.
pub(crate) fn nearest_is_exact() -> bool {
    STACK.try_with(|stack| stack.borrow().last() == Some(&Entered::Exact)).unwrap_or(false)
}

#[inline]
fn remove_last(is_wanted: impl Fn(Entered) -> bool) -> Option<Entered> {
    let removed = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        // Mostly it is the last one.
        if stack.last().is_some_and(|last| is_wanted(*last)) {
            return stack.pop();
        }
        stack.iter().rposition(|entered| is_wanted(*entered)).map(|index| stack.remove(index))
    });
    removed.ok().flatten()
}
