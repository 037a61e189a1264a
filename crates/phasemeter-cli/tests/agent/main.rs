//! `phasemeter agent`, run as its users run it.
//!
//! ```text
//! arguments ─────→ what cannot be used, and how it says so
//! once ──────────→ a fixture's root, against a golden file, the catalogue and promtool
//! serving ───────→ scrapes, and the end
//! hanging ───────→ a file system that never answers, in a mount namespace
//! node_exporter ─→ the same machine, read by another agent
//! ```

mod arguments;
#[cfg(target_os = "linux")]
mod gpu;
#[cfg(target_os = "linux")]
mod hanging;
#[cfg(target_os = "linux")]
mod node_exporter;
mod once;
mod rig;
#[cfg(unix)]
mod serving;
