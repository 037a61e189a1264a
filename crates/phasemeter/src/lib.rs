//! Where does the time of a pipeline go? Phases, their durations, counts and outcomes, on one `/metrics` endpoint.
//!
//! ```no_run
//! use phasemeter::Phase;
//!
//! static EMBED: Phase = Phase::new("embed");
//!
//! let _guard = phasemeter::init(); // http://127.0.0.1:9464
//! for batch in [[1.0, 2.0], [3.0, 4.0]] {
//!     EMBED.run(|phase| {
//!         phase.items(batch.len()); // counted when the run ends: as ok, or as error
//!         if batch.iter().all(|x: &f64| x.is_finite()) { Ok(()) } else { Err(std::fmt::Error) }
//!     })?;
//! }
//! # Ok::<(), std::fmt::Error>(())
//! ```
//!
//! # Two grades
//!
//! The **exact** grade is [`Phase::run`], [`Phase::start`], [`PhaseFutureExt::phase`], [`Track::track`] and the
//! attribute `#[phase]`: a run ends when it returns or is dropped, and its [`Outcome`] says which. It records whether
//! or not a subscriber is installed.
//!
//! **Plain spans** of `tracing` that carry a field `phase.name` are measured by [`Meter::layer`]: from first enter to
//! last exit. They need nothing of this crate where they stand, and know less: a dropped future reads ok.
//!
//! # Cost and failure
//!
//! A run takes under a fifth of a microsecond, `inc` some nanoseconds, a plain span under one microsecond:
//! `docs/overhead.md` has the figures, for each level.
//!
//! After [`MeterBuilder::build`] nothing here fails, blocks or slows its host: what cannot be taken is counted in
//! `phasemeter_dropped_total` by reason. Memory is bounded: see [`MeterBuilder::limits`].

mod builder;
mod callsites;
mod clock;
mod count;
mod ending;
mod environment;
mod error;
mod error_type;
mod fields;
mod future;
mod guard;
mod inner;
mod layer;
mod level;
mod meter;
mod metric;
mod notice;
mod phase;
mod plain;
mod run;
mod sampler;
mod scope;
mod sources;
mod spans;
mod target;
mod timing;
mod track;
mod visibility;

#[cfg_attr(not(feature = "collect"), path = "collectors_off.rs")]
mod collectors;
#[cfg_attr(not(feature = "progress"), path = "follow_off.rs")]
mod follow;
#[cfg_attr(not(feature = "profiling"), path = "profile_off.rs")]
mod profile;
#[cfg_attr(not(all(feature = "tokio", target_has_atomic = "64")), path = "runtimes_off.rs")]
mod runtimes;
#[cfg_attr(not(feature = "testing"), path = "scoped_off.rs")]
mod scoped;
mod seats;
#[cfg(feature = "serve")]
mod serving;

#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub mod private;
#[doc(hidden)]
pub use private as __private;

pub use builder::MeterBuilder;
pub use clock::{Clock, ManualClock};
#[cfg(feature = "collect")]
pub use collectors::{CollectorState, Collectors, GpuReading, GpuResources, Readings, ResourceWindow, Resources};
pub use count::Count;
pub use ending::Ending;
pub use error::Error;
pub use error_type::{error_type_of, error_type_of_source};
#[cfg(feature = "journal")]
pub use follow::folder as run_folder;
pub use future::{PhaseFuture, PhaseFutureExt};
pub use guard::PhaseGuard;
pub use layer::{ErrorEvents, PhaseLayer};
pub use level::Level;
pub use meter::Meter;
pub use phase::Phase;
#[cfg(feature = "profiling")]
pub use phasemeter_alloc::CountingAllocator;
#[cfg(feature = "progress")]
pub use phasemeter_analysis as analysis;
pub use phasemeter_core::{
    Allocated, CellReading, DropReason, Effort, Exemplar, Family, Histogram, ItemOutcome, Labels, Limits, Metric,
    Outcome, PhaseReading, Profile, Ran, Running, Series, Snapshot, TraceIds, Value, WaitingFor, Work, catalogue,
};
#[cfg(feature = "macros")]
pub use phasemeter_macros::phase;
pub use run::{Run, RunBuilder};
#[cfg(all(feature = "tokio", target_has_atomic = "64"))]
pub use runtimes::WatchedRuntime;
#[cfg(feature = "serve")]
pub use serving::{Endpoint, Guard, ServerBuilder, init};
#[cfg(feature = "prometheus")]
pub use sources::PrometheusCollector;
#[cfg(feature = "metrics")]
pub use sources::{MetricsOptions, MetricsRecorder};
pub use track::{Track, Tracked};

/// What the README shows, compiled.
#[cfg(all(doctest, feature = "macros", feature = "serve"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What the page on phases shows, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/phases.md")]
struct Phases;

/// What the page on collectors shows, compiled.
#[cfg(all(doctest, feature = "collect"))]
#[doc = include_str!("../../../docs/collectors.md")]
struct OfCollectors;

/// What the page on runs shows, compiled.
#[cfg(all(doctest, feature = "progress"))]
#[doc = include_str!("../../../docs/runs.md")]
struct OfRuns;
