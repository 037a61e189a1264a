//! A workload: one thing to do, and the subjects that do it.

use phasemeter::Level;

/// Does it this many times.
pub type Turns = Box<dyn FnMut(u64)>;

/// One thing to do again and again.
pub struct Workload {
    /// What it is called on the command line and in the results.
    pub name: &'static str,
    /// What one operation is.
    pub operation: &'static str,
    /// The ways to do it, in the order in which they are shown.
    pub subjects: Vec<Subject>,
}

/// One way to do it.
pub struct Subject {
    /// What it is called beside the workload's name.
    pub name: String,
    /// Whether the program is to have the counting allocator, as programs have that measure at level profiling.
    pub counts_allocations: bool,
    /// How many operations one turn makes.
    pub operations_per_turn: u64,
    /// Puts what stands behind it in place: a Meter at its level, a subscriber.
    behind: Box<dyn Fn()>,
    begin: fn() -> Turns,
}

impl Workload {
    /// A workload whose subjects are still to come.
    #[must_use]
    pub fn new(name: &'static str, operation: &'static str) -> Self {
        Self { name, operation, subjects: Vec::new() }
    }

    /// One subject more: what stands behind it, and what it does. Both are called once in a process, which then measures
    /// nothing else, so they may set what is global to a process.
    #[must_use]
    pub fn subject(mut self, name: &str, behind: impl Fn() + 'static, begin: fn() -> Turns) -> Self {
        let (name, behind) = (name.to_owned(), Box::new(behind));
        self.subjects.push(Subject { name, counts_allocations: false, operations_per_turn: 1, behind, begin });
        self
    }

    /// One subject for each level, with something to tell it from others at the same level.
    #[must_use]
    pub fn at_each_level(mut self, setting: &str, behind: fn(Level), begin: fn() -> Turns) -> Self {
        for level in Level::ALL {
            let name = if setting.is_empty() { level.to_string() } else { format!("{level}, {setting}") };
            self = self.subject(&name, move || behind(level), begin);
            if let Some(subject) = self.subjects.last_mut() {
                subject.counts_allocations = level == Level::Profiling;
            }
        }
        self
    }

    /// What all subjects so far do in one turn is so many operations.
    #[must_use]
    pub fn operations_per_turn(mut self, operations: u64) -> Self {
        self.subjects.iter_mut().for_each(|subject| subject.operations_per_turn = operations);
        self
    }

    /// The names of its subjects with its own.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.subjects.iter().map(|subject| format!("{}/{}", self.name, subject.name))
    }
}

impl Subject {
    /// Makes ready.
    #[must_use]
    pub fn prepare(&self) -> Turns {
        (self.behind)();
        (self.begin)()
    }
}

/// The turn, again and again, in a loop of its own that is compiled for it.
pub fn turns(mut turn: impl FnMut() + 'static) -> Turns {
    Box::new(move |count| (0..count).for_each(|_| turn()))
}
