//! What errors are called: few names for many errors, and the same one wherever an error comes from.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The label value for errors of a Rust type: its path without what it is generic over.
#[must_use]
pub fn error_type_of<E: ?Sized>() -> &'static str {
    let name = std::any::type_name::<E>();
    let is_path = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
    name.split_once('<').map(|(path, _)| path).filter(is_path).filter(|path| !path.is_empty()).unwrap_or(name)
}

/// The label value for an error that somebody wrapped: what its root source is called.
///
/// An I/O error is called by its kind, as `std::io::ErrorKind::NotFound`. The type of any other source is erased, and
/// what it is called is how its `Debug` form begins: for a derived one the name of the struct or of the variant.
///
/// What an error says of itself is the program's own code: where that panics, the error is called `unknown`.
#[must_use]
pub fn error_type_of_source(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    let named = catch_unwind(AssertUnwindSafe(|| named_by_root(error)));
    named.unwrap_or(Cow::Borrowed("unknown"))
}

fn named_by_root(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    let mut root = error;
    // An error that is its own source would have no root.
    for _ in 0..MAX_DEPTH {
        let Some(source) = root.source() else { break };
        root = source;
    }
    io_kind(root).unwrap_or_else(|| Cow::Owned(debug_head(root)))
}

/// The label value for an error whose type is known: its own where nothing is behind it, otherwise its root source's.
pub(crate) fn error_type_of_error<E: Error + 'static>(error: &E) -> Cow<'static, str> {
    let own = catch_unwind(AssertUnwindSafe(|| error.source().map(named_by_root)));
    match own.unwrap_or(Some(Cow::Borrowed("unknown"))) {
        Some(named) => named,
        None => io_kind(error).unwrap_or(Cow::Borrowed(error_type_of::<E>())),
    }
}

const MAX_DEPTH: usize = 32;

fn io_kind(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    let error = error.downcast_ref::<io::Error>()?;
    Some(format!("std::io::ErrorKind::{:?}", error.kind()).into())
}

/// The identifier, or the path, that a `Debug` form begins with. The rest of the form is not written at all: it may be
/// long, and holds what makes each error different.
fn debug_head(error: &(dyn Error + 'static)) -> String {
    struct Head(String);
    impl fmt::Write for Head {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for letter in text.chars() {
                if !(letter.is_alphanumeric() || matches!(letter, '_' | ':')) || self.0.len() >= MAX_HEAD_BYTES {
                    return Err(fmt::Error);
                }
                self.0.push(letter);
            }
            Ok(())
        }
    }
    let mut head = Head(String::new());
    let _stopped_early = write!(head, "{error:?}");
    if head.0.is_empty() { "unknown".to_owned() } else { head.0 }
}

const MAX_HEAD_BYTES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Broken {
        Io(io::Error),
        Nested(Box<dyn Error + Send + Sync>),
        Header { line: u32 },
    }

    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Header { line } => write!(f, "line {line}"),
                Self::Io(_) | Self::Nested(_) => f.write_str("broken"),
            }
        }
    }

    impl Error for Broken {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match self {
                Self::Io(error) => Some(error),
                Self::Nested(error) => Some(&**error),
                Self::Header { .. } => None,
            }
        }
    }

    #[track_caller]
    fn check(error: &Broken, expected: &str) {
        assert_eq!(error_type_of_error(error), expected);
    }

    #[test]
    fn the_root_source_names_an_error() {
        check(&Broken::Io(io::ErrorKind::NotFound.into()), "std::io::ErrorKind::NotFound");
        check(&Broken::Nested("no number".parse::<u8>().expect_err("it is none").into()), "ParseIntError");
        check(&Broken::Nested(Broken::Header { line: 7 }.into()), "Header");
        check(&Broken::Header { line: 7 }, "phasemeter::error_type::tests::Broken");
    }

    #[test]
    fn an_error_that_panics_when_it_is_asked_fails_nobody() {
        struct Panics;
        impl fmt::Debug for Panics {
            fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("a panic that this test wants")
            }
        }
        impl fmt::Display for Panics {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("broken")
            }
        }
        impl Error for Panics {}
        check(&Broken::Nested(Box::new(Panics)), "unknown");
    }

    #[test]
    fn a_message_is_no_name() {
        let boxed: Box<dyn Error> = "cannot read file 7".into();
        assert_eq!(error_type_of_source(&*boxed), "unknown");
    }

    #[test]
    fn an_error_that_is_its_own_source_ends_all_the_same() {
        #[derive(Debug)]
        struct Loop;
        impl fmt::Display for Loop {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("loop")
            }
        }
        impl Error for Loop {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        assert_eq!(error_type_of_error(&Loop), "Loop");
    }

    #[test]
    fn a_type_is_named_without_its_generics() {
        struct Wrapper<T>(#[allow(dead_code, reason = "only its name is looked at")] T);
        assert_eq!(error_type_of::<fmt::Error>(), "core::fmt::Error");
        assert!(error_type_of::<Wrapper<Vec<u8>>>().ends_with("::Wrapper"));
        assert_eq!(error_type_of::<&str>(), "&str");
        assert_eq!(error_type_of::<(u8, Vec<u8>)>(), "(u8, alloc::vec::Vec<u8>)");
    }
}
