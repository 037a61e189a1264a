//! A receiver of OTLP over HTTP/1.1, on a free port, that does wrong what it is told to do wrong.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;

/// Where a test would otherwise hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What the receiver does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Takes it.
    Ok,
    /// Answers with this status, these further lines of the head, and this body.
    Status(u16, &'static str, Vec<u8>),
    /// Takes it, and ends the connection before it answers.
    Reset,
    /// Takes it, and ends the connection within the answer.
    Half,
    /// Reads it, and never answers.
    Silent,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    /// As it was sent.
    pub(crate) sent: Vec<u8>,
    /// Decompressed.
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Answers until the test ends.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: Channel<Request>,
}

/// What each request is answered, in order; later ones are taken.
type Replies = Arc<Mutex<VecDeque<Reply>>>;

/// What is read from and written to.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// What is between the socket and HTTP: nothing, or TLS.
pub(crate) type Wrap = Arc<dyn Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync>;

impl Receiver {
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), replies)
    }

    pub(crate) fn start_at(address: SocketAddr, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_wrapped(address, replies, Arc::new(|stream| Some(Box::new(stream))))
    }

    pub(crate) fn start_wrapped(address: SocketAddr, replies: impl IntoIterator<Item = Reply>, wrap: Wrap) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let replies: Replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (replies, sender, wrap) = (replies.clone(), sender.clone(), wrap.clone());
                thread::spawn(move || {
                    stream.set_read_timeout(Some(LIMIT)).expect("a limit above 0");
                    let _ended = wrap(stream).and_then(|mut stream| serve(&mut *stream, &replies, &sender));
                });
            }
        });
        Self { address, requests }
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(LIMIT).expect("a request comes")
    }

    /// The requests that are there.
    pub(crate) fn so_far(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1/metrics", self.address)
    }
}

/// An address of this machine at which nobody listens. On Linux it is one that no other test is given meanwhile.
pub(crate) fn nobody() -> SocketAddr {
    let ip = if cfg!(target_os = "linux") { "127.0.0.9:0" } else { "127.0.0.1:0" };
    TcpListener::bind(ip).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Answers the requests of one connection; nothing where it ended.
fn serve(stream: &mut dyn Stream, replies: &Replies, sender: &Sender<Request>) -> Option<()> {
    loop {
        let request = read(stream)?;
        let reply = replies.lock().expect("no test panics with it").pop_front().unwrap_or(Reply::Ok);
        // Where it is seen to have come, it was answered before, or never will be.
        let is_over = match reply {
            Reply::Ok => write(stream, 200, "", &[]),
            Reply::Status(status, head, body) => write(stream, status, head, &body),
            Reply::Reset => None,
            Reply::Half => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").err().map(|_| ()),
            Reply::Silent => {
                sender.send(request).ok()?;
                // Until the other side has had enough.
                return stream.read(&mut [0; 64]).ok().map(|_| ());
            }
        };
        sender.send(request).ok()?;
        is_over?;
    }
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(length)) = head.parse(&bytes) {
            let header = |header: &httparse::Header<'_>| {
                (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
            };
            let headers: Vec<_> = head.headers.iter().map(header).collect();
            let path = head.path.expect("a path").to_owned();
            assert_eq!(head.method, Some("POST"));
            let mut request = Request { path, headers, sent: bytes.split_off(length), body: Vec::new() };
            let size: usize = request.header("content-length").expect("a length").parse().expect("a number");
            let missing = size - request.sent.len();
            stream.take(missing as u64).read_to_end(&mut request.sent).ok()?;
            request.body = match request.header("content-encoding") {
                Some("gzip") => {
                    let mut body = Vec::new();
                    GzDecoder::new(&*request.sent).read_to_end(&mut body).expect("a gzip file");
                    body
                }
                other => {
                    assert_eq!(other, None);
                    request.sent.clone()
                }
            };
            return Some(request);
        }
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn write(stream: &mut dyn Stream, status: u16, head: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status} So\r\n{head}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).and_then(|()| stream.flush()).ok()
}
