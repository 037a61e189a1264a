//! One test a row of docs/otel.md: what a variable does, which one goes before, and what is wrong about it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use phasemeter_core::catalogue::TARGET_INFO;
use phasemeter_core::{Labels, Samples, Snapshot, Value};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::*;
use crate::encode::request;
use crate::grpc;
use crate::settings::Settings;

const ANY: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn builder(variables: &[(&str, &str)]) -> Builder {
    let look_up = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    Builder::default().environment(look_up)
}

#[track_caller]
fn read(variables: &[(&str, &str)]) -> Settings {
    let Builder { settings, wrong } = builder(variables);
    assert!(wrong.is_none(), "{wrong:?}");
    settings
}

/// What the settings say, beside an endpoint, in a form that can be compared.
#[track_caller]
fn check<T: PartialEq + std::fmt::Debug>(variables: &[(&str, &str)], said: impl Fn(&Settings) -> T, expected: T) {
    let all: Vec<_> = [ANY].into_iter().filter(|(name, _)| variables.iter().all(|(own, _)| own != name)).collect();
    assert_eq!(said(&read(&[&all, variables].concat())), expected, "{variables:?}");
}

/// The variable, set to this, is an error that names it; whatever else is set.
#[track_caller]
fn refused(name: &'static str, value: &str, is_kind: fn(&Error) -> bool) -> String {
    let variables: Vec<_> = [ANY, (name, value)].into_iter().rev().collect();
    let error = builder(&variables).build().expect_err("it is wrong");
    assert!(is_kind(&error), "{error}");
    assert_eq!(error.setting(), name);
    assert!(error.to_string().starts_with(name), "{error}");
    error.to_string()
}

fn url(settings: &Settings) -> String {
    settings.endpoint().to_string()
}

#[test]
fn endpoint_for_everything_has_metrics_below_it() {
    let (metrics, all) = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    check(&[(all, "http://a:4318")], url, "http://a:4318/v1/metrics".to_owned());
    check(&[(all, " https://a/otlp/ ")], url, "https://a/otlp/v1/metrics".to_owned());
    check(&[(all, "https://a/otlp?t=1")], url, "https://a/otlp/v1/metrics?t=1".to_owned());
    check(&[(all, "http://[::1]:4318")], url, "http://[::1]:4318/v1/metrics".to_owned());
    check(&[(all, "http://a"), (metrics, "https://b/own")], url, "https://b/own".to_owned());
}

#[test]
fn endpoint_for_metrics_is_taken_as_it_is() {
    let name = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    check(&[(name, "http://b:9090/api/v1/otlp/v1/metrics")], url, "http://b:9090/api/v1/otlp/v1/metrics".to_owned());
    check(&[(name, "http://b:9090")], url, "http://b:9090/".to_owned());
    assert!(read(&[(name, "http://b")]).is_enabled);
    let hidden = refused(name, "http://user:secret@b", Error::is_endpoint);
    assert!(!hidden.contains("secret"), "{hidden}");
}

#[test]
fn malformed_endpoints_are_errors() {
    for name in ENDPOINT {
        for value in ["collector:4318", "collector", "ftp://collector", "http://", "http://a b", "http:///v1", "://"] {
            refused(name, value, Error::is_endpoint);
        }
    }
}

#[test]
fn exporter_says_whether_anything_is_pushed() {
    let enabled = |exporter: &str| read(&[ANY, ("OTEL_METRICS_EXPORTER", exporter)]).is_enabled;
    assert!(enabled("otlp") && enabled("") && enabled("prometheus, OTLP"));
    assert!(!enabled("none") && !enabled("prometheus") && !enabled("console"));
    assert!(!read(&[]).is_enabled);
    let asked = read(&[("OTEL_METRICS_EXPORTER", "otlp")]);
    assert_eq!((asked.is_enabled, url(&asked)), (true, "http://localhost:4318/v1/metrics".to_owned()));
    refused("OTEL_METRICS_EXPORTER", "jaeger", Error::is_value);
}

#[test]
fn sdk_disabled_pushes_nothing_and_reads_nothing_else() {
    let of = |value| builder(&[ANY, ("OTEL_SDK_DISABLED", value), ("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon")]);
    let disabled = of("True");
    assert!(!disabled.settings.is_enabled && disabled.wrong.is_none());
    assert!(of("false").wrong.is_some());
}

#[test]
fn headers_are_decoded_and_those_for_metrics_go_before() {
    let (metrics, all) = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
    let headers = |settings: &Settings| {
        let text = |(name, value): &(HeaderName, HeaderValue)| format!("{name}: {}", value.to_str().expect("text"));
        settings.headers.iter().map(text).collect::<Vec<_>>()
    };
    let expected = vec!["authorization: Basic a=b".to_owned(), "x-tenant: a,b".to_owned()];
    check(&[(all, "Authorization=Basic%20a=b, x-tenant = a%2Cb ,")], headers, expected);
    check(&[(all, "a=1,b=2"), (metrics, "b=3")], headers, vec!["b: 3".to_owned()]);
    for name in HEADERS {
        for value in ["authorization", "=secret", "a=1,b c=secret", "a=secret%G0", "a=secret%0A"] {
            let message = refused(name, value, Error::is_header);
            assert!(!message.contains("secret"), "{message}");
        }
    }
    assert!(refused(all, "a=1,b", Error::is_header).contains("entry 2"));
}

#[test]
fn protocol_is_http_protobuf_or_grpc_where_it_is_built_in() {
    let protocol = |settings: &Settings| settings.protocol;
    check(&[], protocol, Protocol::HttpProtobuf);
    for name in PROTOCOL {
        check(&[(name, "HTTP/protobuf")], protocol, Protocol::HttpProtobuf);
        if grpc::IS_BUILT_IN {
            check(&[(name, "grpc")], protocol, Protocol::Grpc);
        } else {
            assert!(refused(name, "grpc", Error::is_protocol).contains("feature"));
        }
        for value in ["http/json", "pigeon"] {
            refused(name, value, Error::is_protocol);
        }
    }
    // The one for metrics goes before.
    check(&[(PROTOCOL[1], "pigeon"), (PROTOCOL[0], "http/protobuf")], protocol, Protocol::HttpProtobuf);
}

/// What the endpoint becomes over gRPC; nothing where that is not built in.
#[track_caller]
fn check_grpc(variables: &[(&str, &str)], expected: &str) {
    if grpc::IS_BUILT_IN {
        let variables = [&[(PROTOCOL[1], "grpc"), (EXPORTER, "otlp")], variables].concat();
        assert_eq!(url(&read(&variables)), expected, "{variables:?}");
    }
}

fn timeout(settings: &Settings) -> u128 {
    settings.timeout.as_millis()
}

#[test]
fn timeout_is_in_milliseconds_and_that_for_metrics_goes_before() {
    let (metrics, all) = ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
    check(&[], timeout, 10_000);
    check(&[(all, "1500")], timeout, 1_500);
    check(&[(all, "1500"), (metrics, "20000")], timeout, 20_000);
    for name in TIMEOUT {
        for value in ["10s", "-1", "0", "1.5"] {
            refused(name, value, Error::is_value);
        }
    }
}

#[test]
fn export_timeout_is_a_limit_above_the_other() {
    check(&[("OTEL_METRIC_EXPORT_TIMEOUT", "300")], timeout, 300);
    check(&[("OTEL_METRIC_EXPORT_TIMEOUT", "30000")], timeout, 10_000);
    refused("OTEL_METRIC_EXPORT_TIMEOUT", "soon", Error::is_value);
}

#[test]
fn interval_is_in_milliseconds() {
    let interval = |settings: &Settings| settings.interval.as_millis();
    check(&[], interval, 60_000);
    check(&[("OTEL_METRIC_EXPORT_INTERVAL", "5000")], interval, 5_000);
    refused("OTEL_METRIC_EXPORT_INTERVAL", "0", Error::is_value);
}

#[test]
fn compression_is_gzip_or_none() {
    let compression = |settings: &Settings| settings.compression;
    let (metrics, all) = ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION");
    check(&[], compression, Compression::None);
    check(&[(all, "gzip")], compression, Compression::Gzip);
    check(&[(all, "gzip"), (metrics, "none")], compression, Compression::None);
    COMPRESSION.into_iter().for_each(|name| drop(refused(name, "zstd", Error::is_value)));
}

#[test]
fn temporality_is_cumulative_unless_delta_is_preferred() {
    let temporality = |settings: &Settings| settings.form.temporality;
    let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    check(&[], temporality, Temporality::Cumulative);
    check(&[(name, "Delta")], temporality, Temporality::Delta);
    check(&[(name, "cumulative")], temporality, Temporality::Cumulative);
    check(&[(name, "LowMemory")], temporality, Temporality::Cumulative);
    refused(name, "sometimes", Error::is_value);
}

#[test]
fn histograms_are_explicit_unless_exponential_ones_are_wanted() {
    let histograms = |settings: &Settings| settings.form.histograms;
    let name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    check(&[], histograms, Histograms::Explicit);
    check(&[(name, "explicit_bucket_histogram")], histograms, Histograms::Explicit);
    check(&[(name, "base2_exponential_bucket_histogram")], histograms, Histograms::Exponential);
    refused(name, "exponential", Error::is_value);
}

/// Files that go with the test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("phasemeter-otel-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a writable temporary folder");
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file in our folder");
        path.to_str().expect("a path that is text").to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pem() -> [String; 2] {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
    [cert.pem(), signing_key.serialize_pem()]
}

const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[test]
fn certificate_is_a_file_with_one_or_an_error() {
    let files = Files::new("certificate");
    let [certificate, key] = pem();
    let good = files.write("two.pem", &(certificate.clone() + &certificate));
    let roots = |settings: &Settings| settings.tls.roots.as_ref().map(Vec::len);
    check(&[], roots, None);
    for name in CERTIFICATE {
        check(&[(name, &good)], roots, Some(2));
        for text in ["", "no certificate", &key, BROKEN] {
            refused(name, &files.write("bad.pem", text), Error::is_certificate);
        }
        refused(name, "/no/such/file", Error::is_certificate);
    }
    check(&[(CERTIFICATE[1], "/no/such/file"), (CERTIFICATE[0], &good)], roots, Some(2));
}

#[test]
fn client_certificate_and_client_key_are_files_and_want_each_other() {
    let files = Files::new("client");
    let [certificate, key] = pem();
    let (certificate, key) = (files.write("certificate.pem", &certificate), files.write("key.pem", &key));
    let has_client = |settings: &Settings| settings.tls.client.is_some();
    check(&[], has_client, false);
    check(&[(CLIENT_CERTIFICATE[1], &certificate), (CLIENT_KEY[1], &key)], has_client, true);
    check(&[(CLIENT_CERTIFICATE[0], &certificate), (CLIENT_KEY[0], &key)], has_client, true);
    for (chains, keys) in [(CLIENT_CERTIFICATE, CLIENT_KEY)] {
        for (chain_name, key_name) in chains.into_iter().zip(keys) {
            let error = |chain: &str, key: &str| {
                let built = builder(&[ANY, (chain_name, chain), (key_name, key)]).build();
                let error = built.expect_err("one of them is wrong");
                assert!(error.is_certificate(), "{error}");
                error.setting()
            };
            assert_eq!(error(&key, &key), chain_name);
            assert_eq!(error(&certificate, &certificate), key_name);
            assert_eq!(error(&certificate, "/no/such/file"), key_name);
            assert_eq!(error(&certificate, ""), "OTEL_EXPORTER_OTLP_CLIENT_KEY");
            assert_eq!(error("", &key), "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE");
        }
    }
}

#[test]
fn insecure_is_for_endpoints_of_grpc_without_a_scheme() {
    for name in INSECURE {
        check(&[(name, "true"), (ENDPOINT[1], "https://a")], url, "https://a/v1/metrics".to_owned());
        check(&[(name, "false"), (ENDPOINT[1], "http://a")], url, "http://a/v1/metrics".to_owned());
        check_grpc(&[(name, "true"), (ENDPOINT[1], "a:4317")], "http://a:4317/");
        check_grpc(&[(name, "false"), (ENDPOINT[1], "a:4317")], "https://a:4317/");
        check_grpc(&[(name, "true"), (ENDPOINT[1], "https://a:4317")], "https://a:4317/");
    }
    check_grpc(&[(ENDPOINT[1], "http://a:4317")], "http://a:4317/");
    check_grpc(&[(ENDPOINT[0], "b:4317"), (ENDPOINT[1], "http://a:4317")], "https://b:4317/");
    check_grpc(&[], "http://localhost:4317/");
}

/// A request that this environment makes of a service's `target_info`.
fn bytes(variables: &[(&str, &str)]) -> String {
    let labels = Labels::new([("service_name", "acid"), ("team_name", "red")]).expect("valid names");
    let mut samples = Samples::default();
    samples.push(&TARGET_INFO, labels, Value::Level(1));
    let mut bytes = Vec::new();
    request(&Snapshot::new(samples), &read(&[&[ANY], variables].concat()).form, 1, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn resource_attributes_give_the_names_of_attributes_their_dots() {
    assert!(bytes(&[]).contains("team_name"));
    let named = bytes(&[("OTEL_RESOURCE_ATTRIBUTES", "team%2Ename=red, other=1, broken")]);
    assert!(named.contains("team.name") && !named.contains("team_name"));
}

#[test]
fn service_name_is_that_of_the_snapshot() {
    let named = bytes(&[("OTEL_SERVICE_NAME", "other")]);
    assert!(named.contains("service.name") && named.contains("acid") && !named.contains("other"));
}

#[test]
fn exemplar_filter_changes_nothing() {
    assert_eq!(bytes(&[("OTEL_METRICS_EXEMPLAR_FILTER", "always_off")]), bytes(&[]));
}

#[test]
fn what_the_program_says_goes_before_the_environment() {
    let told = builder(&[ANY, (INTERVAL, "5000")]).interval(Duration::from_secs(1)).endpoint("http://b/x");
    assert_eq!((told.settings.interval.as_secs(), url(&told.settings)), (1, "http://b/x".to_owned()));
    let error = Builder::default().endpoint("b").build().expect_err("no URL");
    assert_eq!((error.setting(), error.is_endpoint()), ("endpoint", true));
}

#[test]
fn the_first_thing_that_is_wrong_is_told() {
    let error = builder(&[ANY, (PROTOCOL[1], "pigeon"), (COMPRESSION[1], "zstd")]).build().expect_err("both are wrong");
    assert_eq!(error.setting(), PROTOCOL[1]);
}

/// Rows of the table: the variables of each, and the test that it names.
fn rows() -> Vec<(Vec<&'static str>, &'static str)> {
    let page = include_str!("../../../../docs/otel.md");
    let cells = |row: &'static str| row.split('|').map(str::trim).collect::<Vec<_>>();
    let rows = page.lines().filter(|line| line.starts_with("| `OTEL_")).map(cells);
    let codes = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    rows.map(|row| (codes(row[1]).collect(), codes(row[row.len() - 2]).next().expect("a test"))).collect()
}

#[test]
fn the_page_has_every_variable_once_and_a_test_for_each() {
    let rows = rows();
    let named: Vec<_> = rows.iter().flat_map(|(names, _)| names.clone()).collect();
    assert_eq!(named.len(), VARIABLES.len());
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), VARIABLES.into_iter().collect());
    let tests = include_str!("tests.rs");
    for (names, test) in rows {
        assert!(tests.contains(&format!("fn {test}()")), "{names:?}: {test}");
    }
}
