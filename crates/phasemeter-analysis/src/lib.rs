//! What is said of a run while it lasts and afterwards: progress, ETA, bottlenecks, advice. Pure over events.
//!
//! ```text
//! live process ─┐
//!               ├─→ Event ─→ RunState ─┬─→ progress (states, rates, ETA, deadline)
//! journal ──────┘                      ├─→ analysis (usage, critical path, what-if, advice, verdict)
//!                                      └─→ fleet (many workers) ─→ text, Markdown, JSON
//! ```
//!
//! Nothing is opened here: no file, socket, thread or clock. Events, readers, writers and the time are arguments, so the
//! live process, the journal and the command line cannot disagree.

pub mod analysis;
pub mod compare;
pub mod event;
pub mod fleet;
#[cfg(feature = "json")]
pub mod journal;
pub mod progress;
pub mod render;
#[cfg(feature = "json")]
pub mod report;
pub mod state;
pub mod thinning;

mod distribution;
mod error;
#[cfg(feature = "json")]
mod json;
mod words;

pub use analysis::Analysis;
pub use compare::Comparison;
pub use distribution::Distribution;
pub use error::Error;
pub use event::{Event, EventKind};
pub use fleet::Fleet;
pub use progress::Progress;
pub use state::{RunState, Status};
