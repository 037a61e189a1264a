//! How a run goes.

use std::fmt;
use std::panic;
use std::sync::LazyLock;

use phasemeter::Outcome;

use crate::random::Random;

/// How a run goes that is not given up.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Ok,
    Error,
    Panic,
}

impl Way {
    pub(crate) fn by_chance(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::Panic,
            1 | 2 => Self::Error,
            _ => Self::Ok,
        }
    }

    /// Goes that way to its end.
    pub(crate) fn go(self) -> Result<(), fmt::Error> {
        match self {
            Self::Ok => Ok(()),
            Self::Error => Err(fmt::Error),
            Self::Panic => panic::panic_any(WANTED),
        }
    }

    pub(crate) const fn outcome(self) -> Outcome {
        match self {
            Self::Ok => Outcome::Ok,
            Self::Error | Self::Panic => Outcome::Error,
        }
    }
}

const WANTED: &str = "as the test wants";

/// Panics that are a way to go are not printed; others are.
pub(crate) static PANICS_ARE_SILENT: LazyLock<()> = LazyLock::new(|| {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&WANTED) {
            others(info);
        }
    }));
});
