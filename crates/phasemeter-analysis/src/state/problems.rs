//! What is wrong with a run's events, in words: nothing fails because of it, and nothing hides it.

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum ProblemKind {
    /// The clock was set back.
    ClockWentBack,
    /// A total became smaller.
    TotalShrank,
    /// A total is 0.
    TotalIsZero,
    /// More was processed than there was to be.
    TotalExceeded,
    /// A run of a phase began and never ended.
    NeverEnded,
    /// A run of a phase ended that never began, or ended twice.
    NeverBegan,
    /// Two processes write as one worker.
    TwoWriters,
    /// Something happened after the end.
    AfterEnd,
    /// There is no room for it.
    TooMany,
    /// Something happened before the run was declared.
    NotDeclared,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// Where.
    pub phase: Option<String>,
    /// In words, as it was seen last.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// At most one of a kind and phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Notes one.
    pub(crate) fn note(&mut self, kind: ProblemKind, phase: Option<&str>, message: impl FnOnce() -> String) {
        let known = self.list.iter_mut().find(|problem| problem.kind == kind && problem.phase.as_deref() == phase);
        match known {
            // Words are made for the first few only: a journal may hold millions of them.
            Some(problem) => {
                problem.count += 1;
                if problem.count < 100 {
                    problem.message = message();
                }
            }
            None => {
                self.list.push(Problem { kind, phase: phase.map(str::to_owned), message: message(), count: 1 });
                self.list.sort_by(|one, two| (one.kind, &one.phase).cmp(&(two.kind, &two.phase)));
            }
        }
    }

    /// Sorted by kind and phase.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.list
    }

    /// Whether there is one of this kind.
    #[must_use]
    pub fn has(&self, kind: ProblemKind) -> bool {
        self.list.iter().any(|problem| problem.kind == kind)
    }
}
