//! Who is connected: bounded in number, and woken when the server stops.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_until};

/// The open connections.
#[derive(Debug)]
pub(crate) struct Slots {
    max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u64, Arc<TcpStream>>,
    next: u64,
    stopping: bool,
    accept_ended: bool,
}

/// One open connection. It leaves its place when it is dropped, after a panic too.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    stream: Arc<TcpStream>,
}

/// Marks the accepting thread as ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Accepting(pub(crate) Arc<Slots>);

impl Slots {
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), state: Mutex::default(), changed: Condvar::new() }
    }

    /// A place for a connection, or the connection back where all are taken.
    pub(crate) fn take(self: &Arc<Self>, stream: TcpStream) -> Result<Slot, TcpStream> {
        let mut state = lock(&self.state);
        if state.open.len() >= self.max {
            return Err(stream);
        }
        let (number, stream) = (state.next, Arc::new(stream));
        state.next += 1;
        state.open.insert(number, stream.clone());
        Ok(Slot { slots: self.clone(), number, stream })
    }

    /// Whether connections should end with their next answer: over half of the places are taken, or the server stops.
    pub(crate) fn is_crowded(&self) -> bool {
        let state = lock(&self.state);
        state.stopping || state.open.len() * 2 > self.max
    }

    pub(crate) fn is_stopping(&self) -> bool {
        lock(&self.state).stopping
    }

    /// Waits this long, or until the server stops.
    pub(crate) fn pause(&self, length: Duration) {
        drop(wait_until(&self.changed, lock(&self.state), Instant::now() + length, |state| state.stopping));
    }

    /// From now on the accepting thread and the connections are to end.
    pub(crate) fn stop(&self) {
        lock(&self.state).stopping = true;
        self.changed.notify_all();
    }

    /// Shuts this side of every open connection, which wakes the thread that waits on it.
    pub(crate) fn shut(&self, how: Shutdown) {
        for stream in lock(&self.state).open.values() {
            // A connection that the client has closed already is as good as shut.
            let _ = stream.shutdown(how);
        }
    }

    /// Waits for the accepting thread to end; false where the deadline passes before.
    pub(crate) fn wait_accept_ended(&self, deadline: Instant) -> bool {
        wait_until(&self.changed, lock(&self.state), deadline, |state| state.accept_ended).accept_ended
    }

    /// Waits for the last connection to end; false where the deadline passes before.
    pub(crate) fn wait_empty(&self, deadline: Instant) -> bool {
        wait_until(&self.changed, lock(&self.state), deadline, |state| state.open.is_empty()).open.is_empty()
    }
}

impl Slot {
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.slots.state).open.remove(&self.number);
        self.slots.changed.notify_all();
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        lock(&self.0.state).accept_ended = true;
        self.0.changed.notify_all();
    }
}
