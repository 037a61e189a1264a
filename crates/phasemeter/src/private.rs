//! What the expansion of `#[phase]` calls. Not for hands.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;
use std::future::Future;

pub use phasemeter_core::{Kind, Metric, Origin, Stability, Unit};
pub use tracing;

use crate::count::Count;
use crate::error_type::{error_type_of, error_type_of_error, error_type_of_source};
use crate::future::PhaseFuture;
pub use crate::future::{ByEnding, Judge};
use crate::guard::PhaseGuard;
pub use crate::metric::{Instrument, Number, is_metric_name};
use crate::phase::Phase;

/// Items and bytes of a run, where the attribute names them.
#[derive(Debug)]
pub struct Counts {
    /// Whether it is worth to write out the item's key.
    is_measuring: bool,
    items: Option<Checked>,
    bytes: Option<Checked>,
    item: Option<String>,
}

/// A count that was checked, with its verdict.
#[derive(Debug, Clone, Copy)]
struct Checked(Option<u64>);

impl Count for Checked {
    fn count(self) -> Option<u64> {
        self.0
    }
}

/// No counts yet, of a run of this phase.
#[must_use]
pub fn counts(phase: &Phase) -> Counts {
    Counts { items: None, bytes: None, item: None, is_measuring: phase.is_measuring() }
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

    /// Names the item in hand.
    #[must_use]
    pub fn item(self, key: impl Display) -> Self {
        Self { item: self.is_measuring.then(|| key.to_string()), ..self }
    }

    fn declare_on(self, guard: &PhaseGuard) {
        if let Some(items) = self.items {
            guard.items(items);
        }
        if let Some(bytes) = self.bytes {
            guard.bytes(bytes);
        }
        if let Some(item) = self.item {
            guard.item(item);
        }
    }
}

/// A function's body as a run.
pub fn run_sync<T, B, E>(phase: &Phase, counts: Counts, body: B, error_type: E) -> T
where
    B: FnOnce() -> T,
    E: FnOnce(&T) -> Option<Cow<'static, str>>,
{
    let mut guard = phase.start();
    if !guard.is_measuring() {
        return body();
    }
    guard.set_panicked_when_dropped();
    counts.declare_on(&guard);
    let value = guard.in_scope(body);
    guard.end_as_error_where(error_type(&value).as_deref());
    value
}

/// An async function's body as a run.
pub fn run_async<F, E>(phase: &Phase, counts: Counts, future: F, error_type: E) -> impl Future<Output = F::Output>
where
    F: Future,
    E: FnOnce(&F::Output) -> Option<Cow<'static, str>>,
{
    let mut measured = PhaseFuture::new(phase, future, error_type);
    if let Some(items) = counts.items {
        measured = measured.items(items);
    }
    if let Some(bytes) = counts.bytes {
        measured = measured.bytes(bytes);
    }
    if let Some(item) = counts.item {
        measured = measured.item(item);
    }
    measured
}

/// Asks a returned value, of whatever type, whether it is an error: the first of the traits below that fits answers,
/// since method look-up takes the one that needs the fewest references away.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// The answer of a `Result` whose error knows its source.
pub trait ViaError {
    /// What the error is called, where it is one.
    fn probed_error_type(&self) -> Option<Cow<'static, str>>;
}

/// The answer of a `Result` whose error is a box around one that may cross threads, or a type like that.
pub trait ViaSendBoxed {
    /// What the error is called, where it is one.
    fn probed_error_type(&self) -> Option<Cow<'static, str>>;
}

/// The answer of a `Result` whose error is a box around one, or a type like that.
pub trait ViaBoxed {
    /// What the error is called, where it is one.
    fn probed_error_type(&self) -> Option<Cow<'static, str>>;
}

/// The answer of every other `Result`.
pub trait ViaResult {
    /// What the error is called, where it is one.
    fn probed_error_type(&self) -> Option<Cow<'static, str>>;
}

/// The answer of everything else.
pub trait ViaAny {
    /// No error.
    fn probed_error_type(&self) -> Option<Cow<'static, str>>;
}

impl<T, E: Error + 'static> ViaError for &&&&Probe<'_, Result<T, E>> {
    fn probed_error_type(&self) -> Option<Cow<'static, str>> {
        self.0.as_ref().err().map(error_type_of_error)
    }
}

impl<T, E: AsRef<dyn Error + Send + Sync + 'static>> ViaSendBoxed for &&&Probe<'_, Result<T, E>> {
    fn probed_error_type(&self) -> Option<Cow<'static, str>> {
        self.0.as_ref().err().map(|error| error_type_of_source(error.as_ref()))
    }
}

impl<T, E: AsRef<dyn Error + 'static>> ViaBoxed for &&Probe<'_, Result<T, E>> {
    fn probed_error_type(&self) -> Option<Cow<'static, str>> {
        self.0.as_ref().err().map(|error| error_type_of_source(error.as_ref()))
    }
}

impl<T, E> ViaResult for &Probe<'_, Result<T, E>> {
    fn probed_error_type(&self) -> Option<Cow<'static, str>> {
        self.0.as_ref().err().map(|_| error_type_of::<E>().into())
    }
}

impl<T: ?Sized> ViaAny for Probe<'_, T> {
    fn probed_error_type(&self) -> Option<Cow<'static, str>> {
        None
    }
}
