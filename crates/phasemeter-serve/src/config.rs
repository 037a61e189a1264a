//! Where the endpoint listens and what it allows. Plain values; the server does the rest.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, Server, Source};

/// The port that OpenTelemetry gives to Prometheus endpoints.
pub const DEFAULT_PORT: u16 = 9464;

/// How the endpoint is to run. The default listens on `127.0.0.1:9464`, and on another port where that one is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// What to do where the port is taken.
    pub on_busy: OnBusy,
    /// What one client, and all of them together, may take.
    pub limits: Limits,
}

/// A host, by name or address, and a port; 0 is any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// A name as `localhost`, or an address as `127.0.0.1`, `::1` or `[::1]`.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What to do where the port is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// Take a free port of the same host; [`Server::moved_from`] says so.
    #[default]
    NextFree,
    /// Fail with an error.
    Fail,
}

/// What one client, and all of them together, may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, each with a thread of its own; at least 1.
    pub connections: usize,
    /// From the first byte of a request to the last byte of its head; the same again for a body.
    pub head: Duration,
    /// For a whole answer to be taken by the client.
    pub write: Duration,
    /// From an answer to the next request of the same connection.
    pub idle: Duration,
}

impl Config {
    /// Listens on this host and port.
    #[must_use]
    pub fn listen(self, host: impl Into<String>, port: u16) -> Self {
        Self { listen: Listen { host: host.into(), port }, ..self }
    }

    /// Does this where the port is taken.
    #[must_use]
    pub fn on_busy(self, on_busy: OnBusy) -> Self {
        Self { on_busy, ..self }
    }

    /// Allows this much.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Binds the address and starts to answer.
    ///
    /// # Errors
    /// The host cannot be resolved or listened on, the port is taken and [`OnBusy::Fail`] stands, or the machine
    /// gives no thread.
    pub fn start(self, source: Arc<dyn Source>) -> Result<Server, Error> {
        Server::start(self, source)
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.bare_host();
        if host.contains(':') { write!(f, "[{host}]:{}", self.port) } else { write!(f, "{host}:{}", self.port) }
    }
}

impl Listen {
    /// The host without the brackets of an IPv6 literal, as resolvers want it.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head: Duration::from_secs(5),
            write: Duration::from_secs(10),
            idle: Duration::from_secs(75),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_a_url_has_it() {
        let shown = |host: &str| Config::default().listen(host, 9464).listen.to_string();
        assert_eq!(shown("localhost"), "localhost:9464");
        assert_eq!(shown("::1"), "[::1]:9464");
        assert_eq!(shown("[::1]"), "[::1]:9464");
        assert_eq!(Listen::default().to_string(), "127.0.0.1:9464");
    }
}
