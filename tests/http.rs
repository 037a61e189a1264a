//! The little of HTTP that the tests need: one GET, one answer, over HTTP/1.0, in which nobody answers in pieces.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::waiting::PATIENCE;

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// As 200.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The whole body.
    pub body: String,
}

/// Asks for a path, with its query where it has one.
///
/// # Errors
/// Nobody listens there, or what comes back is no complete answer.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    get_as(address, path, "*/*")
}

/// The same, in the format that this header `Accept` asks for; it must be one of text.
///
/// # Errors
/// As those of [`get`].
pub fn get_as(address: SocketAddr, path: &str, accept: &str) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    parse(&text).ok_or_else(|| io::Error::other(format!("no complete answer: {text:?}")))
}

/// Writes text so that it can stand in a query.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String does not fail");
        }
        encoded
    })
}

fn parse(text: &str) -> Option<Response> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let is_complete = length.is_none_or(|length| length == body.len());
    is_complete.then(|| Response { status, head: head.to_owned(), body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u16, &str)>) {
        let parsed = parse(text);
        assert_eq!(parsed.as_ref().map(|response| (response.status, &*response.body)), expected);
    }

    #[test]
    fn an_answer_is_taken_only_whole() {
        check("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", Some((200, "abc")));
        check("HTTP/1.0 404 Not Found\r\n\r\n", Some((404, "")));
        check("HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nabc", None);
        check("HTTP/1.0 200 OK\r\nContent-Le", None);
    }

    #[test]
    fn a_query_holds_only_letters_digits_and_escapes() {
        assert_eq!(percent_encoded("up{a=\"\u{e4}\"}"), "up%7Ba%3D%22%C3%A4%22%7D");
    }
}
