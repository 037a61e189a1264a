//! What the environment says: the standard variables of OTLP, of metric export, and which exporter is wanted. Pure over a
//! look-up, but for the files that certificates stand in.

use std::fs;
use std::time::Duration;

use ureq::http::{HeaderName, HeaderValue};

use crate::encode::{Histograms, Temporality};
use crate::error::Kind;
use crate::percent::percent_decoded;
use crate::settings::{Builder, Compression, Protocol, above_zero, endpoint, header, is_spoken};
use crate::{Error, tls};

/// What of a variable is understood, as docs/otel.md tells of each.
pub const VARIABLES: [&str; 27] = [
    SDK_DISABLED,
    EXPORTER,
    INTERVAL,
    EXPORT_TIMEOUT,
    ENDPOINT[0],
    ENDPOINT[1],
    PROTOCOL[0],
    PROTOCOL[1],
    HEADERS[0],
    HEADERS[1],
    TIMEOUT[0],
    TIMEOUT[1],
    COMPRESSION[0],
    COMPRESSION[1],
    CERTIFICATE[0],
    CERTIFICATE[1],
    CLIENT_CERTIFICATE[0],
    CLIENT_CERTIFICATE[1],
    CLIENT_KEY[0],
    CLIENT_KEY[1],
    INSECURE[0],
    INSECURE[1],
    TEMPORALITY,
    HISTOGRAMS,
    EXEMPLARS,
    SERVICE_NAME,
    RESOURCE_ATTRIBUTES,
];

const SDK_DISABLED: &str = "OTEL_SDK_DISABLED";
const EXPORTER: &str = "OTEL_METRICS_EXPORTER";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const EXPORT_TIMEOUT: &str = "OTEL_METRIC_EXPORT_TIMEOUT";
// Of two, the one for metrics stands first: it takes the place of the one for everything.
const ENDPOINT: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const COMPRESSION: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];
const CERTIFICATE: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
const CLIENT_CERTIFICATE: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"];
const CLIENT_KEY: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"];
/// For endpoints without a scheme, which only gRPC has.
const INSECURE: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"];
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const HISTOGRAMS: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
/// Not read: exemplars are of sampled spans only, wherever they are shown.
const EXEMPLARS: &str = "OTEL_METRICS_EXEMPLAR_FILTER";
/// Not read: the service stands in `target_info`, by that name, already.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// A variable that is set: which one, and to what.
type Said = (&'static str, String);

impl Builder {
    /// Takes over what the environment says. An empty variable counts as unset, as OpenTelemetry says.
    ///
    /// It pushes where `OTEL_METRICS_EXPORTER` names `otlp`, or names none and there is an endpoint: a library opens no
    /// connection that nobody asked for.
    pub fn environment(mut self, look_up: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &'static str| {
            look_up(name).filter(|value| !value.trim().is_empty()).map(|value| (name, value.trim().to_owned()))
        };
        let first = |names: [&'static str; 2]| names.into_iter().find_map(variable);
        let exporter = is_wanted(variable(EXPORTER), ENDPOINT.into_iter().any(|name| variable(name).is_some()));
        let is_disabled = variable(SDK_DISABLED).is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        self.take(exporter, |settings, is_wanted| settings.is_enabled = is_wanted && !is_disabled);
        if !self.settings.is_enabled {
            return self;
        }
        self.settings.uses_proxy = true;
        self.take_said(first(PROTOCOL), protocol, |settings, protocol| settings.protocol = protocol);
        let is_insecure = first(INSECURE).is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        let place = match self.settings.protocol {
            Protocol::HttpProtobuf => first(ENDPOINT).map(|said| http_endpoint(&said)),
            Protocol::Grpc => first(ENDPOINT).map(|said| grpc_endpoint(&said, is_insecure)),
        };
        if let Some(place) = place {
            self.take(place, |settings, endpoint| settings.endpoint = Some(endpoint));
        }
        self.take_said(first(HEADERS), headers, |settings, headers| settings.headers = headers);
        self.take_said(first(TIMEOUT), milliseconds, |settings, timeout| settings.timeout = timeout);
        self.take_said(variable(EXPORT_TIMEOUT), milliseconds, |settings, limit| {
            settings.timeout = settings.timeout.min(limit);
        });
        self.take_said(variable(INTERVAL), milliseconds, |settings, interval| settings.interval = interval);
        self.take_said(first(COMPRESSION), compression, |settings, compression| settings.compression = compression);
        self.take_said(variable(TEMPORALITY), temporality, |settings, chosen| settings.form.temporality = chosen);
        self.take_said(variable(HISTOGRAMS), histograms, |settings, chosen| settings.form.histograms = chosen);
        self.take_said(first(CERTIFICATE), certificate, |settings, roots| settings.tls.roots = Some(roots));
        let client = client_certificate(first(CLIENT_CERTIFICATE), first(CLIENT_KEY));
        self.take(client, |settings, client| settings.tls.client = client.or_else(|| settings.tls.client.take()));
        let attributes = variable(RESOURCE_ATTRIBUTES).map(|(_, value)| value).unwrap_or_default();
        let names = attributes.split(',').filter_map(|pair| percent_decoded(pair.split_once('=')?.0.trim()));
        names.for_each(|name| self.settings.form.names.know(&name));
        self
    }

    fn take_said<T>(
        &mut self,
        said: Option<Said>,
        parse: impl FnOnce(&Said) -> Result<T, Error>,
        set: impl FnOnce(&mut crate::settings::Settings, T),
    ) {
        if let Some(said) = said {
            self.take(parse(&said), set);
        }
    }
}

/// Refuses a value, which is shown.
fn wrong((name, value): &Said, kind: Kind, wanted: &str) -> Error {
    Error::new(kind, name, format!("{value:?} should be {wanted}"))
}

fn is_wanted(exporter: Option<Said>, has_endpoint: bool) -> Result<bool, Error> {
    let Some(said) = exporter else { return Ok(has_endpoint) };
    let mut is_wanted = false;
    for name in said.1.split(',') {
        match name.trim().to_ascii_lowercase().as_str() {
            "otlp" => is_wanted = true,
            // Known, and the work of others.
            "none" | "prometheus" | "console" | "logging" => {}
            _ => return Err(wrong(&said, Kind::Value, "otlp, none, or a list with other exporters in it")),
        }
    }
    Ok(is_wanted)
}

fn protocol(said: &Said) -> Result<Protocol, Error> {
    let protocol = match said.1.to_ascii_lowercase().as_str() {
        "http/protobuf" => Protocol::HttpProtobuf,
        "grpc" => Protocol::Grpc,
        _ => return Err(wrong(said, Kind::Protocol, "http/protobuf or grpc")),
    };
    is_spoken(protocol, said.0).map(|()| protocol)
}

/// Of gRPC's it is the host that counts. One without a scheme is secure, unless it is said to be insecure.
fn grpc_endpoint((name, value): &Said, is_insecure: bool) -> Result<ureq::http::Uri, Error> {
    match (value.contains("://"), is_insecure) {
        (true, _) => endpoint(value, name),
        (false, true) => endpoint(&format!("http://{value}"), name),
        (false, false) => endpoint(&format!("https://{value}"), name),
    }
}

/// The endpoint for everything has a place for each signal below it; the one for metrics is taken as it is.
fn http_endpoint((name, value): &Said) -> Result<ureq::http::Uri, Error> {
    if *name == ENDPOINT[0] {
        return endpoint(value, name);
    }
    let base = endpoint(value, name)?;
    let place = format!("{}/v1/metrics", base.path().trim_end_matches('/'));
    let place = base.query().map(|query| format!("{place}?{query}")).unwrap_or(place);
    let mut parts = base.into_parts();
    parts.path_and_query = place.try_into().ok();
    ureq::http::Uri::from_parts(parts).map_err(|cause| Error::new(Kind::Endpoint, name, format!("{value:?}: {cause}")))
}

/// `key=value,key=value`, values with %XX. None of them is shown: they are where passwords stand.
fn headers((name, value): &Said) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let pairs = value.split(',').enumerate().filter(|(_, pair)| !pair.trim().is_empty());
    let parsed = pairs.map(|(place, pair)| {
        let parsed = pair.split_once('=').and_then(|(key, value)| header(key.trim(), &percent_decoded(value.trim())?));
        parsed.ok_or_else(|| {
            let message = format!("entry {} should be key=value, with %XX where HTTP needs it", place + 1);
            Error::new(Kind::Header, name, message)
        })
    });
    parsed.collect()
}

fn milliseconds(said: &Said) -> Result<Duration, Error> {
    let parsed = said.1.parse().map(Duration::from_millis);
    above_zero(parsed.map_err(|_| wrong(said, Kind::Value, "a number of milliseconds"))?, said.0)
}

fn compression(said: &Said) -> Result<Compression, Error> {
    match said.1.to_ascii_lowercase().as_str() {
        "gzip" => Ok(Compression::Gzip),
        "none" => Ok(Compression::None),
        _ => Err(wrong(said, Kind::Value, "gzip or none")),
    }
}

fn temporality(said: &Said) -> Result<Temporality, Error> {
    match said.1.to_ascii_lowercase().as_str() {
        // What is read is cumulative: it is differences that take memory here.
        "cumulative" | "lowmemory" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        _ => Err(wrong(said, Kind::Value, "cumulative, delta or lowmemory")),
    }
}

fn histograms(said: &Said) -> Result<Histograms, Error> {
    match said.1.to_ascii_lowercase().as_str() {
        "explicit_bucket_histogram" => Ok(Histograms::Explicit),
        "base2_exponential_bucket_histogram" => Ok(Histograms::Exponential),
        _ => Err(wrong(said, Kind::Value, "explicit_bucket_histogram or base2_exponential_bucket_histogram")),
    }
}

fn file((name, path): &Said) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|cause| Error::new(Kind::Certificate, name, format!("cannot read {path:?} ({cause})")))
}

fn certificate(said: &Said) -> Result<Vec<ureq::tls::Certificate<'static>>, Error> {
    tls::roots(&file(said)?, said.0)
}

fn client_certificate(chain: Option<Said>, key: Option<Said>) -> Result<Option<ureq::tls::ClientCert>, Error> {
    let missing = |name, other| Error::new(Kind::Certificate, name, format!("{other} is set, and this one is not"));
    match (chain, key) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => tls::client(&file(&chain)?, &file(&key)?, [chain.0, key.0]).map(Some),
        (Some(chain), None) => Err(missing(CLIENT_KEY[1], chain.0)),
        (None, Some(key)) => Err(missing(CLIENT_CERTIFICATE[1], key.0)),
    }
}

#[cfg(test)]
mod tests;
