//! The threads: one accepts, each connection has one. All of them end with the [`Server`].

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::connection::{refuse, serve};
use crate::site::Site;
use crate::slots::{Accepting, Slot, Slots};
use crate::{Config, Error, Limits, Listen, OnBusy, Source};

const THREAD_NAME: &str = "phasemeter-http";
/// Encoding, the page and a panic's backtrace fit, and three times what deflate takes in a build that is not optimised,
/// 300 KiB. 64 of them are reserved, and touched only as far as used.
const STACK_BYTES: usize = 1024 * 1024;
/// How long nothing is accepted after the machine failed to give a connection, for want of descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// When the server stops: how long answers may still be written, and how long their threads may take to notice the
/// end of their sockets.
const STOP_GENTLY: Duration = Duration::from_millis(1_000);
const STOP_HARD: Duration = Duration::from_millis(500);

/// The endpoint while it answers. When it is dropped, its connections are closed and its threads end, within two
/// seconds whatever the clients do.
#[must_use = "the endpoint ends when this is dropped"]
pub struct Server {
    shared: Arc<Shared>,
    local_addr: SocketAddr,
    moved_from: Option<Listen>,
    accepting: Option<JoinHandle<Handlers>>,
}

type Handlers = Vec<JoinHandle<()>>;

struct Shared {
    site: Site,
    slots: Arc<Slots>,
    limits: Limits,
}

impl Server {
    pub(crate) fn start(config: Config, source: Arc<dyn Source>) -> Result<Self, Error> {
        let Config { listen, on_busy, limits } = config;
        let (listener, moved_from) = bind(&listen, on_busy)?;
        let local_addr = listener.local_addr().map_err(|cause| Error::address(&listen, cause))?;
        let slots = Arc::new(Slots::new(limits.connections));
        let shared = Arc::new(Shared { site: Site::new(source), slots, limits });
        let for_thread = shared.clone();
        let accepting = spawn(move || accept(&listener, &for_thread)).map_err(|cause| Error::thread(&listen, cause))?;
        Ok(Self { shared, local_addr, moved_from, accepting: Some(accepting) })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address that was asked for, where it was taken and another port was chosen.
    #[must_use]
    pub fn moved_from(&self) -> Option<&Listen> {
        self.moved_from.as_ref()
    }

    /// How many `GET /metrics` were answered to the last byte.
    #[must_use]
    pub fn scrapes(&self) -> u64 {
        self.shared.site.scrapes.count()
    }

    /// Waits until a scrape that begins after this call is answered to its last byte, so that what was recorded
    /// before the call has been seen. False where the limit passes before.
    #[must_use]
    pub fn wait_for_scrape(&self, limit: Duration) -> bool {
        self.shared.site.scrapes.wait(limit)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let slots = &self.shared.slots;
        slots.stop();
        // Readers see an end of input and leave; writers may finish.
        slots.shut(Shutdown::Read);
        let gently_by = Instant::now() + STOP_GENTLY;
        wake(self.local_addr);
        let accept_ended = slots.wait_accept_ended(gently_by);
        // A connection that was being accepted meanwhile has missed the first call.
        slots.shut(Shutdown::Read);
        if !slots.wait_empty(gently_by) {
            slots.shut(Shutdown::Both);
        }
        let all_ended = slots.wait_empty(Instant::now() + STOP_HARD);
        let Some(accepting) = self.accepting.take().filter(|_| accept_ended) else { return };
        // The accepting thread's panic, and a handler's, has been reported by the panic hook.
        for handler in accepting.join().unwrap_or_default() {
            // One that is inside the host's source cannot be woken; it ends when the source returns.
            if all_ended || handler.is_finished() {
                let _ = handler.join();
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut server = f.debug_struct("Server");
        server.field("local_addr", &self.local_addr).field("moved_from", &self.moved_from).finish_non_exhaustive()
    }
}

/// The listener, and the address that was asked for where it is not that one.
fn bind(listen: &Listen, on_busy: OnBusy) -> Result<(TcpListener, Option<Listen>), Error> {
    let resolved = (listen.bare_host(), listen.port).to_socket_addrs();
    let mut addresses: Vec<SocketAddr> = resolved.map_err(|cause| Error::address(listen, cause))?.collect();
    // `localhost` has two addresses, and scrapers that are given 127.0.0.1 are the more common ones.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        failed = match (TcpListener::bind(address), on_busy) {
            (Ok(listener), _) => return Ok((listener, None)),
            (Err(cause), OnBusy::Fail) if cause.kind() == ErrorKind::AddrInUse => {
                return Err(Error::busy(listen, cause));
            }
            (Err(cause), OnBusy::NextFree) if cause.kind() == ErrorKind::AddrInUse => {
                let elsewhere = TcpListener::bind(SocketAddr::new(address.ip(), 0));
                let listener = elsewhere.map_err(|_| Error::busy(listen, cause))?;
                return Ok((listener, Some(listen.clone())));
            }
            (Err(cause), OnBusy::Fail | OnBusy::NextFree) => cause,
        };
    }
    Err(Error::address(listen, failed))
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) -> Handlers {
    let _accepting = Accepting(shared.slots.clone());
    let mut handlers = Handlers::new();
    loop {
        let accepted = listener.accept();
        if shared.slots.is_stopping() {
            return handlers;
        }
        handlers.retain(|handler| !handler.is_finished());
        match accepted {
            Ok((stream, _)) => handlers.extend(handle(stream, shared)),
            // The client, or a signal, was faster than we were.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            Err(_) => shared.slots.pause(ACCEPT_PAUSE),
        }
    }
}

/// Gives a connection its thread, or turns it away where there is no place or no thread for it.
fn handle(stream: TcpStream, shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let turn_away = |stream: &TcpStream| {
        refuse(stream);
        shared.site.refused();
    };
    let slot = match shared.slots.take(stream) {
        Ok(slot) => Arc::new(slot),
        Err(stream) => {
            turn_away(&stream);
            return None;
        }
    };
    let (for_thread, in_slot) = (shared.clone(), slot.clone());
    let started = spawn(move || answer(in_slot, &for_thread));
    if started.is_err() {
        turn_away(slot.stream());
    }
    started.ok()
}

fn answer(slot: Arc<Slot>, shared: &Shared) {
    serve(&slot, &shared.slots, &shared.site, &shared.limits);
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(THREAD_NAME.to_owned()).stack_size(STACK_BYTES).spawn(work)
}

/// Connects to the listener, which ends a wait for the next connection.
fn wake(listener: SocketAddr) {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut address = listener;
    address.set_ip(ip);
    // Where it fails the queue of connections is full, and the wait has ended already.
    let _ = TcpStream::connect_timeout(&address, STOP_HARD);
}
