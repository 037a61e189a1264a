//! What the expansion of `#[phase]` calls. Not for hands.

use std::future::Future;

use crate::count::Count;
use crate::ending::error_type_of;
use crate::future::PhaseFuture;
use crate::guard::PhaseGuard;
use crate::phase::Phase;

/// Items and bytes of a run, where the attribute names them.
#[derive(Debug, Default)]
pub struct Counts {
    items: Option<Checked>,
    bytes: Option<Checked>,
}

/// A count that was checked, with its verdict.
#[derive(Debug, Clone, Copy)]
struct Checked(Option<u64>);

impl Count for Checked {
    fn count(self) -> Option<u64> {
        self.0
    }
}

/// No counts.
#[must_use]
pub fn counts() -> Counts {
    Counts::default()
}

impl Counts {
    /// Adds the items.
    #[must_use]
    pub fn items(self, items: impl Count) -> Self {
        Self { items: Some(Checked(items.count())), ..self }
    }

    /// Adds the bytes.
    #[must_use]
    pub fn bytes(self, bytes: impl Count) -> Self {
        Self { bytes: Some(Checked(bytes.count())), ..self }
    }

    fn declare_on(self, guard: &PhaseGuard) {
        if let Some(items) = self.items {
            guard.items(items);
        }
        if let Some(bytes) = self.bytes {
            guard.bytes(bytes);
        }
    }
}

/// A function's body as a run.
pub fn run_sync<T, B, E>(phase: &Phase, counts: Counts, body: B, error_type: E) -> T
where
    B: FnOnce() -> T,
    E: FnOnce(&T) -> Option<&'static str>,
{
    let guard = phase.start();
    counts.declare_on(&guard);
    let value = guard.span().in_scope(|| guard.in_scope(body));
    guard.end_as_error_where(error_type(&value));
    value
}

/// An async function's body as a run.
pub fn run_async<F, E>(phase: &Phase, counts: Counts, future: F, error_type: E) -> impl Future<Output = F::Output>
where
    F: Future,
    E: FnOnce(&F::Output) -> Option<&'static str>,
{
    let mut measured = PhaseFuture::new(phase, future, error_type);
    if let Some(items) = counts.items {
        measured = measured.items(items);
    }
    if let Some(bytes) = counts.bytes {
        measured = measured.bytes(bytes);
    }
    measured
}

/// Asks a returned value, of whatever type, whether it is an error: the first of the two traits that fits answers.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// The answer of a `Result`.
pub trait ViaResult {
    /// The type of the error, where it is one.
    fn error_type(&self) -> Option<&'static str>;
}

/// The answer of everything else.
pub trait ViaAny {
    /// No error.
    fn error_type(&self) -> Option<&'static str>;
}

impl<T, E> ViaResult for Probe<'_, Result<T, E>> {
    fn error_type(&self) -> Option<&'static str> {
        self.0.as_ref().err().map(|_| error_type_of::<E>())
    }
}

impl<T: ?Sized> ViaAny for &Probe<'_, T> {
    fn error_type(&self) -> Option<&'static str> {
        None
    }
}
