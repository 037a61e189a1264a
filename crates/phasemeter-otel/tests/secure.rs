//! TLS: who is trusted, who is not, and who we are.

mod receiver;

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use phasemeter_core::Snapshot;
use phasemeter_otel::{Builder, Exporter, Outcome};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use receiver::{LIMIT, Receiver, Wrap};

fn certificate(host: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([host.to_owned()]).expect("a key")
}

/// A receiver with a certificate for this host, that wants to see a client's where there is one to compare it with.
fn receiver(own: &CertifiedKey<KeyPair>, client: Option<&CertifiedKey<KeyPair>>) -> Receiver {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().expect("ring has them");
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.cert.der().clone()).expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("there is one root"))
        }
    };
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let chain: Vec<CertificateDer<'static>> = vec![own.cert.der().clone()];
    let config = Arc::new(builder.with_single_cert(chain, key).expect("the key fits"));
    let wrap: Wrap = Arc::new(move |stream: TcpStream| {
        let connection = ServerConnection::new(config.clone()).ok()?;
        Some(Box::new(StreamOwned::new(connection, stream)))
    });
    Receiver::start_wrapped("127.0.0.1:0".parse().expect("an address"), [], wrap)
}

/// One push: whether it came through, how it is counted, and whether the receiver has it.
#[track_caller]
fn check(receiver: &Receiver, set: impl FnOnce(Builder) -> Builder, expected: Outcome) {
    let url = format!("https://localhost:{}/v1/metrics", receiver.address.port());
    let builder = Exporter::builder().endpoint(&url).interval(Duration::from_secs(3_600)).say(|_| {});
    let guard = set(builder).build().expect("valid settings").start(Snapshot::default).expect("a thread");
    assert_eq!(guard.flush(LIMIT), expected.came_through());
    assert_eq!(guard.counts().exports(expected), 1, "{:?}", guard.counts());
    assert_eq!(receiver.so_far().len(), usize::from(expected.came_through()));
}

#[test]
fn a_certificate_that_was_named_is_trusted() {
    let own = certificate("localhost");
    let receiver = receiver(&own, None);
    check(&receiver, |builder| builder.certificate(own.cert.pem().as_bytes()), Outcome::Ok);
}

#[test]
fn a_certificate_that_nobody_knows_is_not_trusted() {
    let receiver = receiver(&certificate("localhost"), None);
    check(&receiver, |builder| builder, Outcome::Unavailable);
    let other = certificate("localhost");
    check(&receiver, |builder| builder.certificate(other.cert.pem().as_bytes()), Outcome::Unavailable);
}

#[test]
fn a_certificate_for_somebody_else_is_not_trusted() {
    let own = certificate("example.org");
    let receiver = receiver(&own, None);
    check(&receiver, |builder| builder.certificate(own.cert.pem().as_bytes()), Outcome::Unavailable);
}

#[test]
fn a_receiver_that_wants_to_know_us_is_shown_our_certificate() {
    let (own, client) = (certificate("localhost"), certificate("acid"));
    let receiver = receiver(&own, Some(&client));
    let trusting = |builder: Builder| builder.certificate(own.cert.pem().as_bytes());
    check(&receiver, trusting, Outcome::Unavailable);
    let known = |builder: Builder| {
        let (chain, key) = (client.cert.pem(), client.signing_key.serialize_pem());
        trusting(builder).client_certificate(chain.as_bytes(), key.as_bytes())
    };
    check(&receiver, known, Outcome::Ok);
}
