//! The overall progress that was shown last: it does not go back, unless there is more to do than was said.

use crate::progress::Progress;

/// Keeps what was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HighWater {
    overall: f64,
    total_changes: u64,
    attempt: u32,
}

impl HighWater {
    /// Holds the progress up to what was shown before. Where a total has changed, or another attempt has begun, it may
    /// be less, and says so.
    pub fn hold(&mut self, progress: &mut Progress) {
        let Some(overall) = progress.overall else { return };
        let may_go_back = progress.total_changes != self.total_changes || progress.attempt != self.attempt;
        if overall < self.overall && !may_go_back {
            progress.overall = Some(self.overall);
            return;
        }
        progress.went_back = overall < self.overall;
        *self = Self { overall, total_changes: progress.total_changes, attempt: progress.attempt };
    }
}
