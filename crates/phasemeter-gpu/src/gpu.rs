//! The collector: when the driver's library is entered and left, which devices are shown, and which are lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nvml_wrapper::Nvml;
use phasemeter_collect::{Collector, Error, GpuOptions, Options};
use phasemeter_core::{Moment, Samples};

use crate::NAME;
use crate::asked::Trouble;
use crate::device::{Device, Reading};
use crate::events::Watcher;
use crate::found::{Found, Listing, list};
use crate::library::{Refusal, enter};
use crate::marks::Marks;
use crate::states::{State, States};
use crate::visible::{Order, Visible};

/// Reads GPUs through the driver's library.
pub struct Gpu {
    options: GpuOptions,
    is_agent: bool,
    visible: Visible,
    order: Order,
    library: Library,
    /// Those that are visible, by their numbers.
    devices: Vec<Device>,
    /// Those that never said who they are.
    strangers: Vec<States>,
    /// There were some once.
    has_seen: bool,
    last_ns: Option<u64>,
}

enum Library {
    /// It is not entered, and was not refused.
    Left,
    Entered(Entered),
    /// Not to be asked again before that.
    Refused {
        refusal: Refusal,
        until_ns: u64,
    },
}

struct Entered {
    nvml: Arc<Nvml>,
    driver: String,
    since_ns: u64,
    listed_ns: Option<u64>,
    /// A device was lost since they were listed.
    is_outdated: bool,
}

const SECOND_NS: u64 = 1_000_000_000;

/// A GPU may come while the program runs.
const LIST_EVERY_NS: u64 = 10 * SECOND_NS;

/// A GPU that is lost may be back once the library is entered anew.
const ENTER_FOR_LOST_EVERY_NS: u64 = 60 * SECOND_NS;

impl Gpu {
    /// The GPUs that are visible to this process, or all of them for an agent. Nothing is loaded yet.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let gpu = options.gpu.clone();
        Self {
            visible: if options.is_agent { Visible::All } else { Visible::new(gpu.visible.as_deref()) },
            order: Order::new(gpu.order.as_deref()),
            options: gpu,
            is_agent: options.is_agent,
            library: Library::Left,
            devices: Vec::new(),
            strangers: Vec::new(),
            has_seen: false,
            last_ns: None,
        }
    }

    fn read(&mut self, at: Moment, out: &mut Samples) -> Result<(), Refusal> {
        self.enter_for_lost(at);
        let mut entered = self.entered(at)?;
        let listed = self.list(at, &mut entered);
        let read = listed.and_then(|()| self.sample_devices(at, &mut entered, out));
        self.library = Library::Entered(entered);
        read?;
        self.release(at);
        Ok(())
    }

    /// While a GPU is lost, the library is left now and then: only who enters it sees the GPU that is back.
    fn enter_for_lost(&mut self, at: Moment) {
        let is_due = |entered: &Entered| at.now_ns >= entered.since_ns.saturating_add(ENTER_FOR_LOST_EVERY_NS);
        let is_any_lost = self.devices.iter().any(Device::is_lost);
        if matches!(&self.library, Library::Entered(entered) if is_any_lost && is_due(entered)) {
            self.leave();
        }
    }

    fn entered(&mut self, at: Moment) -> Result<Entered, Refusal> {
        match std::mem::replace(&mut self.library, Library::Left) {
            Library::Entered(entered) => return Ok(entered),
            Library::Refused { refusal, until_ns } if at.now_ns < until_ns => {
                self.library = Library::Refused { refusal: refusal.clone(), until_ns };
                return Err(refusal);
            }
            Library::Left | Library::Refused { .. } => {}
        }
        let nvml = enter(self.options.library.as_deref())?;
        let driver = nvml.sys_driver_version().unwrap_or_default();
        Ok(Entered { nvml, driver, since_ns: at.now_ns, listed_ns: None, is_outdated: false })
    }

    /// What went wrong may be cured by entering the library anew, but not at once.
    fn refuse(&mut self, at: Moment, refusal: Refusal) {
        if matches!(self.library, Library::Refused { .. }) {
            return;
        }
        self.leave();
        let wait_ns = match refusal {
            // A driver is seldom loaded while a program runs, and looking for it is not for nothing.
            Refusal::Absent(_) if !self.has_seen => 10 * SECOND_NS,
            Refusal::Absent(_) | Refusal::Failed(_) => SECOND_NS,
            Refusal::Unusable(_) => u64::MAX,
        };
        self.library = Library::Refused { refusal, until_ns: at.now_ns.saturating_add(wait_ns) };
    }

    /// Where GPUs were seen before, it is no answer that there are none.
    fn error(&self, refusal: &Refusal) -> Error {
        match refusal {
            Refusal::Absent(reason) if self.has_seen => Error::failed(NAME, reason),
            Refusal::Absent(_) | Refusal::Failed(_) | Refusal::Unusable(_) => refusal.error(),
        }
    }

    fn list(&mut self, at: Moment, entered: &mut Entered) -> Result<(), Refusal> {
        let every_ns = if entered.is_outdated { SECOND_NS } else { LIST_EVERY_NS };
        if entered.listed_ns.is_some_and(|listed_ns| at.now_ns < listed_ns.saturating_add(every_ns)) {
            return Ok(());
        }
        let listing = list(&entered.nvml).map_err(|error| Refusal::Failed(format!("cannot list GPUs: {error}")))?;
        entered.listed_ns = Some(at.now_ns);
        entered.is_outdated = false;
        let is_whole = listing.unreachable.is_empty();
        let wanted = self.wanted(&listing).map_err(Refusal::Failed)?;
        self.join(listing, &wanted);
        self.has_seen |= !self.devices.is_empty();
        match (self.devices.is_empty() && self.strangers.is_empty(), self.has_seen, is_whole) {
            (false, _, _) => Ok(()),
            (true, true, _) => Err(Refusal::Failed("no visible GPU is left".to_owned())),
            (true, false, false) => Err(Refusal::Failed("a GPU does not answer, and maybe it is visible".to_owned())),
            (true, false, true) => Err(Refusal::Absent("there is no visible GPU".to_owned())),
        }
    }

    /// The UUIDs of those to be shown. What a program sees of CUDA is decided once, when it first uses that; so is this,
    /// once all answer: later on, numbers count otherwise where one is missing.
    fn wanted(&mut self, listing: &Listing) -> Result<BTreeSet<String>, String> {
        let candidates: Vec<_> = listing.devices.iter().map(|found| found.candidate.clone()).collect();
        let is_whole = listing.unreachable.is_empty();
        if matches!(self.visible, Visible::Numbers(_)) && !is_whole {
            return Err("a GPU does not answer, so the numbers in CUDA_VISIBLE_DEVICES cannot be counted".to_owned());
        }
        let wanted = self.visible.among(&candidates, self.order)?;
        if is_whole && !wanted.is_empty() && self.visible != Visible::All {
            self.visible = Visible::Known(wanted.clone());
        }
        Ok(wanted.into_iter().collect())
    }

    /// Takes in those that are new or back, and lets go of those that are gone. One that was there, while another one
    /// answers nothing, is that one.
    fn join(&mut self, listing: Listing, wanted: &BTreeSet<String>) {
        let is_listed = |device: &Device| listing.devices.iter().any(|found| found.candidate.uuid == device.uuid());
        let is_any_unreachable = !listing.unreachable.is_empty();
        self.devices.retain_mut(|device| {
            if is_listed(device) {
                return true;
            }
            if is_any_unreachable && !device.is_lost() {
                device.lose();
            }
            device.is_lost()
        });
        for found in listing.devices {
            if wanted.contains(&found.candidate.uuid) {
                self.join_one(found);
            }
        }
        self.devices.sort_by_key(Device::place);
        let is_known = |index: &u32| self.devices.iter().any(|device| device.place() == (*index, None));
        let is_shown = self.visible == Visible::All;
        let strangers = listing.unreachable.iter().filter(|index| is_shown && !is_known(index));
        self.strangers = strangers.map(|index| States::new(&Marks::nameless(&index.to_string()))).collect();
    }

    fn join_one(&mut self, found: Found) {
        match self.devices.iter_mut().find(|device| device.uuid() == found.candidate.uuid) {
            Some(device) if device.is_attached() && device.place() == found.place => {}
            Some(device) => device.attach(found),
            None => {
                let mut device = Device::new(&found);
                device.attach(found);
                self.devices.push(device);
            }
        }
    }

    fn sample_devices(&mut self, at: Moment, entered: &mut Entered, out: &mut Samples) -> Result<(), Refusal> {
        let is_kept = self.options.release_after.is_none();
        let reading = Reading { at, driver: &entered.driver, is_agent: self.is_agent, is_kept };
        let (mut failure, mut is_any_known) = (None, false);
        for device in &mut self.devices {
            let mut own = Samples::default();
            match device.sample(reading, &mut own) {
                Ok(()) => {}
                Err(Trouble::Lost) => {
                    device.lose();
                    entered.is_outdated = true;
                }
                Err(Trouble::Over(reason)) => return Err(Refusal::Failed(reason)),
            }
            let tally = device.take_tally();
            if device.is_lost() || tally.is_silence() {
                own = Samples::default();
            }
            is_any_known |= device.is_lost() || !tally.is_silence();
            device.sample_state(reading, &tally, &mut own);
            failure = failure.or(tally.into_failure());
            out.append(&own);
        }
        self.strangers.iter().for_each(|stranger| stranger.sample(State::Failed, out));
        match failure {
            Some(reason) if !is_any_known => Err(Refusal::Failed(reason)),
            Some(_) | None => Ok(()),
        }
    }

    /// Leaves the library. Those that wait for events are in it as well, and it is not left before they are.
    fn leave(&mut self) {
        self.library = Library::Left;
        let watchers: Vec<_> = self.devices.iter_mut().filter_map(Device::detach).collect();
        watchers.iter().for_each(Watcher::wait_for_end);
    }

    /// Leaves the library where the next reading is far away, as the last one was.
    fn release(&mut self, at: Moment) {
        let Some(after) = self.options.release_after else { return };
        let after_ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        if self.last_ns.is_none_or(|last_ns| at.now_ns.saturating_sub(last_ns) >= after_ns) {
            self.leave();
        }
    }
}

impl Collector for Gpu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        if self.visible.is_none() {
            return Err(Error::absent(NAME, "CUDA_VISIBLE_DEVICES shows no GPU"));
        }
        let read = self.read(at, out);
        self.last_ns = Some(at.now_ns);
        let Err(refusal) = read else { return Ok(()) };
        self.devices.iter_mut().for_each(Device::interrupt);
        let error = self.error(&refusal);
        self.refuse(at, refusal);
        Err(error)
    }

    /// The driver itself looks six times a second at most.
    fn at_most_every(&self) -> Duration {
        Duration::from_millis(100)
    }

    /// Entering the library wakes GPUs that nobody uses, which takes a second or two each.
    fn deadline(&self) -> Duration {
        Duration::from_secs(15)
    }
}
