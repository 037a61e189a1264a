//! How a push is made: plain values, each checked when it is set.

use std::time::Duration;

use phasemeter_core::Style;
use ureq::http::{HeaderName, HeaderValue, Uri};
use ureq::tls::{Certificate, ClientCert};

use crate::encode::{Form, Histograms, Temporality};
use crate::error::Kind;
use crate::{Error, Exporter};

/// Whether bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// They are not.
    #[default]
    None,
    /// By gzip, level 1.
    Gzip,
}

/// How requests are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1, its bodies in protobuf.
    #[default]
    HttpProtobuf,
    /// gRPC, where it is built in by the feature `grpc`.
    Grpc,
}

/// Everything that is set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) is_enabled: bool,
    pub(crate) protocol: Protocol,
    /// Where none is said, it depends on the protocol.
    pub(crate) endpoint: Option<Uri>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) compression: Compression,
    pub(crate) interval: Duration,
    /// How long one push may take, from the snapshot on.
    pub(crate) timeout: Duration,
    /// How long the last push, and the end of the thread, are waited for.
    pub(crate) shutdown: Duration,
    pub(crate) form: Form,
    pub(crate) tls: Tls,
    pub(crate) uses_proxy: bool,
    pub(crate) say: fn(&str),
}

/// Whom to trust, and who we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    /// Whom the platform trusts, where none is named.
    pub(crate) roots: Option<Vec<Certificate<'static>>>,
    pub(crate) client: Option<ClientCert>,
}

const HTTP_ENDPOINT: &str = "http://localhost:4318/v1/metrics";
const GRPC_ENDPOINT: &str = "http://localhost:4317";

impl Settings {
    pub(crate) fn endpoint(&self) -> Uri {
        let default = match self.protocol {
            Protocol::HttpProtobuf => HTTP_ENDPOINT,
            Protocol::Grpc => GRPC_ENDPOINT,
        };
        self.endpoint.clone().unwrap_or_else(|| Uri::from_static(default))
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.endpoint().scheme_str() == Some("https")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_enabled: true,
            protocol: Protocol::default(),
            endpoint: None,
            headers: Vec::new(),
            compression: Compression::default(),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            shutdown: Duration::from_secs(2),
            form: Form::default(),
            tls: Tls::default(),
            uses_proxy: false,
            say: on_stderr,
        }
    }
}

fn on_stderr(text: &str) {
    // A closed stderr is no reason to fail the host.
    let _closed = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("phasemeter: {text}\n"));
}

/// Sets up a push: defaults, then the environment where it is asked, then what the program says. What is wrong is told by
/// [`build`](Self::build).
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    pub(crate) settings: Settings,
    /// The first thing that was wrong.
    pub(crate) wrong: Option<Error>,
}

impl Builder {
    /// How requests are carried. HTTP, where nothing is said.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        let spoken = is_spoken(protocol, "protocol");
        self.take(spoken, |settings, ()| settings.protocol = protocol);
        self
    }

    /// The URL that is pushed to, as it is: `https://collector:4318/v1/metrics`. Over gRPC its path does not matter:
    /// `https://collector:4317`.
    pub fn endpoint(mut self, url: &str) -> Self {
        let endpoint = endpoint(url, "endpoint");
        self.take(endpoint, |settings, endpoint| settings.endpoint = Some(endpoint));
        self
    }

    /// A header of every request, beside those that are set already.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let header = header(name, value).ok_or_else(|| Error::new(Kind::Header, "header", NO_HEADER));
        self.take(header, |settings, header| settings.headers.push(header));
        self
    }

    /// Whether bodies are compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.compression = compression;
        self
    }

    /// How often a snapshot is pushed. 60 s, where nothing is said.
    pub fn interval(mut self, interval: Duration) -> Self {
        let interval = above_zero(interval, "interval");
        self.take(interval, |settings, interval| settings.interval = interval);
        self
    }

    /// How long one push may take. 10 s, where nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let timeout = above_zero(timeout, "timeout");
        self.take(timeout, |settings, timeout| settings.timeout = timeout);
        self
    }

    /// How long a program that ends waits for its last push. 2 s, where nothing is said.
    pub fn shutdown(mut self, limit: Duration) -> Self {
        self.settings.shutdown = limit;
        self
    }

    /// The kind of histograms.
    pub fn histograms(mut self, histograms: Histograms) -> Self {
        self.settings.form.histograms = histograms;
        self
    }

    /// What counts are counted from.
    pub fn temporality(mut self, temporality: Temporality) -> Self {
        self.settings.form.temporality = temporality;
        self
    }

    /// Prefix, constant labels and native schema, as the exposition has them.
    pub fn style(mut self, style: Style) -> Self {
        self.settings.form.style = style;
        self
    }

    /// Names of resource attributes, with their dots, that stand in `target_info` as labels.
    pub fn attribute_names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().for_each(|name| self.settings.form.names.know(name));
        self
    }

    /// Whom to trust instead of whom the platform does: certificates as PEM.
    pub fn certificate(mut self, pem: &[u8]) -> Self {
        let roots = crate::tls::roots(pem, "certificate");
        self.take(roots, |settings, roots| settings.tls.roots = Some(roots));
        self
    }

    /// Who we are: a chain of certificates and the key of the first, both as PEM.
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Self {
        let client = crate::tls::client(chain, key, ["client_certificate", "client_certificate"]);
        self.take(client, |settings, client| settings.tls.client = Some(client));
        self
    }

    /// Who says a line where a push fails, one a minute at most. Where nothing is said, it stands on stderr.
    pub fn say(mut self, say: fn(&str)) -> Self {
        self.settings.say = say;
        self
    }

    /// Checks what was said.
    ///
    /// # Errors
    /// The first setting that was wrong; see the predicates of [`Error`].
    pub fn build(self) -> Result<Exporter, Error> {
        let Self { settings, wrong } = self;
        wrong.map_or_else(|| Ok(Exporter::new(settings)), Err)
    }

    /// Sets what was understood, or keeps the first error.
    pub(crate) fn take<T>(&mut self, value: Result<T, Error>, set: impl FnOnce(&mut Settings, T)) {
        match value {
            Ok(value) => set(&mut self.settings, value),
            Err(error) => {
                self.wrong.get_or_insert(error);
            }
        }
    }
}

/// Refuses a protocol that is not built in.
pub(crate) fn is_spoken(protocol: Protocol, setting: &'static str) -> Result<(), Error> {
    match protocol {
        Protocol::Grpc if !crate::grpc::IS_BUILT_IN => {
            Err(Error::new(Kind::Protocol, setting, "gRPC is not built in: that is the feature `grpc`"))
        }
        Protocol::Grpc | Protocol::HttpProtobuf => Ok(()),
    }
}

const NO_HEADER: &str = "a header's name or value is not one that HTTP takes";

pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::try_from(name).ok()?;
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

pub(crate) fn above_zero(duration: Duration, setting: &'static str) -> Result<Duration, Error> {
    let is_none = duration.is_zero();
    if is_none { Err(Error::new(Kind::Value, setting, "it should be above 0")) } else { Ok(duration) }
}

/// An absolute URL of HTTP. User and password have no place in it: it is shown where a push fails.
pub(crate) fn endpoint(url: &str, setting: &'static str) -> Result<Uri, Error> {
    let refused = |why: &str| Error::new(Kind::Endpoint, setting, format!("{url:?} is no endpoint: {why}"));
    if url.contains('@') {
        return Err(Error::new(Kind::Endpoint, setting, "user and password belong into a header"));
    }
    let uri = Uri::try_from(url.trim()).map_err(|cause| refused(&cause.to_string()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refused("it should begin with http:// or https://"));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(refused("it names no host"));
    }
    Ok(uri)
}
