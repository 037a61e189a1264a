//! The HTTP endpoint and the live page of phasemeter, on threads of their own: no async runtime, with or without one
//! in the host.
//!
//! ```text
//! Config ─→ Server ─→ Slots ─→ connection ─→ request ─→ site ─→ response ─→ gzip
//!           (accept)  (limit)  (deadlines)   (parse)     │
//!                                                        ├─→ Source::render   → /metrics
//!                                                        └─→ Source::snapshot → page → /
//! ```
//!
//! What is shown comes through one [`Source`]; this crate measures nothing and knows no wire format.

mod coding;
mod config;
mod connection;
mod error;
mod gzip;
mod page;
mod request;
mod response;
mod scrapes;
mod server;
mod site;
mod slots;
mod sync;

pub use config::{Config, DEFAULT_PORT, Limits, Listen, OnBusy};
pub use error::Error;
pub use server::Server;

use phasemeter_core::Snapshot;

/// What the endpoint shows. It is asked on the endpoint's threads, by several of them at once.
pub trait Source: Send + Sync + 'static {
    /// What is measured now, for the page.
    fn snapshot(&self) -> Snapshot;

    /// The content type and the body of `/metrics`, for what the client's `Accept` header says; empty without one.
    fn render(&self, accept: &str) -> (&'static str, Vec<u8>);

    /// A connection beyond the limit was answered with 503: count it.
    fn refused(&self);
}
