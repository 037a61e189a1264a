//! One request head: bytes in, what was asked out. Pure: no socket, no clock.

use httparse::{Error as Parse, Header, Status};

use crate::coding::Coding;

/// A head may not be longer.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;
/// A body may not be longer; nothing we answer needs one.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Without scheme, host and query.
    pub(crate) path: String,
    /// What stands behind the path's `?`; empty without one.
    pub(crate) query: String,
    /// Every `Accept` header, joined as if they were one.
    pub(crate) accept: String,
    /// How the body is to go over the wire, where it is worth it.
    pub(crate) coding: Coding,
    /// Whether the client wants the connection to stay.
    pub(crate) keep_alive: bool,
    pub(crate) head_bytes: usize,
    pub(crate) body_bytes: usize,
    /// The client holds its body back until it is told to go on.
    pub(crate) expects_continue: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Other,
}

/// Why a request is not answered. After each of them the connection ends: where the next request begins is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    NoHost,
    HeadTooLarge,
    BodyTooLarge,
    TransferEncoding,
    Version,
    Timeout,
}

/// The request at the beginning of these bytes; `None` where its head is not complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let head_bytes = match head.parse(bytes) {
        Ok(Status::Complete(head_bytes)) => head_bytes,
        Ok(Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(Status::Partial) | Err(Parse::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(Parse::Version) => return Err(Refusal::Version),
        Err(Parse::HeaderName | Parse::HeaderValue | Parse::NewLine | Parse::Status | Parse::Token) => {
            return Err(Refusal::Malformed);
        }
    };
    if head_bytes > MAX_HEAD_BYTES {
        return Err(Refusal::HeadTooLarge);
    }
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return Err(Refusal::Malformed);
    };
    let modern = minor > 0;
    if modern && values(head.headers, "host").count() != 1 {
        return Err(Refusal::NoHost);
    }
    if values(head.headers, "transfer-encoding").next().is_some() {
        return Err(Refusal::TransferEncoding);
    }
    let (path, query) = path_and_query(target);
    let says = |header, token| has_token(head.headers, header, token);
    Ok(Some(Request {
        method: Method::parse(method),
        path: path.to_owned(),
        query: query.to_owned(),
        accept: joined(head.headers, "accept"),
        coding: Coding::negotiate(&joined(head.headers, "accept-encoding")),
        keep_alive: !says("connection", "close") && (modern || says("connection", "keep-alive")),
        head_bytes,
        body_bytes: body_bytes(head.headers)?,
        expects_continue: modern && says("expect", "100-continue"),
    }))
}

impl Method {
    fn parse(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            _ => Self::Other,
        }
    }
}

fn values<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// All of a header's lines, as if they were one.
fn joined(headers: &[Header<'_>], name: &str) -> String {
    values(headers, name).map(String::from_utf8_lossy).collect::<Vec<_>>().join(", ")
}

fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|own| own.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The length of the body. Two lengths that differ are an attempt to smuggle a request.
fn body_bytes(headers: &[Header<'_>]) -> Result<usize, Refusal> {
    let mut lengths = values(headers, "content-length");
    let Some(first) = lengths.next() else { return Ok(0) };
    if lengths.any(|other| other != first) || first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed);
    }
    let length: Option<usize> = std::str::from_utf8(first).ok().and_then(|digits| digits.parse().ok());
    // Only a length beyond what fits does not parse here.
    length.filter(|length| *length <= MAX_BODY_BYTES).ok_or(Refusal::BodyTooLarge)
}

/// Path and query of a target in origin form (`/metrics?x`) or absolute form (`http://host:9464/metrics?x`).
fn path_and_query(target: &str) -> (&str, &str) {
    let from_path = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or("")
        }
        Some(_) | None => target,
    };
    let without_fragment = from_path.split_once('#').map_or(from_path, |(before, _)| before);
    match without_fragment.split_once('?').unwrap_or((without_fragment, "")) {
        ("", query) => ("/", query),
        (path, query) => (path, query),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Result<Option<(Method, &str)>, Refusal>) {
        let parsed = parse(head.as_bytes());
        let seen = parsed.as_ref().map(|parsed| parsed.as_ref().map(|one| (one.method, &*one.path)));
        assert_eq!(seen.map_err(|refusal| *refusal), expected, "{head:?}");
    }

    fn request(headers: &str) -> Request {
        let head = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        parse(head.as_bytes()).expect("accepted").expect("complete")
    }

    #[track_caller]
    fn check_path(target: &str, expected: &str) {
        check(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(Some((Method::Get, expected))));
    }

    #[test]
    fn a_head_is_complete_at_its_empty_line() {
        let whole = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..whole.len() {
            check(&whole[..end], Ok(None));
        }
        check(whole, Ok(Some((Method::Get, "/metrics"))));
        assert_eq!(request("").head_bytes, whole.len());
    }

    #[test]
    fn a_target_is_a_path_in_either_form_and_without_its_query() {
        check_path("/metrics", "/metrics");
        check_path("/metrics?name[]=up#x", "/metrics");
        check_path("/metrics#x?y", "/metrics");
        check_path("http://host:9464/metrics?x=http://y/z", "/metrics");
        check_path("HTTPS://host", "/");
        check_path("http://host?x", "/");
        check_path("/?next=http://host/metrics", "/");
        check_path("ftp://host/metrics", "ftp://host/metrics");
        check_path("*", "*");
    }

    #[test]
    fn a_query_ends_at_the_fragment() {
        let query = |target| path_and_query(target).1;
        assert_eq!(query("/"), "");
        assert_eq!(query("/?runs=all"), "runs=all");
        assert_eq!(query("/?a?b&c#d?e"), "a?b&c");
        assert_eq!(query("/#a?b"), "");
        assert_eq!(query("http://host?runs=all"), "runs=all");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        check("\0\0\0\0", Err(Refusal::Malformed));
        check("GET /metrics\r\n\r\n", Err(Refusal::Malformed));
        check("GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", Err(Refusal::Malformed));
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err(Refusal::Version));
        check("GET / HTTP/1.1\r\n\r\n", Err(Refusal::NoHost));
        check("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Err(Refusal::NoHost));
        check("GET / HTTP/1.0\r\n\r\n", Ok(Some((Method::Get, "/"))));
    }

    #[test]
    fn a_head_over_the_limit_is_refused_complete_or_not() {
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(MAX_HEAD_BYTES));
        check(&long, Err(Refusal::HeadTooLarge));
        check(&format!("{long}\r\n\r\n"), Err(Refusal::HeadTooLarge));
        let many = "X: y\r\n".repeat(MAX_HEADERS + 1);
        check(&format!("GET / HTTP/1.1\r\n{many}\r\n"), Err(Refusal::HeadTooLarge));
    }

    #[test]
    fn the_length_of_a_body_is_known_or_the_request_refused() {
        assert_eq!(request("Content-Length: 12\r\n").body_bytes, 12);
        assert_eq!(request("Content-Length: 12\r\ncontent-length: 12\r\n").body_bytes, 12);
        let refused = |header: &str, refusal| check(&format!("POST / HTTP/1.0\r\n{header}\r\n\r\n"), Err(refusal));
        refused("Content-Length: 1\r\nContent-Length: 2", Refusal::Malformed);
        for length in ["", "-1", "+1", "1, 1", "0x1", "1 2"] {
            refused(&format!("Content-Length: {length}"), Refusal::Malformed);
        }
        refused("Content-Length: 99999", Refusal::BodyTooLarge);
        refused(&format!("Content-Length: {}", "9".repeat(99)), Refusal::BodyTooLarge);
        refused("Transfer-Encoding: chunked", Refusal::TransferEncoding);
        refused("Content-Length: 1\r\nTransfer-Encoding: gzip, chunked", Refusal::TransferEncoding);
    }

    #[test]
    fn several_accept_headers_are_one() {
        assert_eq!(request("").accept, "");
        assert_eq!(request("Accept: a/b;q=0.5\r\nX: y\r\nACCEPT: c/d, e/f\r\n").accept, "a/b;q=0.5, c/d, e/f");
    }

    #[test]
    fn several_accept_encoding_headers_are_one() {
        assert_eq!(request("").coding, Coding::Identity);
        assert_eq!(request("Accept-Encoding: br\r\naccept-encoding: gzip;q=0.5\r\n").coding, Coding::Gzip);
        assert_eq!(request("Accept-Encoding: gzip;q=0.5\r\nAccept-Encoding: identity\r\n").coding, Coding::Identity);
    }

    #[test]
    fn a_connection_stays_as_version_and_header_say() {
        let stays = |version: &str, header: &str| {
            let head = format!("GET / HTTP/{version}\r\nHost: x\r\n{header}\r\n\r\n");
            parse(head.as_bytes()).expect("accepted").expect("complete").keep_alive
        };
        assert!(stays("1.1", "X: y"));
        assert!(!stays("1.1", "Connection: Close"));
        assert!(!stays("1.1", "Connection: te, close"));
        assert!(!stays("1.0", "X: y"));
        assert!(stays("1.0", "Connection: Keep-Alive"));
    }

    /// A small linear generator: the same bytes in every run.
    fn noise(seed: u64) -> impl Iterator<Item = u8> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
    }

    #[test]
    fn no_bytes_make_it_panic() {
        const HEAD: &[u8] =
            b"GET http://h/metrics?x HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n";
        for seed in 0..20_000 {
            let mut random = noise(seed);
            let length = usize::from(random.next().unwrap_or(0)) * 2;
            let _ = parse(&random.by_ref().take(length).collect::<Vec<u8>>());
            let mut mutated = HEAD.to_vec();
            for _ in 0..3 {
                let at = usize::from(random.next().unwrap_or(0)) % mutated.len();
                mutated[at] = random.next().unwrap_or(0);
            }
            if let Ok(Some(request)) = parse(&mutated) {
                assert!(request.head_bytes <= mutated.len() && request.body_bytes <= MAX_BODY_BYTES);
            }
        }
    }
}
