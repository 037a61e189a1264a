//! One request over HTTP/1.1, within a time. Whatever goes wrong is an answer.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::write::GzEncoder;
use ureq::http::Response;
use ureq::{Agent, Body, Proxy};

use crate::answer::{Answer, Head};
use crate::settings::{Compression, Settings};
use crate::tls;

/// What more a receiver says than this is not read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// The way to the receiver.
pub(crate) struct Http {
    agent: Agent,
    url: String,
    headers: ureq::http::HeaderMap,
    compression: Compression,
    compressed: Vec<u8>,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Where a receiver points elsewhere, our headers, and the passwords in them, do not go there.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(if settings.uses_proxy { Proxy::try_from_env() } else { None })
            .user_agent(concat!("phasemeter-otel/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls::config(&settings.tls, settings.is_secure()));
        let headers = settings.headers.iter().cloned().collect();
        let (url, compression) = (settings.endpoint().to_string(), settings.compression);
        Self { agent: config.build().into(), url, headers, compression, compressed: Vec::new() }
    }

    /// Sends a request's body, and reads the answer, within the limit.
    pub(crate) fn send(&mut self, body: &[u8], limit: Duration) -> Answer {
        let mut request = self.agent.post(&self.url).content_type("application/x-protobuf");
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => {
                request = request.header("content-encoding", "gzip");
                compress(body, &mut self.compressed);
                &self.compressed
            }
        };
        match request.config().timeout_global(Some(limit)).build().send(body) {
            Ok(response) => read(response),
            Err(cause) => Answer::Later { reason: cause.to_string(), wait: None },
        }
    }
}

fn read(mut response: Response<Body>) -> Answer {
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let head = Head { status: response.status().as_u16(), retry_after };
    match body {
        Ok(body) => Answer::read(&head, &body, SystemTime::now()),
        // Of an answer that is cut off, the status stands, unless it is the good one: then nobody knows.
        Err(cause) => match Answer::read(&head, b"", SystemTime::now()) {
            Answer::Taken { .. } => Answer::Later { reason: format!("its answer broke off ({cause})"), wait: None },
            answer @ (Answer::Later { .. } | Answer::Refused { .. }) => answer,
        },
    }
}

/// A whole gzip file of these bytes, in place of what the buffer held.
pub(crate) fn compress(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    // Requests repeat themselves: what higher levels still find is a few percent, at many times the cost.
    let mut encoder = GzEncoder::new(out, flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("invariant: writing to a Vec does not fail");
}
