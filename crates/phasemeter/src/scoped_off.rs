//! No Meter stands in for the process's: the feature `testing` is off.

use std::sync::Arc;

use crate::inner::Inner;

pub(crate) const fn current() -> Option<Arc<Inner>> {
    None
}
