//! The live page: pure functions from a [`Snapshot`](phasemeter_core::Snapshot) to HTML. No clock, no script.
//!
//! ```text
//! Snapshot ─┬─→ model ───────────┬─→ document (head, sections, foot) ─→ HTML
//!           └─→ tally ─→ History ─┘     └─→ table (one row a phase)
//! ```

mod document;
mod format;
mod history;
mod html;
mod model;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use document::{Moment, render};
pub(crate) use history::{History, tally};
