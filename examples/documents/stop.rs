//! How everything is asked to stop: by Ctrl-C, or by what makes going on useless.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

/// A flag that is set once.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

/// The exit status after Ctrl-C, as shells have it: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

impl Stop {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        // Relaxed is enough: it carries no data, and a moment later is soon enough.
        self.0.load(Ordering::Relaxed)
    }
}

/// From here on the first Ctrl-C (or SIGTERM) sets the flag and wakes the receiver. A second one exits at once, for the
/// case that a read does not return.
pub(crate) fn on_interrupt() -> Result<(Arc<Stop>, Receiver<()>), ctrlc::Error> {
    let stop = Arc::new(Stop::default());
    let (sender, receiver) = sync_channel(1);
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.is_set() {
            process::exit(INTERRUPTED.into());
        }
        flag.set();
        let _is_awake = sender.try_send(());
    })?;
    Ok((stop, receiver))
}
