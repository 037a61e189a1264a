//! No GPUs: the feature `gpu` is off.

use phasemeter_collect::Known;

/// Collectors of GPUs.
pub(super) const KNOWN: &[Known] = &[];
