//! A workload: one thing to do, and the subjects that do it.

use std::sync::Arc;
use std::time::Duration;

use phasemeter::Level;

use crate::threads;

/// Does it this many times.
pub type Turns = Box<dyn FnMut(u64)>;

/// One thing to do again and again.
pub struct Workload {
    /// What it is called on the command line and in the results.
    pub name: &'static str,
    /// What one operation is.
    pub operation: &'static str,
    /// What its numbers are in.
    pub unit: &'static str,
    /// The ways to do it, in the order in which they are shown.
    pub subjects: Vec<Subject>,
}

/// What the numbers of a workload are in where it says nothing else: CPU time of the process.
pub const NANOSECONDS: &str = "ns";

/// One way to do it.
#[derive(Clone)]
pub struct Subject {
    /// What it is called beside the workload's name.
    pub name: String,
    /// Which program it is measured in.
    pub program: Program,
    /// How many operations one turn makes, on all threads together.
    pub operations_per_turn: u64,
    /// On how many threads at once each turn is made.
    pub threads: usize,
    /// How long a turn takes, about.
    pub pace: Pace,
    /// Why it cannot be measured on this machine; nothing where it can.
    pub missing: fn() -> Option<String>,
    /// Puts what stands behind it in place: a Meter at its level, a subscriber.
    behind: Arc<dyn Fn() + Send + Sync>,
    way: Way,
}

/// How its number is found.
#[derive(Clone)]
pub enum Way {
    /// By turns, which are timed and counted.
    Turns(Arc<dyn Fn() -> Turns + Send + Sync>),
    /// By itself.
    Number(Arc<dyn Fn() -> f64 + Send + Sync>),
}

/// The programs differ in their allocator alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The system's, as most programs have it.
    Plain,
    /// The counting one, as programs have it that measure at level profiling.
    Counting,
    /// One that knows what is live: for sizes.
    Live,
}

/// How long a turn takes, and so how many of them tell something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Far less than a slice.
    Short,
    /// The same, and threads of its own do a part of the work later: slices are long, and end when nothing is left to do.
    Later,
    /// Some slices.
    Long,
    /// So long that a few of them must do; none under callgrind, none in a quick session.
    Huge,
}

impl Workload {
    /// A workload whose subjects are still to come.
    #[must_use]
    pub fn new(name: &'static str, operation: &'static str) -> Self {
        Self { name, operation, unit: NANOSECONDS, subjects: Vec::new() }
    }

    /// One whose numbers are in something else than nanoseconds of CPU.
    #[must_use]
    pub fn in_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// One subject more: what stands behind it, and what it does. Both are called in a process that measures nothing else,
    /// so they may set what is global to a process; the second one once on each of its threads.
    #[must_use]
    pub fn subject(
        self,
        name: &str,
        behind: impl Fn() + Send + Sync + 'static,
        begin: impl Fn() -> Turns + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Arc::new(behind), Way::Turns(Arc::new(begin)))
    }

    /// One subject more, that finds its number by itself.
    #[must_use]
    pub fn number(self, name: &str, number: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.with(name, Arc::new(|| ()), Way::Number(Arc::new(number)))
    }

    fn with(mut self, name: &str, behind: Arc<dyn Fn() + Send + Sync>, way: Way) -> Self {
        self.subjects.push(Subject {
            name: name.to_owned(),
            program: Program::Plain,
            operations_per_turn: 1,
            threads: 1,
            pace: Pace::Short,
            missing: || None,
            behind,
            way,
        });
        self
    }

    /// One subject for each level, with something to tell it from others at the same level.
    #[must_use]
    pub fn at_each_level(mut self, setting: &str, behind: fn(Level), begin: fn() -> Turns) -> Self {
        for level in Level::ALL {
            let name = if setting.is_empty() { level.to_string() } else { format!("{level}, {setting}") };
            self = self.subject(&name, move || behind(level), begin);
            if let Some(subject) = self.subjects.last_mut().filter(|_| level == Level::Profiling) {
                subject.program = Program::Counting;
            }
        }
        self
    }

    /// Those of the subjects so far also on two threads at once.
    #[must_use]
    pub fn also_on_two_threads(mut self, those: impl Fn(&str) -> bool) -> Self {
        let one_thread = std::mem::take(&mut self.subjects);
        for subject in one_thread {
            if !those(&subject.name) {
                self.subjects.push(subject);
                continue;
            }
            let two_threads = Subject {
                name: on_two_threads(&subject.name),
                threads: 2,
                operations_per_turn: 2 * subject.operations_per_turn,
                ..subject.clone()
            };
            self.subjects.extend([subject, two_threads]);
        }
        self
    }

    /// What all subjects so far do in one turn is so many operations.
    #[must_use]
    pub fn operations_per_turn(mut self, operations: u64) -> Self {
        self.subjects.iter_mut().for_each(|subject| subject.operations_per_turn = operations);
        self
    }

    /// All subjects so far take that long for a turn.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.subjects.iter_mut().for_each(|subject| subject.pace = pace);
        self
    }

    /// Where something is missing, none of the subjects so far is measured.
    #[must_use]
    pub fn unless(mut self, missing: fn() -> Option<String>) -> Self {
        self.subjects.iter_mut().for_each(|subject| subject.missing = missing);
        self
    }

    /// The last subject so far leaves a part of its work to threads of its own.
    #[must_use]
    pub fn works_later(mut self) -> Self {
        if let Some(subject) = self.subjects.last_mut() {
            subject.pace = Pace::Later;
        }
        self
    }

    /// All subjects so far are measured in that program.
    #[must_use]
    pub fn program(mut self, program: Program) -> Self {
        self.subjects.iter_mut().for_each(|subject| subject.program = program);
        self
    }

    /// The names of its subjects with its own.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.subjects.iter().map(|subject| format!("{}/{}", self.name, subject.name))
    }
}

/// What a subject is called on two threads.
#[must_use]
pub fn on_two_threads(name: &str) -> String {
    format!("{name}, 2 threads")
}

impl Subject {
    /// Whether it is timed by turns; otherwise it finds its number by itself.
    #[must_use]
    pub const fn is_turns(&self) -> bool {
        matches!(self.way, Way::Turns(_))
    }

    /// Makes ready.
    #[must_use]
    pub fn prepare(&self) -> Prepared {
        (self.behind)();
        match &self.way {
            Way::Turns(begin) if self.threads == 1 => Prepared::Turns(begin()),
            Way::Turns(begin) => Prepared::Turns(threads::together(self.threads, begin)),
            Way::Number(number) => Prepared::Number(number()),
        }
    }
}

/// What is to be timed, or the number itself.
pub enum Prepared {
    /// To be timed and counted.
    Turns(Turns),
    /// Found.
    Number(f64),
}

impl Pace {
    /// Turns before anything is measured: callsites are registered, cells made, caches warm.
    #[must_use]
    pub const fn warm_up(self) -> u64 {
        match self {
            Self::Short | Self::Later => 1_000,
            Self::Long | Self::Huge => 1,
        }
    }

    /// How many turns the first slice is tried with.
    #[must_use]
    pub const fn first_slice(self) -> u64 {
        match self {
            Self::Short | Self::Later => 16,
            Self::Long | Self::Huge => 1,
        }
    }

    /// How long a slice is: long beside the reading of the clock, and short beside what else the machine does.
    #[must_use]
    pub const fn slice(self) -> Duration {
        match self {
            Self::Short | Self::Long | Self::Huge => Duration::from_millis(1),
            Self::Later => Duration::from_millis(50),
        }
    }

    /// How many of so many slices are enough.
    #[must_use]
    pub fn slices(self, slices: usize) -> usize {
        match self {
            Self::Short => slices,
            Self::Later => (slices / 10).max(1),
            Self::Long => slices.min(7),
            Self::Huge => slices.min(3),
        }
    }

    /// How many of so many processes are enough.
    #[must_use]
    pub fn rounds(self, rounds: usize) -> usize {
        match self {
            Self::Short | Self::Later | Self::Long => rounds,
            Self::Huge => rounds.min(5),
        }
    }
}

/// The turn, again and again, in a loop of its own that is compiled for it.
pub fn turns(mut turn: impl FnMut() + 'static) -> Turns {
    Box::new(move |count| (0..count).for_each(|_| turn()))
}
