//! The journal of one worker: a line that says so, then an event a line, as JSON. It is only ever appended to.
//!
//! ```text
//! {"phasemeter_journal":1}
//! {"at_ns":1767276000000000000,"event":{"declared":{"pipeline":"papers","run":"nightly","worker":"w1",…}}}
//! {"at_ns":1767276000000000000,"event":{"phase_started":{"span":1,"phase":"embed"}}}
//! ```
//!
//! A process may be killed in the middle of a line, and a disk may be full: a line that cannot be read is counted and
//! passed over, wherever it stands. What a later version adds to a line is passed over, too; where it changes what lines
//! mean, it raises the number in the first line, and then nothing is read.

mod read;
mod write;

pub use read::{Journal, MAX_LINE_BYTES, Reading, fold};
pub use write::JournalWriter;

/// The version that is written, and the latest that is read.
pub const VERSION: u64 = 1;

/// The first line.
#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    phasemeter_journal: u64,
}
