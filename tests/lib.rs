//! What the tests of the whole share.
//!
//! ```text
//! end_to_end ───→ Tree (files, and what must become of them) ─→ the example, a Program ─→ http ─→ Prometheus
//! histograms ───→ a Meter whose durations are known ─→ Prometheus, once for each kind of histograms
//! otlp ─────────→ a snapshot, pushed to VictoriaMetrics and read back
//! architecture ─→ rules, each a function of a Source or a manifest to what is wrong in it
//! ```
//!
//! Nothing is built here: the example and the servers are looked up next to the test's own executable, and where they
//! are missing the test says which command brings them.

pub mod cargo;
pub mod example;
pub mod http;
pub mod program;
pub mod prometheus;
pub mod rules;
pub mod source;
pub mod tree;
pub mod waiting;
