//! Looks at the counts once a second, and makes events of them.

use std::collections::BTreeMap;
use std::time::Duration;

use phasemeter_analysis::event::{Declared, Event, EventKind, Heartbeat, PhaseDeclared, Resources, RunEnded, TotalSet};
use phasemeter_analysis::progress::{HighWater, PastRuns};
use phasemeter_analysis::{Progress, RunState};
use phasemeter_core::{Outcome, Samples, Snapshot};

use super::Seen;
use super::in_hand::InHand;
use super::journal::{JournalFile, Target};
use super::machine::Machine;
use super::plan::Plan;
use super::totals::{Total, Totals, totals};
use crate::inner::Inner;
use crate::notice;

pub(super) struct Follower {
    pipeline: Box<str>,
    declared: Declared,
    started_unix_ns: u64,
    plan: Plan,
    state: RunState,
    shown: HighWater,
    /// What the phases had counted before the run.
    before: Totals,
    expected: BTreeMap<Box<str>, u64>,
    in_hand: InHand,
    looks: u64,
    machine: Machine,
    /// Opened on the thread that follows, which may wait for a disk.
    journal: Option<JournalFile>,
}

/// What is in hand is told as often as heartbeats are written.
const IN_HAND_EVERY: u64 = 5;

impl Follower {
    pub(super) fn new(inner: &Inner, mut plan: Plan, pipeline: &str, id: &str) -> Self {
        let moment = inner.clock.moment();
        let before = totals(&inner.registry.read(moment), pipeline);
        // In the order in which the program declared them, which is mostly that of the pipeline.
        let place = |phase: &str, known: &[Box<str>]| known.iter().position(|known| **known == *phase);
        let known = inner.declared_phases();
        let mut named: Vec<_> = before.iter().collect();
        named.sort_by_key(|(phase, _)| place(phase, &known).unwrap_or(usize::MAX));
        for (phase, total) in named {
            let expected = Some(total.expected).filter(|expected| *expected > 0);
            match plan.phases.iter_mut().find(|known| *known.name == **phase) {
                Some(known) => known.total = known.total.or(expected),
                None if total.expected > 0 || !total.is_used() => {
                    plan.phases.push(PhaseDeclared {
                        name: phase.to_string(),
                        total: expected,
                        ..PhaseDeclared::default()
                    });
                }
                None => {}
            }
        }
        let declared = plan.declared(pipeline, id);
        let expected = before.iter().map(|(phase, total)| (phase.clone(), total.expected)).collect();
        Self {
            pipeline: pipeline.into(),
            declared,
            started_unix_ns: moment.unix_ns,
            plan,
            state: RunState::default(),
            shown: HighWater::default(),
            before,
            expected,
            in_hand: InHand::default(),
            looks: 0,
            machine: Machine::default(),
            journal: None,
        }
    }

    /// Opens the journal, and goes on from where earlier attempts came to.
    pub(super) fn begin(&mut self) {
        let target = Target {
            folder: self.plan.folder.as_deref(),
            report: self.plan.report.as_deref(),
            is_attempt_said: self.plan.attempt.is_some(),
        };
        let (journal, before) = JournalFile::open(&target, &mut self.declared);
        (self.journal, self.state) = (Some(journal), before);
        let declared = EventKind::Declared(self.declared.clone());
        self.apply(&Event { at_ns: self.started_unix_ns, event: declared });
    }

    /// Takes in what has happened since the look before.
    pub(super) fn look(&mut self, inner: &Inner) {
        let moment = inner.clock.moment();
        let now = totals(&inner.registry.read(moment), &self.pipeline);
        for (phase, total) in &now {
            let known = self.expected.insert(phase.clone(), total.expected).unwrap_or(0);
            if known != total.expected {
                let set = TotalSet { phase: phase.to_string(), total: total.expected };
                self.apply(&Event { at_ns: moment.unix_ns, event: EventKind::TotalSet(set) });
            }
        }
        // Not between heartbeats that are written, or the journal would tell of times that it knows nothing else of.
        if self.looks % IN_HAND_EVERY == 0 {
            let work = inner.registry.work(moment).into_iter().filter(|work| work.pipeline == self.pipeline);
            for event in self.in_hand.look(&work.collect::<Vec<_>>()) {
                self.apply(&Event { at_ns: moment.unix_ns, event });
            }
        }
        self.looks += 1;
        let phases = now.iter().map(|(phase, total): (&_, &Total)| {
            let before = self.before.get(phase).copied().unwrap_or_default();
            total.beat(phase, &before)
        });
        let phases = phases.collect();
        let resources = inner.collected().map(|snapshot| self.machine.look(&snapshot, moment.now_ns));
        let resources = resources.filter(|resources| *resources != Resources::default());
        self.apply(&Event { at_ns: moment.unix_ns, event: EventKind::Heartbeat(Heartbeat { phases, resources }) });
        self.call_in_time(moment.unix_ns);
    }

    /// How far the run is.
    pub(super) fn tell(&mut self, inner: &Inner) -> Seen {
        let unix_ns = inner.clock.unix_ns();
        let nothing = PastRuns::default();
        let past = self.journal.as_mut().map(|journal| {
            journal.note_failures(&inner.registry);
            journal.past()
        });
        let mut progress = Progress::of(&self.state, past.unwrap_or(&nothing), unix_ns);
        self.shown.hold(&mut progress);
        Seen { unix_ns, progress }
    }

    /// Something that the program says.
    pub(super) fn say(&mut self, inner: &Inner, event: EventKind) {
        self.apply(&Event { at_ns: inner.clock.unix_ns(), event });
    }

    /// The run is over.
    pub(super) fn end(&mut self, inner: &Inner, outcome: Outcome, reason: Option<String>) -> Seen {
        let unix_ns = inner.clock.unix_ns();
        self.apply(&Event { at_ns: unix_ns, event: EventKind::RunEnded(RunEnded { outcome, reason }) });
        if let Some(journal) = &mut self.journal {
            journal.finish(&self.state, unix_ns);
        }
        self.tell(inner)
    }

    fn apply(&mut self, event: &Event) {
        self.state.apply(event);
        if let Some(journal) = &mut self.journal {
            journal.write(event);
        }
    }

    /// The program wanted to know before its time is over.
    fn call_in_time(&mut self, now_unix_ns: u64) {
        let Some(deadline_ns) = self.state.deadline_unix_ns else { return };
        let left = Duration::from_nanos(deadline_ns.saturating_sub(now_unix_ns));
        if self.plan.checkpoint.as_ref().is_some_and(|checkpoint| left <= checkpoint.before) {
            let Some(checkpoint) = self.plan.checkpoint.take() else { return };
            // On a thread of its own: it may take its time, and the run is to be followed meanwhile.
            let thread = std::thread::Builder::new().name("phasemeter-checkpoint".into()).spawn(checkpoint.call);
            if let Err(error) = thread {
                notice::say(&format!("the program could not be called before its deadline: {error}"));
            }
        }
    }
}

impl Inner {
    /// What the collectors have read, where they are at work.
    fn collected(&self) -> Option<Snapshot> {
        let mut samples = Samples::default();
        self.sampler.peek(&mut samples).then(|| Snapshot::new(samples))
    }
}
