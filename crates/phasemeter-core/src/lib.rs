//! The plain heart of phasemeter. It opens nothing: no file, socket, thread or clock.
//!
//! ```text
//! PhaseCell (recording) ─→ Registry ─┐
//! collectors ────────────────────────┼─→ Samples ─→ Snapshot ─→ encode::text
//! ```
//!
//! Everything that measures writes into [`PhaseCell`]s or [`Samples`]; everything that shows reads a
//! [`Snapshot`]. Time comes in as nanoseconds that the caller measured; seconds exist only in encoders.

pub mod buckets;
pub mod catalogue;
pub mod encode;

mod cell;
mod drops;
mod error;
mod labels;
mod outcome;
mod registry;
mod snapshot;
mod sync;

pub use catalogue::{Kind, Metric, Origin, Stability, Unit};
pub use cell::{CellReading, MAX_COUNT, MAX_ERROR_TYPES, PhaseCell};
pub use drops::{DropReason, Drops};
pub use error::Error;
pub use labels::{Labels, MAX_VALUE_BYTES, bounded_value};
pub use outcome::{ItemOutcome, Outcome};
pub use registry::{Limits, PhaseReading, Registry};
pub use snapshot::{Family, Histogram, Samples, Series, Snapshot, Value};
