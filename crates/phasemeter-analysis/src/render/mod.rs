//! Reports as text: plain for a terminal, Markdown for a pull request. The same state gives the same bytes.

mod analysis;
mod diff;
mod status;
mod table;

pub use analysis::{analysis, answer};
pub use diff::diff;
pub use status::{fleet, progress};

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Columns, aligned.
    #[default]
    Plain,
    /// Tables and headings.
    Markdown,
}

/// From where clock times are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Now, since the Unix epoch.
    pub now_unix_ns: u64,
    /// Local time is ahead of UTC by so much.
    pub utc_offset_s: i32,
}

impl Viewer {
    /// A clock time; with its date, unless it is today.
    fn clock(&self, unix_ns: u64) -> String {
        let offset_ns = i64::from(self.utc_offset_s) * 1_000_000_000;
        let local = |unix_ns: u64| unix_ns.saturating_add_signed(offset_ns);
        crate::words::clock_time(local(unix_ns), local(self.now_unix_ns))
    }
}
