//! What a returned value says about how a run ended.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::error_type::error_type_of;

/// A value that a measured closure or future may return.
///
/// `Result` ends as error where it is `Err`, by the name of the type of the error; everything else in here ends as ok. For a type of one's own, an empty
/// `impl Ending for MyType {}` says the same.
#[diagnostic::on_unimplemented(
    message = "phasemeter cannot tell whether `{Self}` is a success or a failure",
    note = "return a `Result`, or say that it is always a success: `impl phasemeter::Ending for {Self} {{}}`",
    note = "or hold the guard that `Phase::start` returns, and call `fail` on it where needed"
)]
pub trait Ending {
    /// The type of the error, where the value is one.
    fn error_type(&self) -> Option<&'static str> {
        None
    }
}

impl<T, E> Ending for Result<T, E> {
    fn error_type(&self) -> Option<&'static str> {
        self.as_ref().err().map(|_| error_type_of::<E>())
    }
}

/// Names the type of what never returns, which has no name of its own in stable Rust.
trait Function {
    type Output;
}

impl<T> Function for fn() -> T {
    type Output = T;
}

/// What never returns, as `todo!()` or an endless loop: there is no value to judge.
impl Ending for <fn() -> ! as Function>::Output {}

macro_rules! always_ok {
    ($($type:ty),+ $(,)?) => { $(impl Ending for $type {})+ };
}

always_ok!((), bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
always_ok!(String, PathBuf, OsString, Duration);

impl<T> Ending for Option<T> {}
impl<T> Ending for Vec<T> {}
impl<T> Ending for VecDeque<T> {}
impl<T, S> Ending for HashSet<T, S> {}
impl<T> Ending for BTreeSet<T> {}
impl<K, V, S> Ending for HashMap<K, V, S> {}
impl<K, V> Ending for BTreeMap<K, V> {}
impl<A> Ending for (A,) {}
impl<A, B> Ending for (A, B) {}
impl<A, B, C> Ending for (A, B, C) {}
impl<A, B, C, D> Ending for (A, B, C, D) {}
impl<T: ?Sized> Ending for Box<T> {}
impl<T: ?Sized> Ending for Arc<T> {}
impl<T: ?Sized> Ending for Rc<T> {}
impl<T: ?Sized> Ending for &T {}
impl<T: ?Sized> Ending for &mut T {}
impl<T: ToOwned + ?Sized> Ending for Cow<'_, T> {}
impl<T, const N: usize> Ending for [T; N] {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_returns_may_be_run() {
        let caught = std::panic::catch_unwind(|| crate::Phase::in_pipeline("ending", "never").run(|_| panic!("boom")));
        assert!(caught.is_err());
    }

    #[test]
    fn only_an_err_is_an_error() {
        assert_eq!(Err::<(), _>(std::fmt::Error).error_type(), Some("core::fmt::Error"));
        assert_eq!(Ok::<_, std::fmt::Error>(1).error_type(), None);
        assert_eq!(Some(1).error_type(), None);
    }
}
