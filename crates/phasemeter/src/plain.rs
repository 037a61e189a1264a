//! One plain span that is, or may become, a run of a phase.

use std::borrow::Cow;
use std::sync::Arc;

use phasemeter_core::{Flight, Outcome, PhaseCell, Verdict};

use crate::callsites::{Names, Said};

/// What is known of an open span.
#[derive(Default)]
pub(crate) struct PlainSpan {
    /// Since the phase's name is known.
    pub(crate) names: Option<Arc<Names>>,
    /// Its own, or else that of the nearest phase around it when it was opened; named or not.
    pub(crate) pipeline: Option<Arc<str>>,
    /// The run, since it has begun: entered, and of a phase that is known.
    pub(crate) flight: Option<Flight>,
    /// How many threads are inside.
    pub(crate) inside: u32,
    pub(crate) panicked: bool,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) items: Declarable,
    pub(crate) bytes: Declarable,
    /// Plus one; 0 while it was never entered.
    pub(crate) first_enter: u64,
    pub(crate) last_exit_ns: u64,
    /// Once somebody says it.
    pub(crate) rare: Option<Box<Rare>>,
}

/// A count that was declared, plus one, or 0: half as large as an option of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Declarable(u64);

impl Declarable {
    pub(crate) fn get(self) -> Option<u64> {
        self.0.checked_sub(1)
    }

    /// A later count replaces an earlier one.
    pub(crate) fn replace(&mut self, later: Option<u64>) {
        if let Some(count) = later {
            self.0 = count.saturating_add(1);
        }
    }
}

impl From<Option<u64>> for Declarable {
    fn from(count: Option<u64>) -> Self {
        Self(count.map_or(0, |count| count.saturating_add(1)))
    }
}

/// What few spans have.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) units: Vec<(Cow<'static, str>, u64)>,
    pub(crate) item: Option<Arc<str>>,
    pub(crate) error_type: Option<String>,
    /// The items expected in all, and where they are.
    pub(crate) total: u64,
    pub(crate) total_in: Option<Arc<PhaseCell>>,
    /// Names that came before the phase's.
    pub(crate) pipeline: Option<String>,
    pub(crate) labels: Vec<(&'static str, String)>,
}

impl PlainSpan {
    /// One that has said nothing else.
    #[inline]
    pub(crate) fn of(names: Arc<Names>, items: Option<u64>, bytes: Option<u64>, outcome: Option<Outcome>) -> Self {
        let pipeline = if names.has_pipeline { names.pipeline.clone() } else { None };
        Self { names: Some(names), pipeline, items: items.into(), bytes: bytes.into(), outcome, ..Self::default() }
    }

    /// What it has said of its names so far.
    pub(crate) fn said(&mut self) -> Said {
        match (&self.names, &mut self.rare) {
            (Some(names), _) => names.said.clone(),
            (None, Some(rare)) => {
                Said { phase: String::new(), pipeline: rare.pipeline.take(), labels: std::mem::take(&mut rare.labels) }
            }
            (None, None) => Said::default(),
        }
    }

    pub(crate) fn first_enter_ns(&self) -> Option<u64> {
        self.first_enter.checked_sub(1)
    }

    /// A thread goes in.
    #[inline]
    pub(crate) fn enter(&mut self, now_ns: u64) {
        self.inside += 1;
        if self.first_enter == 0 {
            self.first_enter = now_ns.saturating_add(1);
        }
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    #[inline]
    pub(crate) fn exit(&mut self, now_ns: u64, has_panicked: bool) {
        self.inside = self.inside.saturating_sub(1);
        self.last_exit_ns = self.last_exit_ns.max(now_ns);
        self.panicked |= has_panicked;
        if let (0, Some(flight)) = (self.inside, &self.flight) {
            flight.set_exited(Some(now_ns));
        }
    }

    /// Once the run has begun, and again when the item changes.
    pub(crate) fn show_item(&self) {
        let item = self.rare.as_ref().and_then(|rare| rare.item.clone());
        if let (Some(flight), Some(item)) = (&self.flight, item) {
            flight.set_item(item);
        }
    }

    /// What the field says; otherwise any sign of failure; otherwise ok, which is all that a span can know.
    pub(crate) fn verdict(&self) -> Verdict<'_> {
        let error_type = self.rare.as_ref().and_then(|rare| rare.error_type.as_deref());
        let has_failed = match self.outcome {
            Some(Outcome::Ok) => return Verdict::Ok,
            Some(Outcome::Cancelled) => return Verdict::Cancelled,
            Some(Outcome::Error) => true,
            None => self.panicked || error_type.is_some(),
        };
        let unnamed = if self.panicked { "panic" } else { "unknown" };
        if has_failed { Verdict::Error(error_type.unwrap_or(unnamed)) } else { Verdict::Ok }
    }
}
