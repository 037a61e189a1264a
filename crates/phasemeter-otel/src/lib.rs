//! Pushes what phasemeter measures to any OpenTelemetry receiver, over OTLP: a Collector, Prometheus' own receiver, or a
//! backend. The feature `grpc` adds gRPC to HTTP.
//!
//! ```text
//! source ─→ Snapshot ─→ (delta) ─→ encode ─→ http, grpc ─→ Answer ─→ Counts, Notices, Schedule
//!           └──────────────────── once an interval, on a thread of its own ────────────────────┘
//! ```
//!
//! Nothing is queued. Counts are cumulative, so a push that is lost is contained in the next one; while a receiver is away
//! this holds one snapshot's request and no more. Nothing here knows the Registry, and no type of an OpenTelemetry crate
//! stands in its interface.
//!
//! ```
//! # use phasemeter_core::Snapshot;
//! # fn main() -> Result<(), phasemeter_otel::Error> {
//! let exporter = phasemeter_otel::Exporter::from_env(|name| std::env::var(name).ok())?;
//! let _guard = exporter.start(|| Snapshot::default())?; // its drop pushes once more
//! # Ok(())
//! # }
//! ```

pub mod delta;
pub mod encode;

mod answer;
mod counts;
mod environment;
mod error;
mod exporter;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(not(feature = "grpc"))]
#[path = "grpc_off.rs"]
mod grpc;
mod http;
mod notice;
mod percent;
mod push;
mod schedule;
mod settings;
mod tls;
mod transport;
mod wishes;

pub use counts::{Counts, Outcome};
pub use encode::{Histograms, Temporality};
pub use environment::VARIABLES;
pub use error::Error;
pub use exporter::{Exporter, Guard};
pub use settings::{Builder, Compression, Protocol};
