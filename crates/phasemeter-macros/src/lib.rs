//! The attribute that measures a function as a phase of phasemeter.
//!
//! Nothing here runs in the measured program: [`macro@phase`] rewrites a function into a call of `phasemeter`'s hidden
//! `__private` module, which holds all the behaviour. Use the attribute through `phasemeter`, which re-exports it
//! beside the types that it needs.

mod arguments;
mod expand;
mod function;
mod returned;

use proc_macro::TokenStream;

/// Measures every call of a function as one run of a phase.
///
/// ```text
/// static EMBED: Phase = Phase::new("embed");
///
/// #[phase(EMBED, items = docs.len())]
/// async fn embed(docs: &[Doc]) -> Result<Vectors, Error> { … }
/// ```
///
/// # Arguments
///
/// The first argument is an expression for the phase, most often the path of a `static`. After it, in any order:
///
/// - `items = …`: how many items the run handles, any integer;
/// - `bytes = …`: how many bytes the run handles, any integer;
/// - `item = …`: what names the item in hand, anything that can be displayed; never a label, but shown while the run
///   goes on and, where it was slow or failed, afterwards;
/// - `crate = …`: the path of the `phasemeter` crate, where it is not `::phasemeter`.
///
/// These are evaluated once for each call, before the body, and may use the function's arguments. A
/// negative number is dropped and counted as a misuse.
///
/// # How a run ends
///
/// The run is of the exact grade: it ends when the function returns or its future is dropped, whoever still holds the
/// run's span, and it is recorded whether or not any subscriber or filter exists.
///
/// | the call | outcome | error type |
/// |---|---|---|
/// | returns `Ok`, or anything that is no `Result` | `ok` | |
/// | returns `Err`, by `?` and `return` too | `error` | of its root source, or of the error itself |
/// | unwinds | `error` | `panic` |
/// | is a future, polled and dropped unfinished | `cancelled` | |
///
/// An error that wraps another is called by the root of its sources, a boxed one too: an I/O error by its kind, others by
/// the name of their type as far as it can be seen.
///
/// Items and bytes count once, at the end and under the run's outcome: ok as ok, error as error; those of a cancelled
/// run are not counted. A future that was never polled is no run.
///
/// The return type decides what is a `Result`: aliases such as `io::Result<T>` are seen; a type parameter that happens
/// to be a `Result` at a call is not, and is always `ok`.
///
/// # Where it goes
///
/// On any function with a body, sync or async: free functions, methods, default methods of traits, generic, recursive
/// and unsafe ones, above or below other attributes. On the methods of an `#[async_trait]` block it measures the
/// future, as on any `async fn`, and so on any function whose body ends in `Box::pin(async move { … })`.
///
/// Any other function whose signature says that it returns a future is refused, because only the building of the future
/// would be measured: there write `future.phase(&PHASE)` in the body. A `const fn` is refused as well.
///
/// The body moves into a closure or an `async` block. This shows in one place: under `#[track_caller]`, panics in the
/// body name the body's line and not the caller's.
#[proc_macro_attribute]
pub fn phase(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::phase(arguments.into(), item.into()).into()
}
