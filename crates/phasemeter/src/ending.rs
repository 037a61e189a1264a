//! What a returned value says about how a run ended.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A value that a measured closure or future may return.
///
/// `Result` ends as error where it is `Err`; everything else in here ends as ok. For a type of one's own, an empty
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

/// The label value for errors of a Rust type: its path without what it is generic over.
#[must_use]
pub fn error_type_of<E: ?Sized>() -> &'static str {
    let name = std::any::type_name::<E>();
    let is_path = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
    name.split_once('<').map(|(path, _)| path).filter(is_path).filter(|path| !path.is_empty()).unwrap_or(name)
}

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
    fn an_error_is_named_by_its_type_without_generics() {
        struct Wrapper<T>(#[allow(dead_code, reason = "only its name is looked at")] T);
        assert_eq!(Err::<(), _>(std::fmt::Error).error_type(), Some("core::fmt::Error"));
        let generic = Err::<(), _>(Wrapper(vec![1])).error_type().expect("an error");
        assert!(generic.ends_with("::Wrapper"), "{generic}");
        assert_eq!(Ok::<_, std::fmt::Error>(1).error_type(), None);
        assert_eq!(Some(1).error_type(), None);
    }

    #[test]
    fn a_type_that_is_no_path_keeps_its_whole_name() {
        assert_eq!(error_type_of::<&str>(), "&str");
        assert_eq!(error_type_of::<(u8, Vec<u8>)>(), "(u8, alloc::vec::Vec<u8>)");
    }
}
