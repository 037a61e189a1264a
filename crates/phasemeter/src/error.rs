//! The one error of this crate: opaque, with predicates.

use std::fmt;

use crate::environment::{HOST, PORT};

/// Why something could not be started. Nothing that runs returns it.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    Listen {
        cause: Box<dyn std::error::Error + Send + Sync>,
        /// Who said where to listen.
        said_by: SaidBy,
    },
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    Address(String),
}

/// Who said where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint needs it"))]
pub(crate) enum SaidBy {
    Program,
    /// Or nobody: it is the default.
    Environment,
}

impl Error {
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    pub(crate) fn listen(cause: impl std::error::Error + Send + Sync + 'static, said_by: SaidBy) -> Self {
        Self(Kind::Listen { cause: Box::new(cause), said_by })
    }

    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    pub(crate) fn address(text: &str) -> Self {
        Self(Kind::Address(text.to_owned()))
    }

    /// The endpoint's address cannot be listened on.
    #[must_use]
    pub fn is_listen(&self) -> bool {
        matches!(self.0, Kind::Listen { .. })
    }

    /// The endpoint's address is none.
    #[must_use]
    pub fn is_address(&self) -> bool {
        matches!(self.0, Kind::Address(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Listen { cause, said_by: SaidBy::Program } => cause.fmt(f),
            Kind::Listen { cause, said_by: SaidBy::Environment } => {
                write!(f, "{cause}; {HOST} and {PORT} say where to listen")
            }
            Kind::Address(text) => write!(f, "{text:?} is no address: it should be HOST:PORT, as 127.0.0.1:9464"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Listen { cause, .. } => cause.source(),
            Kind::Address(_) => None,
        }
    }
}
