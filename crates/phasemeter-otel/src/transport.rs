//! One of the two ways to the receiver.

use std::time::Duration;

use crate::answer::Answer;
use crate::grpc::Grpc;
use crate::http::Http;
use crate::settings::{Protocol, Settings};

/// How requests are carried.
pub(crate) enum Transport {
    Http(Box<Http>),
    Grpc(Box<Grpc>),
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Self {
        match settings.protocol {
            Protocol::HttpProtobuf => Self::Http(Box::new(Http::new(settings))),
            Protocol::Grpc => Self::Grpc(Box::new(Grpc::new(settings))),
        }
    }

    /// Sends a request, and reads the answer, within the limit.
    pub(crate) fn send(&mut self, body: &[u8], limit: Duration) -> Answer {
        match self {
            Self::Http(http) => http.send(body, limit),
            Self::Grpc(grpc) => grpc.send(body, limit),
        }
    }
}
