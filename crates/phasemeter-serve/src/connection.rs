//! One connection: read a head, answer, and again while both sides want to. Every wait has a deadline.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::Limits;
use crate::request::{self, Method, Refusal, Request};
use crate::response::{CONTINUE, Response, Then};
use crate::site::Site;
use crate::slots::{Slot, Slots};

const CHUNK_BYTES: usize = 4 * 1024;
/// What is read behind the last answer, and for how long, so that the client sees that answer and no reset.
const LINGER_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_millis(500);

struct Connection<'a> {
    stream: &'a TcpStream,
    limits: &'a Limits,
    /// Received and not yet understood; of pipelined requests, the ones behind.
    pending: Vec<u8>,
}

/// Why a connection ends without an answer: the client is gone, or silent, or the server stops.
struct Gone;

/// What came instead of a request.
enum NoRequest {
    Gone,
    Refused(Refusal),
}

/// Answers a client until it, we, or the server's end want no more.
pub(crate) fn serve(slot: &Slot, slots: &Slots, site: &Site, limits: &Limits) {
    let mut connection = Connection { stream: slot.stream(), limits, pending: Vec::new() };
    // Small answers should not wait for an acknowledgement. Where this fails they do.
    let _ = connection.stream.set_nodelay(true);
    // A client that connects and says nothing has no longer than one that says too little.
    let mut first_byte_by = Instant::now() + limits.head;
    loop {
        let answered = match connection.read_request(first_byte_by) {
            Ok(request) => {
                let (response, scrape) = site.answer(&request);
                let then = if request.keep_alive && !slots.is_crowded() { Then::KeepAlive } else { Then::Close };
                let answered = connection.write(&response.bytes(request.method, then)).map(|()| then);
                if let (Some(scrape), Ok(_)) = (scrape, &answered) {
                    site.scrapes.answered(&scrape);
                }
                answered
            }
            Err(NoRequest::Refused(refusal)) => {
                connection.write(&Response::refusal(refusal).bytes(Method::Get, Then::Close)).map(|()| Then::Close)
            }
            Err(NoRequest::Gone) => Err(Gone),
        };
        match answered {
            Ok(Then::KeepAlive) => first_byte_by = Instant::now() + limits.idle,
            Ok(Then::Close) => return connection.linger(),
            Err(Gone) => return,
        }
    }
}

/// Turns a client away in no time: whatever would make us wait is left out.
pub(crate) fn refuse(mut stream: &TcpStream) {
    let answer = Response::too_many().bytes(Method::Get, Then::Close);
    let _: io::Result<()> = (|| {
        stream.set_nonblocking(true)?;
        // What is unread when the socket closes turns into a reset, which may overtake the answer.
        let _ = stream.read(&mut [0; CHUNK_BYTES]);
        stream.write_all(&answer)?;
        stream.shutdown(Shutdown::Write)
    })();
}

impl Connection<'_> {
    /// The next request, its body read and thrown away.
    fn read_request(&mut self, first_byte_by: Instant) -> Result<Request, NoRequest> {
        if self.pending.is_empty() {
            self.read_some(first_byte_by).map_err(|_| NoRequest::Gone)?;
        }
        let head_by = Instant::now() + self.limits.head;
        let request = loop {
            match request::parse(&self.pending) {
                Ok(Some(request)) => break request,
                Ok(None) => self.read_some(head_by)?,
                Err(refusal) => return Err(NoRequest::Refused(refusal)),
            }
        };
        self.pending.drain(..request.head_bytes);
        self.skip_body(&request)?;
        Ok(request)
    }

    fn skip_body(&mut self, request: &Request) -> Result<(), NoRequest> {
        if request.expects_continue && self.pending.len() < request.body_bytes {
            self.write(CONTINUE).map_err(|Gone| NoRequest::Gone)?;
        }
        let body_by = Instant::now() + self.limits.head;
        while self.pending.len() < request.body_bytes {
            self.read_some(body_by)?;
        }
        self.pending.drain(..request.body_bytes);
        Ok(())
    }

    /// Takes in what has arrived, at least one byte.
    fn read_some(&mut self, deadline: Instant) -> Result<(), NoRequest> {
        let mut chunk = [0; CHUNK_BYTES];
        match read_by(self.stream, &mut chunk, deadline) {
            Ok(0) => Err(NoRequest::Gone),
            Ok(length) => {
                self.pending.extend(chunk.iter().take(length));
                Ok(())
            }
            Err(error) if is_timeout(&error) => Err(NoRequest::Refused(Refusal::Timeout)),
            Err(_) => Err(NoRequest::Gone),
        }
    }

    /// Writes everything, or gives the client up: the limit is for the whole, not for each piece it takes.
    fn write(&self, mut bytes: &[u8]) -> Result<(), Gone> {
        let mut stream = self.stream;
        let deadline = Instant::now() + self.limits.write;
        while !bytes.is_empty() {
            let written =
                left(deadline).and_then(|left| stream.set_write_timeout(Some(left))).and_then(|()| stream.write(bytes));
            match written {
                Ok(0) => return Err(Gone),
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Lets the client take the last answer: a socket closed with something unread resets the connection.
    fn linger(&self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let deadline = Instant::now() + LINGER;
        let mut chunk = [0; CHUNK_BYTES];
        let mut bytes = 0;
        while bytes < LINGER_BYTES {
            match read_by(self.stream, &mut chunk, deadline) {
                Ok(length) if length > 0 => bytes += length,
                Ok(_) | Err(_) => return,
            }
        }
    }
}

fn read_by(mut stream: &TcpStream, chunk: &mut [u8], deadline: Instant) -> io::Result<usize> {
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// What is left until the deadline; an error where nothing is, since a timeout of zero would mean none at all.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Unix says "would block" where Windows says "timed out".
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
