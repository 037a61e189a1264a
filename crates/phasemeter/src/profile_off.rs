//! Nothing: the feature `profiling` is off, and so no thread can be asked.

use phasemeter_core::Profile;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent;

/// Whether anything can be read here.
pub(crate) const IS_AVAILABLE: bool = false;

impl Spent {
    pub(crate) fn so_far() -> Self {
        Self
    }

    pub(crate) fn since(self) -> Option<Profile> {
        None
    }
}
