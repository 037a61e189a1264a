//! The live page: pure functions from a [`Snapshot`](phasemeter_core::Snapshot) to HTML. No clock, no script.
//!
//! ```text
//! Snapshot ─┬─→ model ───────────┬─→ document ─┬─→ table ─→ row   (one a phase)
//!           ├─→ work ────────────┤             ├─→ runs          (those to look at)
//!           └─→ tally ─→ History ┘             └─→ foot          (the process, ourselves)
//! ```

mod document;
mod foot;
mod format;
mod history;
mod html;
mod model;
mod row;
mod runs;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use document::{View, render};
pub(crate) use history::{History, tally};
pub(crate) use runs::Shown;
