//! A source that does as it is told, and a client that sees every byte.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use flate2::read::GzDecoder;
use phasemeter_core::{Ran, Snapshot, Work};
use phasemeter_serve::{Config, Limits, Server, Source};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A source without phases, but with six runs to look at.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) panics: AtomicBool,
    /// Bytes that `/metrics` has more.
    pub(crate) padding: AtomicUsize,
    gate: Mutex<()>,
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Default)]
struct Counts {
    refused: u64,
    snapshots: u64,
}

impl Source for Fake {
    fn snapshot(&self) -> Snapshot {
        self.count(|counts| counts.snapshots += 1);
        let _open = self.gate.lock();
        assert!(!self.panics.load(Ordering::Relaxed), "the source was told to panic");
        let run = |number: u64| Ran {
            item: Some(format!("{number}.pdf").into()),
            elapsed_ns: 100 - number,
            ago_ns: 0,
            error_type: None,
        };
        let work = Work { slowest: (1..=6).map(run).collect(), ..Work::default() };
        Snapshot { work: vec![work], ..Snapshot::default() }
    }

    fn render(&self, accept: &str) -> (&'static str, Vec<u8>) {
        assert!(!self.panics.load(Ordering::Relaxed), "the source was told to panic");
        let mut body = format!("# accept={accept:?}\nup 1\n").into_bytes();
        body.resize(body.len() + self.padding.load(Ordering::Relaxed), b'#');
        ("text/fake", body)
    }

    fn refused(&self) {
        self.count(|counts| counts.refused += 1);
    }
}

impl Fake {
    fn count(&self, how: impl FnOnce(&mut Counts)) {
        how(&mut self.counts.lock().expect("no panic inside"));
        self.changed.notify_all();
    }

    /// Snapshots wait until the guard is dropped.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().expect("no panic inside")
    }

    /// Returns once somebody asks for a snapshot, or has.
    pub(crate) fn wait_inside(&self) {
        self.wait(|counts| counts.snapshots > 0);
    }

    /// Returns once so many connections were refused.
    pub(crate) fn wait_refused(&self, wanted: u64) {
        self.wait(|counts| counts.refused >= wanted);
    }

    #[track_caller]
    fn wait(&self, wanted: impl Fn(&Counts) -> bool) {
        let counts = self.counts.lock().expect("no panic inside");
        let waited = self.changed.wait_timeout_while(counts, PATIENCE, |counts| !wanted(counts));
        assert!(!waited.expect("no panic inside").1.timed_out());
    }
}

/// An endpoint with limits that no test meets by accident.
pub(crate) fn start() -> (Server, Arc<Fake>) {
    start_with(quick())
}

pub(crate) fn start_with(limits: Limits) -> (Server, Arc<Fake>) {
    let source = Arc::new(Fake::default());
    let server = Config::default().listen("127.0.0.1", 0).limits(limits).start(source.clone());
    (server.expect("a free port"), source)
}

/// Limits for a test to change one of.
pub(crate) fn quick() -> Limits {
    Limits { connections: 8, head: PATIENCE, write: PATIENCE, idle: PATIENCE }
}

/// An address to connect to, for one that was listened on.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1",
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "::1",
        SocketAddr::V4(_) | SocketAddr::V6(_) => return address,
    };
    SocketAddr::new(host.parse().expect("an address"), address.port())
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// As the source wrote it, however it came over the wire.
    pub(crate) body: String,
    /// How many bytes of body came over the wire.
    pub(crate) wire_bytes: usize,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        self.head.clone() + &self.body
    }
}

impl Client {
    #[track_caller]
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let reader = BufReader::new(stream.try_clone().expect("cloned"));
        Self { stream, reader }
    }

    /// Sends what the server will take; it may have closed already, which the answer then tells.
    pub(crate) fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// One head, to its empty line.
    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        self.try_head().expect("a complete head")
    }

    fn try_head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        Some(head)
    }

    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("a complete answer")
    }

    /// One answer; none where the server closed before its end.
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        let head = self.try_head()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.split_once("Content-Length: ")?.1.split("\r\n").next()?.parse().ok()?;
        let mut wire = vec![0; length];
        self.reader.read_exact(&mut wire).ok()?;
        let mut body = String::new();
        let read = match head.contains("\r\nContent-Encoding: gzip\r\n") {
            true => GzDecoder::new(&*wire).read_to_string(&mut body),
            false => (&*wire).read_to_string(&mut body),
        };
        read.ok().map(|_| Answer { status, head, body, wire_bytes: length })
    }

    /// Whether anything, or the end, comes within this time.
    pub(crate) fn has_answer_within(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).expect("set");
        let waited = self.reader.fill_buf().map(|_| ());
        self.stream.set_read_timeout(Some(PATIENCE)).expect("set");
        !waited.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Whether the server has closed, or closes now, with nothing left to read.
    pub(crate) fn ends_here(mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end as well.
        match self.reader.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => error.kind() == ErrorKind::ConnectionReset && rest.is_empty(),
        }
    }

    /// Tells the server that nothing more will come, and reads to the end, whatever comes. An answer is counted
    /// after its last byte, and before the end.
    pub(crate) fn skip_rest(mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = self.reader.read_to_end(&mut Vec::new());
    }
}
