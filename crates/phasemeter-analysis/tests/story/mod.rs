//! Runs, told in seconds. Each test binary uses a part of it.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(unreachable_pub, reason = "a module of tests")]

pub mod workloads;

use phasemeter_analysis::event::{
    Counted, Counts, Declared, Heartbeat, PhaseBeat, PhaseDeclared, PhaseEnded, PhaseStarted, Resources, RunEnded,
    TotalSet,
};
use phasemeter_analysis::{Event, EventKind, RunState};
use phasemeter_core::Outcome;

pub const S: u64 = 1_000_000_000;
/// 2026-01-01 14:00:00, when every story begins.
pub const EPOCH_S: u64 = 1_767_276_000;

pub fn unix_ns(second: f64) -> u64 {
    EPOCH_S * S + (second * 1e9).round() as u64
}

pub fn phase(name: &str) -> PhaseDeclared {
    PhaseDeclared { name: name.to_owned(), ..PhaseDeclared::default() }
}

pub fn phase_of(name: &str, total: u64, workers: u32) -> PhaseDeclared {
    PhaseDeclared { total: Some(total), workers: Some(workers), ..phase(name) }
}

pub fn on(device: &str, phase: PhaseDeclared) -> PhaseDeclared {
    PhaseDeclared { device: Some(device.to_owned()), ..phase }
}

pub fn counts(ok: u64) -> Counts {
    Counts { ok, ..Counts::default() }
}

pub fn declared(phases: &[PhaseDeclared]) -> Declared {
    Declared {
        pipeline: "papers".to_owned(),
        run: "nightly".to_owned(),
        worker: "w1".to_owned(),
        host: "node1".to_owned(),
        attempt: 1,
        phases: phases.to_vec(),
        ..Declared::default()
    }
}

/// What happens, in any order.
#[derive(Debug, Clone)]
pub struct Story {
    events: Vec<Event>,
    spans: u64,
}

impl Story {
    pub fn of(declared: Declared) -> Self {
        Self { events: vec![Event { at_ns: unix_ns(0.0), event: EventKind::Declared(declared) }], spans: 0 }
    }

    pub fn new(phases: &[PhaseDeclared]) -> Self {
        Self::of(declared(phases))
    }

    #[must_use]
    pub fn at(mut self, second: f64, event: EventKind) -> Self {
        self.push(second, event);
        self
    }

    pub fn push(&mut self, second: f64, event: EventKind) {
        self.events.push(Event { at_ns: unix_ns(second), event });
    }

    pub fn begin(&mut self, phase: &str, lane: u32, second: f64, item: Option<&str>) -> u64 {
        self.spans += 1;
        let started = PhaseStarted {
            span: self.spans,
            phase: phase.to_owned(),
            parent: None,
            lane: Some(lane),
            item: item.map(str::to_owned),
        };
        self.push(second, EventKind::PhaseStarted(started));
        self.spans
    }

    pub fn end(&mut self, span: u64, second: f64) {
        self.push(second, EventKind::PhaseEnded(PhaseEnded { span, outcome: Outcome::Ok }));
    }

    #[must_use]
    pub fn run(mut self, phase: &str, lane: u32, from: f64, to: f64) -> Self {
        let span = self.begin(phase, lane, from, None);
        self.end(span, to);
        self
    }

    #[must_use]
    pub fn inside(mut self, parent: u64, phase: &str, from: f64, to: f64) -> Self {
        self.spans += 1;
        let (span, phase) = (self.spans, phase.to_owned());
        let started = PhaseStarted { span, phase, parent: Some(parent), lane: None, item: None };
        self.push(from, EventKind::PhaseStarted(started));
        self.end(span, to);
        self
    }

    #[must_use]
    pub fn counted(self, second: f64, phase: &str, ok: u64) -> Self {
        self.at(second, EventKind::Counted(Counted { phase: phase.to_owned(), counts: counts(ok) }))
    }

    #[must_use]
    pub fn total(self, second: f64, phase: &str, total: u64) -> Self {
        self.at(second, EventKind::TotalSet(TotalSet { phase: phase.to_owned(), total }))
    }

    #[must_use]
    pub fn beat(self, second: f64, phases: &[PhaseBeat], resources: Option<Resources>) -> Self {
        self.at(second, EventKind::Heartbeat(Heartbeat { phases: phases.to_vec(), resources }))
    }

    #[must_use]
    pub fn over(self, second: f64, outcome: Outcome) -> Self {
        self.at(second, EventKind::RunEnded(RunEnded { outcome, reason: None }))
    }

    /// In the order of their time; of equal ones, as they were told.
    pub fn events(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        events.sort_by_key(|event| event.at_ns);
        events
    }

    /// As they were told.
    pub fn events_as_told(&self) -> Vec<Event> {
        self.events.clone()
    }

    pub fn state(&self) -> RunState {
        RunState::of(&self.events())
    }
}
