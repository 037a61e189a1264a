//! How the service is asked to stop.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The exit status after Ctrl-C, as shells have it: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// From here on the first Ctrl-C (or SIGTERM) notifies. A second one exits at once, for the case that a request does not
/// end.
pub(crate) fn on_interrupt() -> Result<Arc<Notify>, ctrlc::Error> {
    let stop = Arc::new(Notify::new());
    let notified = stop.clone();
    let was_asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        // Relaxed is enough: it carries no data, and only this handler looks.
        if was_asked.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
        notified.notify_one();
    })?;
    Ok(stop)
}
