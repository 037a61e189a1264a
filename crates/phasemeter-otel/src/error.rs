//! The one error of this crate: opaque, with predicates.

use std::{fmt, io};

/// Why a push could not be set up. The message names the setting, as the variable where it came from one, and never shows
/// what may be a secret.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    /// The variable, or the method of the builder.
    setting: &'static str,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Endpoint,
    Header,
    Protocol,
    Certificate,
    Value,
    Thread,
}

impl Error {
    pub(crate) fn new(kind: Kind, setting: &'static str, message: impl Into<String>) -> Self {
        Self { kind, setting, message: message.into() }
    }

    pub(crate) fn thread(cause: &io::Error) -> Self {
        Self::new(Kind::Thread, "start", format!("the machine gives no thread to push from ({cause})"))
    }

    /// The name of the variable, or of the builder's method, that set what was refused.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// The endpoint is no URL of a receiver.
    #[must_use]
    pub fn is_endpoint(&self) -> bool {
        self.kind == Kind::Endpoint
    }

    /// A header is none, or their list is not of the form `key=value,key=value`.
    #[must_use]
    pub fn is_header(&self) -> bool {
        self.kind == Kind::Header
    }

    /// The protocol is unknown, or not one that this crate speaks.
    #[must_use]
    pub fn is_protocol(&self) -> bool {
        self.kind == Kind::Protocol
    }

    /// A file with a certificate, or a key, cannot be read or holds none.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        self.kind == Kind::Certificate
    }

    /// Another setting has a value that it cannot have.
    #[must_use]
    pub fn is_value(&self) -> bool {
        self.kind == Kind::Value
    }

    /// The machine gives no thread.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        self.kind == Kind::Thread
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl std::error::Error for Error {}
