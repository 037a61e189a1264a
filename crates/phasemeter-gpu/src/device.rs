//! One device: what it is asked at which pace, and what adds up over it, whether or not it is there all the time.

use std::sync::Arc;

use phasemeter_core::catalogue::GPU_INFO;
use phasemeter_core::{Labels, Moment, Samples, Value};

use crate::asked::{Asked, Question, Tally, Trouble};
use crate::counters::Counters;
use crate::events::Watcher;
use crate::found::Found;
use crate::marks::Marks;
use crate::memory::Memory;
use crate::pace::Paced;
use crate::power::Power;
use crate::second::{self, Bus};
use crate::seldom::{self, Rows, Whose};
use crate::states::{State, States};
use crate::work::Work;
use crate::xids::Xids;

/// A device that was seen.
pub(crate) struct Device {
    marks: Marks,
    place: (u32, Option<u32>),
    model: String,
    bus_id: String,
    mig_parent: Option<String>,
    /// `None` while it does not answer.
    asked: Option<Asked>,
    is_lost: bool,
    /// Made once for each time that it is found.
    info: Option<Labels>,
    memory: Memory,
    work: Work,
    power: Power,
    bus: Bus,
    counters: Counters,
    each_second: Paced,
    seldom: Paced,
    rows: Rows,
    states: States,
    xids: Arc<Xids>,
    watcher: Option<Watcher>,
}

/// What holds for all devices in one reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) at: Moment,
    pub(crate) driver: &'a str,
    pub(crate) is_agent: bool,
    /// Whether the library stays entered until the next reading.
    pub(crate) is_kept: bool,
}

const SECOND_NS: u64 = 1_000_000_000;

impl Device {
    pub(crate) fn new(found: &Found) -> Self {
        let name = match found.place {
            (gpu, None) => gpu.to_string(),
            (gpu, Some(part)) => format!("{gpu}:{part}"),
        };
        let marks = Marks::new(&found.candidate.uuid, &name);
        Self {
            work: Work::new(&marks),
            states: States::new(&marks),
            marks,
            place: found.place,
            model: found.candidate.model.clone(),
            bus_id: found.bus_id.clone(),
            mig_parent: found.candidate.mig_parent.clone(),
            asked: None,
            is_lost: false,
            info: None,
            memory: Memory::new(),
            power: Power::new(),
            bus: Bus::default(),
            counters: Counters::default(),
            each_second: Paced::new(SECOND_NS),
            seldom: Paced::new(10 * SECOND_NS),
            rows: Rows::default(),
            xids: Arc::default(),
            watcher: None,
        }
    }

    pub(crate) fn uuid(&self) -> &str {
        &self.marks.uuid
    }

    pub(crate) fn place(&self) -> (u32, Option<u32>) {
        self.place
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.asked.is_some()
    }

    /// It is there, maybe again, and maybe with another number.
    pub(crate) fn attach(&mut self, found: Found) {
        if self.place != found.place {
            let renamed = Self { xids: self.xids.clone(), ..Self::new(&found) };
            *self = renamed;
        }
        self.asked = Some(Asked::new(found.handle));
        self.is_lost = false;
        self.info = None;
    }

    /// The library is left; whoever still waits for events is on the way. What adds up goes on adding up.
    pub(crate) fn detach(&mut self) -> Option<Watcher> {
        self.asked = None;
        self.counters.forget();
        self.watcher.take().inspect(Watcher::end)
    }

    /// What is meanwhile is not known.
    pub(crate) fn interrupt(&mut self) {
        self.memory.interrupt();
        self.work.interrupt();
        self.power.interrupt();
        self.bus.interrupt();
        self.each_second.forget();
        self.seldom.forget();
    }

    pub(crate) fn lose(&mut self) {
        let _on_the_way = self.detach();
        self.interrupt();
        self.is_lost = true;
    }

    /// What it answered since this was asked before.
    pub(crate) fn take_tally(&mut self) -> Tally {
        self.asked.as_mut().map(Asked::take_tally).unwrap_or_default()
    }

    /// What stands when this fails is not to be shown.
    pub(crate) fn sample(&mut self, reading: Reading<'_>, out: &mut Samples) -> Result<(), Trouble> {
        let Some(asked) = &mut self.asked else { return Ok(()) };
        let at = reading.at;
        self.memory.often(at, asked, &self.marks, out)?;
        if self.mig_parent.is_none() {
            if reading.is_agent && reading.is_kept && self.watcher.is_none() {
                self.watcher = Watcher::start(asked.handle().clone(), self.xids.clone());
            }
            if let Some(fresh) = self.each_second.due(at) {
                let instant_milliwatts = second::read(asked, &mut self.bus, &self.marks, fresh)?;
                self.power.each_second(at, instant_milliwatts, asked, (&self.marks, &mut *fresh))?;
                self.work.each_second(at, asked)?;
                if reading.is_agent {
                    second::links(asked, &self.marks, fresh)?;
                    self.counters.read(asked, &self.marks, fresh)?;
                }
            }
            if let Some(fresh) = self.seldom.due(at) {
                let whose = if reading.is_agent { Whose::All } else { Whose::Own(std::process::id()) };
                self.rows = seldom::read(asked, &self.marks, whose, fresh)?;
                // The next sample starts another one.
                self.watcher.take_if(|watcher| watcher.has_failed());
            }
            self.work.often(at, asked, &self.marks, out)?;
            self.power.often(at, &self.marks, out);
            out.append(self.each_second.latest());
            out.append(self.seldom.latest());
        }
        self.info(reading.driver, out)
    }

    fn info(&mut self, driver: &str, out: &mut Samples) -> Result<(), Trouble> {
        if self.info.is_none() {
            let Some(asked) = &mut self.asked else { return Ok(()) };
            let vbios = asked.ask(Question::Vbios, |device| device.vbios_version())?.unwrap_or_default();
            // What is not known is an empty value, and so no label.
            self.info = Some(self.marks.with(&[
                ("driver_version", driver),
                ("mig_parent", self.mig_parent.as_deref().unwrap_or_default()),
                ("model", &self.model),
                ("pci_bus_id", &self.bus_id),
                ("vbios_version", &vbios),
            ]));
        }
        if let Some(info) = &self.info {
            out.push(&GPU_INFO, info.clone(), Value::Level(1));
        }
        Ok(())
    }

    /// How it is, and what it told of its own accord; that is shown of a lost one as well.
    pub(crate) fn sample_state(&self, reading: Reading<'_>, tally: &Tally, out: &mut Samples) {
        if self.mig_parent.is_some() {
            return;
        }
        let state = match (self.is_lost, tally.is_silence(), self.rows) {
            (true, _, _) => State::Failed,
            (false, true, _) | (false, false, Rows::Broken) => State::Degraded,
            (false, false, Rows::Sound) => State::Ok,
        };
        self.states.sample(state, out);
        if reading.is_agent {
            self.xids.sample(reading.at, &self.marks, out);
        }
    }
}
