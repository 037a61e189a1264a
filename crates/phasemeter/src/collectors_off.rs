//! No collectors: the feature `collect` is off.

use std::sync::Weak;

use phasemeter_core::Samples;

use crate::environment::Collecting;
use crate::inner::Inner;

/// Nothing to say of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Collectors {
    _nothing: (),
}

/// Nothing to start.
pub(crate) struct Plan {
    pub(crate) complaints: Vec<String>,
}

/// Nothing at work.
pub(crate) struct Running;

impl Collectors {
    pub(crate) fn plan(&self, _environment: &Collecting) -> Plan {
        Plan { complaints: Vec::new() }
    }
}

impl Running {
    pub(crate) fn start(_inner: Weak<Inner>, _plan: Plan) -> Self {
        Self
    }

    pub(crate) fn read(&self, _out: &mut Samples) {}

    pub(crate) fn supervise(&self) {}
}
