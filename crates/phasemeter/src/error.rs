//! The one error of this crate: opaque, with predicates.

use std::fmt;

/// Why something could not be started. Nothing that runs returns it.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    Listen(Box<dyn std::error::Error + Send + Sync>),
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    Address(String),
}

impl Error {
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    pub(crate) fn listen(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Kind::Listen(Box::new(source)))
    }

    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only the endpoint makes it"))]
    pub(crate) fn address(text: &str) -> Self {
        Self(Kind::Address(text.to_owned()))
    }

    /// The endpoint's address cannot be listened on.
    #[must_use]
    pub fn is_listen(&self) -> bool {
        matches!(self.0, Kind::Listen(_))
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
            Kind::Listen(source) => source.fmt(f),
            Kind::Address(text) => write!(f, "{text:?} is no address: it should be HOST:PORT, as 127.0.0.1:9464"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Listen(source) => source.source(),
            Kind::Address(_) => None,
        }
    }
}
