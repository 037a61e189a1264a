//! Why a request is not answered as it was meant.

use std::fmt;

use axum::Json;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Every reason has a status for the client's program, a type for logs and metrics, a sentence for people.
#[derive(Debug)]
pub(crate) enum Refusal {
    Empty,
    TooLarge {
        max_bytes: usize,
    },
    NotText,
    /// The body did not arrive.
    Body(BytesRejection),
    Query(QueryRejection),
    NoWords,
    DelayTooLong {
        max_ms: u64,
    },
    /// Nothing is indexed any more.
    NoIndexer,
}

impl Refusal {
    /// One of a few names.
    pub(crate) fn error_type(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::NotText => "not_text",
            Self::Body(_) => "body",
            Self::Query(_) => "query",
            Self::NoWords => "no_words",
            Self::DelayTooLong { .. } => "delay_too_long",
            Self::NoIndexer => "no_indexer",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoIndexer => StatusCode::SERVICE_UNAVAILABLE,
            Self::Body(rejection) => rejection.status(),
            Self::Query(rejection) => rejection.status(),
            Self::Empty | Self::NotText | Self::NoWords | Self::DelayTooLong { .. } => StatusCode::BAD_REQUEST,
        }
    }

    /// What a body that was not read means, where `max_bytes` are allowed.
    pub(crate) fn of_body(rejection: BytesRejection, max_bytes: usize) -> Self {
        match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Self::TooLarge { max_bytes },
            rejection => Self::Body(rejection),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty, a document is not"),
            Self::TooLarge { max_bytes } => write!(f, "the document is larger than {max_bytes} bytes"),
            Self::NotText => f.write_str("the body is no text in UTF-8"),
            Self::Body(rejection) => f.write_str(&rejection.body_text()),
            Self::Query(rejection) => f.write_str(&rejection.body_text()),
            Self::NoWords => f.write_str("q holds no word: letters or digits are needed"),
            Self::DelayTooLong { max_ms } => write!(f, "delay_ms is more than {max_ms}"),
            Self::NoIndexer => f.write_str("nothing can be indexed any more"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error_type(), "message": self.to_string() });
        (self.status(), Json(body)).into_response()
    }
}
