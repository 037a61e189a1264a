//! Critical events of one GPU (XID), which a thread of its own waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;

use crate::library::{Meaning, meaning};
use crate::raw::Handle;
use crate::xids::Xids;

/// Somebody waits for events until this is dropped, and a second longer at most.
pub(crate) struct Watcher {
    is_over: Arc<AtomicBool>,
    /// Why it ended; cut off when it is out of the library.
    ended: Receiver<Meaning>,
}

/// How long the driver is waited for at once.
const WAIT_MS: u32 = 1_000;

/// What the driver's number of an event is that has none.
const UNKNOWN_XID: u64 = 999;

impl Watcher {
    /// `None` where there is no room for a thread. Where the GPU tells of no events, its thread ends at once.
    pub(crate) fn start(handle: Handle, xids: Arc<Xids>) -> Option<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (end, ended) = mpsc::channel();
        let watcher = Self { is_over: is_over.clone(), ended };
        let wait = move || {
            if let Err(error) = wait_for(&handle, &xids, &is_over) {
                let _nobody_asks = end.send(meaning(&error));
            }
            drop(handle);
            drop(end);
        };
        std::thread::Builder::new().name("phasemeter-xid".into()).spawn(wait).ok().map(|_| watcher)
    }

    /// Whether it ended for no reason that would last. Where the GPU is lost, or tells of no events, it did not.
    pub(crate) fn has_failed(&self) -> bool {
        self.ended.try_recv() == Ok(Meaning::Failed)
    }

    /// It is to end as soon as it comes back from the driver.
    pub(crate) fn end(&self) {
        // Nothing else is passed by it.
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Waits for that, unless the driver does not come back at all.
    pub(crate) fn wait_for_end(&self) {
        self.end();
        let patience = 2 * Duration::from_millis(WAIT_MS.into());
        while self.ended.recv_timeout(patience).is_ok() {}
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.end();
    }
}

fn wait_for(handle: &Handle, xids: &Xids, is_over: &AtomicBool) -> Result<(), NvmlError> {
    let device = handle.device();
    let nvml = device.nvml();
    // Without it nvml-wrapper panics where it gives the set back.
    if nvml.lib().nvmlEventSetFree.is_err() {
        return Err(NvmlError::FunctionNotFound);
    }
    let set = nvml.create_event_set()?;
    let set = device.register_events(EventTypes::CRITICAL_XID_ERROR, set).map_err(|refused| refused.error)?;
    while !is_over.load(Ordering::Relaxed) {
        match set.wait(WAIT_MS) {
            Ok(event) => match event.event_data {
                Some(XidError::Value(xid)) => xids.count(xid),
                Some(XidError::Unknown) => xids.count(UNKNOWN_XID),
                None => {}
            },
            Err(NvmlError::Timeout) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
