//! One answer, and its bytes. Pure.

use std::io::Write as _;

use crate::coding::Coding;
use crate::gzip;
use crate::request::{Method, Refusal};

/// Everything of an answer but what belongs to its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: Status,
    content_type: &'static str,
    /// Header lines that only some answers have.
    more: &'static str,
    coding: Coding,
    /// As it goes over the wire.
    body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    HeadTooLarge,
    InternalError,
    NotImplemented,
    Unavailable,
    VersionNotSupported,
}

/// A body that is not longer goes as it is: with its headers it is one packet anyway.
const MIN_CODED_BYTES: usize = 1024;

/// Whether the connection stays open behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    KeepAlive,
    Close,
}

/// What makes a client send the body it holds back.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
/// The page needs its own style and nothing else; whatever a phase name brings in finds every door shut.
const OF_PAGE: &str = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
                           Referrer-Policy: no-referrer\r\nVary: Accept-Encoding\r\n";

impl Response {
    pub(crate) fn new(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: Status::Ok, content_type, more: "", coding: Coding::Identity, body }
    }

    pub(crate) fn metrics(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { more: "Vary: Accept, Accept-Encoding\r\n", ..Self::new(content_type, body) }
    }

    pub(crate) fn page(html: String) -> Self {
        Self { more: OF_PAGE, ..Self::new(HTML, html.into_bytes()) }
    }

    pub(crate) fn text(status: Status, line: &str) -> Self {
        Self { status, ..Self::new(PLAIN_TEXT, format!("{line}\n").into_bytes()) }
    }

    pub(crate) fn wrong_method() -> Self {
        let line = "only GET and HEAD are answered here";
        Self { more: "Allow: GET, HEAD\r\n", ..Self::text(Status::MethodNotAllowed, line) }
    }

    /// For a connection beyond the limit.
    pub(crate) fn too_many() -> Self {
        let line = "too many connections are open";
        Self { more: "Retry-After: 1\r\n", ..Self::text(Status::Unavailable, line) }
    }

    pub(crate) fn refusal(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::text(Status::BadRequest, "this is no HTTP request"),
            Refusal::NoHost => Self::text(Status::BadRequest, "an HTTP/1.1 request has one Host header"),
            Refusal::HeadTooLarge => Self::text(Status::HeadTooLarge, "the head is longer than 16 KiB"),
            Refusal::BodyTooLarge => Self::text(Status::ContentTooLarge, "the body is longer than 16 KiB"),
            Refusal::TransferEncoding => Self::text(Status::NotImplemented, "no transfer coding is understood here"),
            Refusal::Version => Self::text(Status::VersionNotSupported, "HTTP/1.1 and HTTP/1.0 are understood here"),
            Refusal::Timeout => Self::text(Status::RequestTimeout, "the request took too long to arrive"),
        }
    }

    /// The same answer, its body in this coding where it is long enough.
    pub(crate) fn coded(self, coding: Coding) -> Self {
        match coding {
            Coding::Gzip if self.body.len() > MIN_CODED_BYTES => {
                Self { coding, body: gzip::compress(&self.body), ..self }
            }
            Coding::Gzip | Coding::Identity => self,
        }
    }

    /// The answer as it goes over the wire.
    pub(crate) fn bytes(&self, method: Method, then: Then) -> Vec<u8> {
        let connection = match then {
            Then::KeepAlive => "keep-alive",
            Then::Close => "close",
        };
        let mut bytes = Vec::with_capacity(512 + self.body.len());
        let head = write!(
            bytes,
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n{}{}Connection: {connection}\r\n\r\n",
            self.status.line(),
            self.content_type,
            self.body.len(),
            self.coding,
            self.more,
        );
        head.expect("invariant: a Vec takes every write");
        match method {
            Method::Get | Method::Other => bytes.extend_from_slice(&self.body),
            Method::Head => {}
        }
        bytes
    }
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::RequestTimeout => "408 Request Timeout",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::InternalError => "500 Internal Server Error",
            Self::NotImplemented => "501 Not Implemented",
            Self::Unavailable => "503 Service Unavailable",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(response: &Response, method: Method, then: Then, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&response.bytes(method, then)), expected);
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_that_nobody_may_keep_it() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\
                    Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
        let response = Response::text(Status::Ok, "ok");
        check(&response, Method::Get, Then::Close, &format!("{head}ok\n"));
        check(&response, Method::Head, Then::Close, head);
    }

    #[test]
    fn the_page_may_load_nothing_and_no_answer_opens_another_origin() {
        let page = Response::page("<p>".to_owned()).bytes(Method::Get, Then::KeepAlive);
        let page = String::from_utf8_lossy(&page).into_owned();
        assert!(
            page.contains("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
        );
        assert!(page.contains("Connection: keep-alive\r\n"));
        assert!(!page.contains("Access-Control"));
    }

    #[test]
    fn a_long_body_is_coded_as_the_client_takes_it() {
        let coded = |length, coding| Response::metrics("text/fake", vec![b'x'; length]).coded(coding);
        for plain in [coded(MIN_CODED_BYTES, Coding::Gzip), coded(9_999, Coding::Identity)] {
            let (length, bytes) = (plain.body.len(), plain.bytes(Method::Get, Then::Close));
            let text = String::from_utf8(bytes).expect("as it is");
            assert!(text.contains(&format!("Content-Length: {length}\r\n")) && !text.contains("Content-Encoding"));
            assert!(text.contains("Vary: Accept, Accept-Encoding\r\n"), "{text}");
        }
        let long = coded(MIN_CODED_BYTES + 1, Coding::Gzip);
        let head = String::from_utf8(long.bytes(Method::Head, Then::Close)).expect("a head is text");
        assert!(head.contains("Content-Encoding: gzip\r\nVary: Accept, Accept-Encoding\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", long.body.len())) && long.body.len() < 100, "{head}");
    }
}
