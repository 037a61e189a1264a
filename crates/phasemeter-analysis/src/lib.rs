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
//!
//! ```
//! use phasemeter_analysis::analysis::{Analysis, Limits};
//! use phasemeter_analysis::event::{Counted, Counts, Declared, PhaseDeclared};
//! use phasemeter_analysis::progress::{PastRuns, Progress};
//! use phasemeter_analysis::{Event, EventKind, RunState};
//!
//! let second_ns = 1_000_000_000;
//! let embed = PhaseDeclared { name: "embed".to_owned(), total: Some(100), ..PhaseDeclared::default() };
//! let declared = Declared { run: "nightly".to_owned(), phases: vec![embed], ..Declared::default() };
//! let mut state = RunState::default();
//! state.apply(&Event { at_ns: 0, event: EventKind::Declared(declared) });
//! for done in 1..=50 {
//!     let counts = Counts { ok: done, ..Counts::default() };
//!     let counted = EventKind::Counted(Counted { phase: "embed".to_owned(), counts });
//!     state.apply(&Event { at_ns: done * second_ns, event: counted });
//! }
//!
//! let now_ns = 50 * second_ns;
//! let progress = Progress::of(&state, &PastRuns::default(), now_ns);
//! assert_eq!(progress.overall, Some(0.5));
//! assert!(progress.eta.is_some_and(|eta| eta.median_ns.abs_diff(now_ns) < 3 * second_ns));
//!
//! let analysis = Analysis::of(&state, &PastRuns::default(), &Limits::default(), now_ns);
//! assert!(analysis.verdict.starts_with("embed takes 100.0 % of the time"));
//! ```

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
pub mod scheduler;
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
