//! The plain heart of phasemeter. It opens nothing: no file, socket, thread or clock.
//!
//! ```text
//! PhaseCell (recording) ─→ Registry ─┐
//! collectors ────────────────────────┼─→ Samples ─→ Snapshot ─→ encode::text
//! ```
//!
//! Everything that measures writes into [`PhaseCell`]s or [`Samples`]; everything that shows reads a
//! [`Snapshot`]. Time comes in as nanoseconds that the caller measured; seconds exist only in encoders.

pub mod catalogue;
pub mod encode;
pub mod slots;

mod cell;
mod common;
mod counts;
mod drops;
mod durations;
mod during;
mod effort;
mod ended;
mod error;
mod exemplar;
mod flights;
mod histogram;
#[cfg(not(loom))]
mod intern;
mod labels;
#[cfg(all(test, loom))]
mod models;
mod moment;
mod named;
mod outcome;
mod reading;
mod registry;
mod sampling;
mod seat;
mod snapshot;
mod sync;
mod work;

pub use catalogue::{Kind, Metric, Origin, Stability, Unit};
pub use cell::{HELD_AFTER_NS, MAX_COUNT, MAX_ERROR_TYPES, MAX_UNITS, PhaseCell, Verdict};
pub use drops::{DropReason, Drops};
pub use during::{During, Interval, Span, Spent};
pub use effort::{Allocated, Effort, Profile, WaitingFor};
pub use encode::Style;
pub use ended::{Ended, MAX_ENDED};
pub use error::Error;
pub use exemplar::{Exemplar, TraceIds};
pub use flights::InFlight;
pub use histogram::{Histogram, NativeBuckets};
#[cfg(not(loom))]
pub use intern::{MAX_INTERNED, intern, intern_among};
pub use labels::{Labels, MAX_VALUE_BYTES, bounded_value};
pub use moment::Moment;
pub use outcome::{ItemOutcome, Outcome};
pub use reading::CellReading;
pub use registry::{Limits, PhaseReading, Registry, is_free_label};
pub use seat::{Flight, MAX_SEATS, Seat};
pub use snapshot::{Buckets, Family, Quantiles, Samples, Series, Snapshot, Value};
pub use work::{Ran, Running, Work};
