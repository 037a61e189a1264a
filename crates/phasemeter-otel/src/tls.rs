//! Certificates and keys from PEM, checked before anything is connected to.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::Error;
use crate::error::Kind;
use crate::settings::Tls;

/// Certificates that sign others.
pub(crate) fn roots(pem: &[u8], setting: &'static str) -> Result<Vec<Certificate<'static>>, Error> {
    let roots = certificates(pem, setting)?;
    let mut store = RootCertStore::empty();
    for root in &roots {
        let refused = |cause| Error::new(Kind::Certificate, setting, format!("it holds no certificate ({cause})"));
        store.add(CertificateDer::from(root.der())).map_err(refused)?;
    }
    Ok(roots)
}

/// A chain of certificates and the key of its first; the settings of both, for errors.
pub(crate) fn client(chain: &[u8], key: &[u8], settings: [&'static str; 2]) -> Result<ClientCert, Error> {
    let chain = certificates(chain, settings[0])?;
    let key = PrivateKey::from_pem(key);
    let key = key.map_err(|_| Error::new(Kind::Certificate, settings[1], "it holds no private key"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn certificates(pem: &[u8], setting: &'static str) -> Result<Vec<Certificate<'static>>, Error> {
    let none = || Error::new(Kind::Certificate, setting, "it holds no certificate");
    let items = parse_pem(pem).collect::<Result<Vec<_>, _>>().map_err(|_| none())?;
    let certificates = items.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    Some(certificates.collect::<Vec<_>>()).filter(|found| !found.is_empty()).ok_or_else(none)
}

/// What the client of HTTP makes of it. Whom the platform trusts is read only where it matters: it is a file of some hundred
/// certificates. Where there is none, nobody is trusted, and each push says so.
pub(crate) fn config(tls: &Tls, is_secure: bool) -> TlsConfig {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let roots = match &tls.roots {
        Some(roots) => RootCerts::new_with_certs(roots),
        None if is_secure => RootCerts::new_with_certs(&of_platform()),
        None => RootCerts::new_with_certs(&[]),
    };
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(roots)
        .client_cert(tls.client.clone())
        .build()
}

pub(crate) fn of_platform() -> Vec<Certificate<'static>> {
    // What it cannot read of them it leaves out.
    let found = rustls_native_certs::load_native_certs().certs;
    found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
}
