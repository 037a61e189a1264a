//! The endpoint of a Meter, and [`init`], which sets up everything at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use phasemeter_core::{DropReason, Snapshot};
use phasemeter_serve::{Config, DEFAULT_PORT, Listen, OnBusy, Server, Source};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::environment::{HOST, PORT};
use crate::error::{Error, SaidBy};
use crate::inner::lock;
use crate::meter::Meter;
use crate::notice;

/// Where and how a Meter is shown. Made by [`Meter::server`].
#[derive(Debug)]
#[must_use = "the endpoint comes from `start`"]
pub struct ServerBuilder {
    meter: Meter,
    listen: Option<String>,
    on_busy: OnBusy,
}

/// The running endpoint; dropping it closes it. It may have no address: the Meter is disabled, or nothing could be
/// listened on.
#[must_use = "the endpoint closes when it is dropped"]
pub struct Endpoint {
    server: Option<Server>,
    meter: Meter,
}

impl Meter {
    /// Shows this Meter on the address that the environment names, otherwise `127.0.0.1:9464`. It never fails: where
    /// the port is taken it takes another, where nothing can be listened on it goes on without; both are said once.
    pub fn serve(&self) -> Endpoint {
        self.server().start().unwrap_or_else(|error| {
            notice::say(&format!("no endpoint: {error}"));
            Endpoint { server: None, meter: self.clone() }
        })
    }

    /// Begins an endpoint whose address, or failure, is the program's business.
    pub fn server(&self) -> ServerBuilder {
        ServerBuilder { meter: self.clone(), listen: None, on_busy: OnBusy::NextFree }
    }
}

impl ServerBuilder {
    /// Listens on `HOST:PORT`; stronger than the environment. Port 0 is any free one.
    pub fn listen(self, address: impl Into<String>) -> Self {
        Self { listen: Some(address.into()), ..self }
    }

    /// Makes a busy port an error, rather than a reason to take another.
    pub fn require_listen(self) -> Self {
        Self { on_busy: OnBusy::Fail, ..self }
    }

    /// Starts to answer, on threads of its own.
    ///
    /// # Errors
    /// The address is none, cannot be listened on, or is taken where it was required.
    pub fn start(self) -> Result<Endpoint, Error> {
        let (listen, said_by) = match &self.listen {
            Some(address) => (parse(address).ok_or_else(|| Error::address(address))?, SaidBy::Program),
            None => (self.meter.environment_listen(), SaidBy::Environment),
        };
        if !self.meter.is_enabled() {
            return Ok(Endpoint { server: None, meter: self.meter });
        }
        let config = Config { listen, on_busy: self.on_busy, ..Config::default() };
        let server = config.start(Arc::new(self.meter.clone())).map_err(|cause| Error::listen(cause, said_by))?;
        if let Some(busy) = server.moved_from() {
            let way_out = match said_by {
                SaidBy::Program => String::new(),
                SaidBy::Environment => format!(": {PORT} names another"),
            };
            notice::say(&format!("{busy} is taken, listening on {} instead{way_out}", server.local_addr()));
        }
        if server.local_addr().ip().is_loopback() && in_container(Path::new("/")) {
            let way_out = match said_by {
                SaidBy::Program => "the address 0.0.0.0".to_owned(),
                SaidBy::Environment => format!("{HOST}=0.0.0.0"),
            };
            notice::say(&format!(
                "listening on {} INSIDE A CONTAINER: nothing outside of it can scrape this; {way_out} opens it",
                server.local_addr()
            ));
        }
        // Whether a filter hides spans is to be said also where nobody ever scrapes.
        self.meter.inner.sampler.begin(&self.meter.inner);
        let wanted = server.moved_from().map_or_else(|| server.local_addr().to_string(), ToString::to_string);
        self.meter.inner.show_endpoint(Some((server.local_addr().to_string(), wanted)));
        Ok(Endpoint { server: Some(server), meter: self.meter })
    }
}

impl Endpoint {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::local_addr)
    }

    /// The busy address that it had to move away from, as `HOST:PORT`.
    #[must_use]
    pub fn moved_from(&self) -> Option<String> {
        self.server.as_ref()?.moved_from().map(ToString::to_string)
    }

    /// How many scrapes of `/metrics` were answered.
    #[must_use]
    pub fn scrapes(&self) -> u64 {
        self.server.as_ref().map_or(0, Server::scrapes)
    }

    /// For programs that end: waits until one more scrape has begun and been answered, so that the last numbers are
    /// seen, or until the limit is over. True where the scrape came.
    #[must_use = "false says that the last numbers were not scraped"]
    pub fn linger(&self, limit: Duration) -> bool {
        self.server.as_ref().is_some_and(|server| server.wait_for_scrape(limit))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.meter.inner.show_endpoint(None);
        }
    }
}

impl Meter {
    fn environment_listen(&self) -> Listen {
        let environment = self.inner.setup().map(|setup| &setup.environment);
        let host = environment.and_then(|environment| environment.host.clone());
        let port = environment.and_then(|environment| environment.port);
        let default = Listen::default();
        Listen { host: host.unwrap_or(default.host), port: port.unwrap_or(default.port) }
    }
}

impl Source for Meter {
    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }

    fn render(&self, accept: &str) -> (&'static str, Vec<u8>) {
        Self::render(self, accept)
    }

    fn refused(&self) {
        self.inner.registry.drops().count(DropReason::ConnectionRefused);
    }
}

/// `HOST:PORT`, `[IPV6]:PORT`, `HOST` or `:PORT`.
fn parse(address: &str) -> Option<Listen> {
    let default = Listen::default();
    let address = address.trim();
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        Some(_) | None => (address, DEFAULT_PORT),
    };
    let is_host = host.chars().all(|character| !character.is_whitespace() && !matches!(character, '/' | '@'));
    let host = if host.is_empty() { default.host } else { host.to_owned() };
    (is_host && !address.is_empty()).then_some(Listen { host, port })
}

/// Whether this is a container, by the marks that its runtimes leave.
fn in_container(root: &Path) -> bool {
    ["/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io"]
        .iter()
        .any(|mark| root.join(mark.trim_start_matches('/')).exists())
}

/// Everything at once, from the environment: the process's Meter, the endpoint, and the layer in a subscriber of its
/// own where none is set. A second call returns the same.
///
/// It never fails. Where a subscriber is set already, the exact grade is measured all the same; plain spans are once
/// [`Meter::layer`] is added to that subscriber, and this is said.
pub fn init() -> Guard {
    static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
    let mut standing = lock(&SHARED);
    let shared = standing.upgrade().unwrap_or_else(|| {
        let meter = Meter::of_process();
        install_layer(&meter);
        let endpoint = meter.serve();
        Arc::new(Shared { meter, endpoint })
    });
    *standing = Arc::downgrade(&shared);
    Guard { shared }
}

fn install_layer(meter: &Meter) {
    if !meter.is_enabled() || meter.inner.has_layer() {
        return;
    }
    let subscriber = tracing_subscriber::registry().with(meter.layer());
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        meter.inner.forget_layers();
        notice::say(
            "a tracing subscriber is set already: phases of the exact grade are measured, plain spans are once \
             `meter.layer()` is added to it",
        );
    }
}

/// What [`init`] set up. The endpoint closes when the last of these is dropped.
#[derive(Clone)]
#[must_use = "the endpoint closes when the guard is dropped"]
pub struct Guard {
    shared: Arc<Shared>,
}

struct Shared {
    meter: Meter,
    endpoint: Endpoint,
}

impl Guard {
    /// The process's Meter.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("endpoint", &self.shared.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<(&str, u16)>) {
        let parsed = parse(address);
        assert_eq!(parsed.as_ref().map(|listen| (&*listen.host, listen.port)), expected, "{address}");
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        check("127.0.0.1:9000", Some(("127.0.0.1", 9000)));
        check("localhost:0", Some(("localhost", 0)));
        check("[::1]:9000", Some(("[::1]", 9000)));
        check("::1", Some(("::1", DEFAULT_PORT)));
        check("0.0.0.0", Some(("0.0.0.0", DEFAULT_PORT)));
        check(":9000", Some(("127.0.0.1", 9000)));
        check("localhost:http", None);
        check("localhost:70000", None);
        check("http://localhost:9", None);
        check("", None);
    }

    #[test]
    fn a_mark_of_a_runtime_makes_a_container() {
        let root = std::env::temp_dir().join(format!("phasemeter-root-{}", std::process::id()));
        std::fs::create_dir_all(root.join("run")).expect("a writable temporary folder");
        assert!(!in_container(&root));
        std::fs::write(root.join("run/.containerenv"), "").expect("a writable temporary folder");
        assert!(in_container(&root));
        std::fs::remove_dir_all(&root).expect("it was just made");
    }
}
