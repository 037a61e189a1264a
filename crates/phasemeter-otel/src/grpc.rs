//! One call over gRPC, within a time: a message with five bytes in front, over HTTP/2. Whatever goes wrong is an answer.
//!
//! Each push has a connection of its own. At an interval of a minute it would hardly live until the next one, and a receiver
//! that moved is found where it is.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use h2::{RecvStream, SendStream};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio_rustls::TlsConnector;
use ureq::http::{HeaderMap, Request, Response, Uri};

use crate::answer::{Answer, Head, Status};
use crate::http::compress;
use crate::percent::percent_decoded;
use crate::settings::{Compression, Settings, Tls};
use crate::tls;

pub(crate) const IS_BUILT_IN: bool = true;

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// What more a receiver says than this is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Whether the message is compressed, and its length.
const FRAME_BYTES: usize = 5;

/// Somebody else's error, of which only the text matters.
type Failed = Box<dyn StdError + Send + Sync>;

/// The way to the receiver.
pub(crate) struct Grpc {
    endpoint: Uri,
    headers: HeaderMap,
    compression: Compression,
    /// Where it is secure; or why it cannot be.
    tls: Option<Result<Arc<ClientConfig>, rustls::Error>>,
    compressed: Vec<u8>,
}

impl Grpc {
    pub(crate) fn new(settings: &Settings) -> Self {
        let tls = settings.is_secure().then(|| client_config(&settings.tls).map(Arc::new));
        let headers = settings.headers.iter().cloned().collect();
        let (endpoint, compression) = (settings.endpoint(), settings.compression);
        Self { endpoint, headers, compression, tls, compressed: Vec::new() }
    }

    /// Sends a request's message, and reads the answer, within the limit.
    pub(crate) fn send(&mut self, body: &[u8], limit: Duration) -> Answer {
        let framed = self.framed(body);
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(cause) => return later(&cause),
        };
        let answer = runtime.block_on(async { tokio::time::timeout(limit, self.call(framed, limit)).await });
        // A look-up of a name may still be under way, and is not waited for.
        runtime.shutdown_background();
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(cause)) => later(&*cause),
            Err(_) => Answer::Later { reason: "it takes too long".to_owned(), wait: None },
        }
    }

    fn framed(&mut self, body: &[u8]) -> Bytes {
        let (is_compressed, message) = match self.compression {
            Compression::None => (0, body),
            Compression::Gzip => {
                compress(body, &mut self.compressed);
                (1, &*self.compressed)
            }
        };
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&[is_compressed], &length[..], message].concat().into()
    }

    async fn call(&self, framed: Bytes, limit: Duration) -> Result<Answer, Failed> {
        let host = self.endpoint.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.endpoint.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let request = self.request(limit)?;
        match &self.tls {
            None => exchange(stream, request, framed).await,
            Some(tls) => {
                let connector = TlsConnector::from(tls.clone()?);
                exchange(connector.connect(ServerName::try_from(host)?, stream).await?, request, framed).await
            }
        }
    }

    fn request(&self, limit: Duration) -> Result<Request<()>, ureq::http::Error> {
        let scheme = self.endpoint.scheme_str().unwrap_or("http");
        let authority = self.endpoint.authority().map_or("", |authority| authority.as_str());
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(METHOD).build()?;
        // Eight digits at most.
        let timeout = format!("{}m", limit.as_millis().clamp(1, 99_999_999));
        let mut request = Request::post(uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", timeout)
            .header("user-agent", concat!("phasemeter-otel/", env!("CARGO_PKG_VERSION")));
        if self.compression == Compression::Gzip {
            request = request.header("grpc-encoding", "gzip");
        }
        let mut request = request.body(())?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

fn later(cause: &(dyn StdError + 'static)) -> Answer {
    Answer::Later { reason: cause.to_string(), wait: None }
}

/// Whom to trust, and who we are, over HTTP/2.
fn client_config(tls: &Tls) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let trusted = tls.roots.clone().unwrap_or_else(tls::of_platform);
    roots.add_parsable_certificates(trusted.iter().map(|root| CertificateDer::from(root.der())));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = client.certs().iter().map(|one| CertificateDer::from(one.der().to_vec())).collect();
            let key = PrivateKeyDer::try_from(client.private_key().der().to_vec());
            builder.with_client_auth_cert(chain, key.map_err(|why| rustls::Error::General(why.to_owned()))?)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn exchange<S>(stream: S, request: Request<()>, framed: Bytes) -> Result<Answer, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream).await?;
    // It moves the bytes of what is waited for below, and ends with the runtime.
    tokio::spawn(connection);
    let mut sender: SendRequest<Bytes> = sender.ready().await?;
    let (response, body) = sender.send_request(request, false)?;
    // A receiver that has heard enough may answer before it has it all.
    tokio::spawn(send(body, framed));
    read(response.await?).await
}

/// As much at a time as the receiver gives leave for.
async fn send(mut stream: SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let Some(capacity) = poll_fn(|context| stream.poll_capacity(context)).await else { break };
        let chunk = bytes.split_to(capacity?.min(bytes.len()));
        stream.send_data(chunk, bytes.is_empty())?;
    }
    Ok(())
}

async fn read(response: Response<RecvStream>) -> Result<Answer, Failed> {
    let (head, mut stream) = response.into_parts();
    if head.status != 200 {
        let status = Head { status: head.status.as_u16(), retry_after: None };
        return Ok(Answer::read(&status, b"", std::time::SystemTime::UNIX_EPOCH));
    }
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk?;
        stream.flow_control().release_capacity(chunk.len())?;
        if body.len() + chunk.len() <= MAX_ANSWER_BYTES {
            body.extend_from_slice(&chunk);
        }
    }
    // An answer without a message has it all in its head.
    let trailers = stream.trailers().await?.unwrap_or(head.headers);
    answer(&trailers, body.get(FRAME_BYTES..).unwrap_or_default())
}

fn answer(trailers: &HeaderMap, message: &[u8]) -> Result<Answer, Failed> {
    let text = |name| trailers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status").and_then(|code| code.parse().ok()).ok_or("its answer broke off")?;
    let said = text("grpc-message").and_then(percent_decoded).unwrap_or_default();
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let details =
        text("grpc-status-details-bin").and_then(|text| GeneralPurpose::new(&STANDARD, lenient).decode(text).ok());
    let status = Status { code, message: &said, details: details.as_deref().unwrap_or_default() };
    Ok(Answer::read_grpc(&status, message))
}
