//! The one error of this crate: opaque, with predicates.

use std::{fmt, io};

use crate::Listen;

/// Why the endpoint could not start. The message names the address and the way out.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    listen: Listen,
    cause: io::Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Busy,
    Address,
    Thread,
}

impl Error {
    pub(crate) fn busy(listen: &Listen, cause: io::Error) -> Self {
        Self { kind: Kind::Busy, listen: listen.clone(), cause }
    }

    pub(crate) fn address(listen: &Listen, cause: io::Error) -> Self {
        Self { kind: Kind::Address, listen: listen.clone(), cause }
    }

    pub(crate) fn thread(listen: &Listen, cause: io::Error) -> Self {
        Self { kind: Kind::Thread, listen: listen.clone(), cause }
    }

    /// The port is taken.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.kind == Kind::Busy
    }

    /// The host cannot be resolved, is not one of this machine, or may not be listened on.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.kind == Kind::Address
    }

    /// The machine gives no thread.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        self.kind == Kind::Thread
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, listen, cause } = self;
        match kind {
            Kind::Busy => write!(f, "{listen} is taken: name a free port, or 0 for any ({cause})"),
            Kind::Address => write!(f, "cannot listen on {listen}: name an address of this machine ({cause})"),
            Kind::Thread => write!(f, "cannot start a thread to answer on {listen} ({cause})"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
