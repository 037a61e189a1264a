//! Whether plain phase spans reach our layer. A global filter of the subscriber, as `registry().with(EnvFilter)`, can
//! hide them from every layer: no layer can prevent that, but it can be seen, said once, and exported.
//!
//! What is asked is the subscriber itself: would it enable the spans that we know? We know those that it asked us about;
//! where it never did, a probe of ours, at level INFO, stands for them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use phasemeter_core::catalogue::SPANS_ENABLED;
use phasemeter_core::{Samples, Value};
use tracing::callsite::{Callsite, Identifier, rebuild_interest_cache};
use tracing::dispatcher::{WeakDispatch, with_default};
use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Dispatch, Level, Metadata};

use crate::fields::{PHASE_DETAILED, PHASE_NAME};
use crate::inner::lock;
use crate::level;
use crate::notice;

/// What is known of the subscribers that our layer is in.
#[derive(Default)]
pub(crate) struct Visibility {
    dispatches: Mutex<Vec<WeakDispatch>>,
    callsites: Mutex<Vec<&'static Metadata<'static>>>,
    state: AtomicU8,
    is_said: AtomicBool,
}

/// What [`Visibility::check`] found last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no subscriber to ask, or nothing that it should show.
    Unknown,
    Hidden,
    Visible,
}

/// Beyond this many callsites of phases the others stand for the rest.
const MAX_CALLSITES: usize = 1_000;

/// Beyond this many live subscribers with our layer the first ones are forgotten.
const MAX_DISPATCHES: usize = 100;

impl Visibility {
    /// Our layer has become part of a subscriber.
    pub(crate) fn note_dispatch(&self, dispatch: &Dispatch) {
        let mut dispatches = lock(&self.dispatches);
        dispatches.retain(|known| known.upgrade().is_some());
        if dispatches.len() == MAX_DISPATCHES {
            dispatches.remove(0);
        }
        dispatches.push(dispatch.downgrade());
    }

    /// Callsites remember whether somebody wants them: they are to ask again.
    ///
    /// Where the process has one subscriber alone, the one of the calling thread is asked; a thread may have none, and
    /// then every span would be off everywhere. So it is done under one of ours.
    pub(crate) fn ask_callsites_again(&self) {
        let dispatch = lock(&self.dispatches).iter().rev().find_map(WeakDispatch::upgrade);
        match dispatch {
            Some(dispatch) => with_default(&dispatch, rebuild_interest_cache),
            None => rebuild_interest_cache(),
        }
    }

    /// A subscriber asked us about a phase.
    pub(crate) fn note_callsite(&self, metadata: &'static Metadata<'static>) {
        let mut callsites = lock(&self.callsites);
        if callsites.len() < MAX_CALLSITES && !callsites.iter().any(|known| std::ptr::eq(*known, metadata)) {
            callsites.push(metadata);
        }
    }

    /// Asks the subscribers. Only on a thread of ours: the answer of a per-layer filter stays with the thread that asked
    /// until its next span, and would be taken for that span's.
    pub(crate) fn check(&self, level: level::Level) {
        let dispatches: Vec<Dispatch> = lock(&self.dispatches).iter().filter_map(WeakDispatch::upgrade).collect();
        let wanted = |metadata: &&Metadata<'_>| {
            level >= level::Level::Detailed || metadata.fields().field(PHASE_DETAILED).is_none()
        };
        let known: Vec<_> = lock(&self.callsites).iter().copied().filter(wanted).collect();
        let asked: &[_] = if known.is_empty() { &[&PROBE_METADATA] } else { &known };
        let hidden = asked.iter().find(|metadata| !dispatches.iter().all(|dispatch| dispatch.enabled(metadata)));
        let state = match hidden {
            _ if dispatches.is_empty() || level == level::Level::Off => State::Unknown,
            Some(_) => State::Hidden,
            None => State::Visible,
        };
        // Said when it was found twice: the first time the program may not have reached its own spans yet.
        let before = self.state.swap(state as u8, Ordering::Relaxed);
        if let (Some(metadata), State::Hidden, true) = (hidden, state, before == State::Hidden as u8) {
            if !self.is_said.swap(true, Ordering::Relaxed) {
                say(metadata);
            }
        }
    }

    /// Puts what was found last into `out`; nothing where nothing is known.
    pub(crate) fn sample(&self, out: &mut Samples) {
        let state = self.state.load(Ordering::Relaxed);
        if state != State::Unknown as u8 {
            out.push_plain(&SPANS_ENABLED, Value::Level(i64::from(state == State::Visible as u8)));
        }
    }
}

fn say(metadata: &Metadata<'_>) {
    let (name, target, level) = (metadata.name(), metadata.target(), metadata.level());
    notice::say(&format!(
        "a filter of the subscriber hides phase spans such as {name:?} ({level}, target {target}) from every layer, so \
         they are not measured (phases of the exact grade are): filter the log layer alone instead, as \
         fmt::layer().with_filter(EnvFilter::from_default_env())"
    ));
}

/// Stands for the phases that we were never asked about.
struct Probe;

static PROBE: Probe = Probe;

static PROBE_METADATA: Metadata<'static> = Metadata::new(
    "phase",
    "phasemeter::probe",
    Level::INFO,
    None,
    None,
    None,
    FieldSet::new(&[PHASE_NAME], Identifier(&PROBE)),
    Kind::SPAN,
);

impl Callsite for Probe {
    fn set_interest(&self, _interest: Interest) {
        // It is never registered: nobody opens a span here.
    }

    fn metadata(&self) -> &Metadata<'_> {
        &PROBE_METADATA
    }
}
