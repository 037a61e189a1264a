//! No run is followed: the feature `progress` is off.

use std::sync::Arc;

use phasemeter_core::{Outcome, Samples};

use crate::environment::Followed;
use crate::inner::Inner;

/// None is read.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}

/// Nothing to say.
#[derive(Default)]
pub(crate) struct Plan {
    _nothing: (),
}

/// Nobody follows.
pub(crate) struct Following;

impl Plan {
    pub(crate) fn or_environment(self, _environment: &Followed) -> Self {
        self
    }

    pub(crate) fn id(&self, environment: &Followed, name: &str, _unix_ns: u64) -> String {
        environment.run_id.clone().unwrap_or_else(|| name.to_owned())
    }
}

impl Following {
    pub(crate) fn begin(_inner: &Arc<Inner>, _plan: Plan, _pipeline: &str, _id: &str) -> Self {
        Self
    }

    pub(crate) fn end(&self, _outcome: Outcome, _reason: Option<String>) {}

    pub(crate) fn sample(&self, _pipeline: &str, _out: &mut Samples) -> Option<f64> {
        None
    }
}
