//! Starts a fresh process for each number, in an order that is drawn anew each round: what the machine does meanwhile
//! meets every subject alike, and no subject always follows the same other one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::child::COUNTED;
use crate::results::{Row, Spread};
use crate::workload::{Pace, Program, Subject, Workload};
use crate::workloads;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Processes of each subject for nanoseconds.
    pub rounds: usize,
    /// Slices of each process.
    pub slices: usize,
    /// Operations for allocations and instructions.
    pub operations: u64,
    /// Whether what takes longest is measured too.
    pub is_whole: bool,
}

/// Enough for conclusions.
pub const FULL: Effort = Effort { rounds: 21, slices: 30, operations: 10_000, is_whole: true };

/// Enough to see whether something is amiss.
pub const QUICK: Effort = Effort { rounds: 5, slices: 15, operations: 2_000, is_whole: false };

/// Programs that differ in their allocator.
#[derive(Debug, Clone)]
pub struct Programs {
    plain: PathBuf,
    counting: PathBuf,
    live: PathBuf,
}

/// One subject, as it is started.
struct Job {
    workload: &'static str,
    operation: &'static str,
    unit: &'static str,
    subject: Subject,
}

impl Programs {
    /// This program and those beside it.
    pub fn here() -> Result<Self, String> {
        let plain = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let beside = |name: &str| plain.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let [counting, live] = ["bench-counting", "bench-live"].map(beside);
        if let Some(missing) = [&counting, &live].into_iter().find(|program| !program.exists()) {
            return Err(format!("{} is not there: build all programs, as `cargo xtask bench` does", missing.display()));
        }
        Ok(Self { plain, counting, live })
    }

    fn of(&self, job: &Job) -> &Path {
        match job.subject.program {
            Program::Plain => &self.plain,
            Program::Counting => &self.counting,
            Program::Live => &self.live,
        }
    }
}

/// Why callgrind cannot count; nothing where it can.
#[must_use]
pub fn no_callgrind() -> Option<String> {
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("valgrind --version: {}", output.status)),
        Err(error) => Some(format!("valgrind cannot be started: {error}")),
    }
}

/// Measures everything whose name has this in it. Instructions only where callgrind is there.
pub fn measure(effort: Effort, seed: u64, only: &str, with_callgrind: bool) -> Result<Vec<Row>, String> {
    let programs = Programs::here()?;
    let is_wanted = |job: &Job| job.name().contains(only) && (effort.is_whole || job.subject.pace != Pace::Huge);
    let jobs = workloads::all().into_iter().flat_map(jobs_of).filter(is_wanted);
    let jobs: Vec<Job> = jobs.filter(|job| job.can_be_measured()).collect();
    if jobs.is_empty() {
        return Err(format!("nothing has {only:?} in its name: `list` names what there is"));
    }
    let mut allocations = allocations(&programs, &jobs, effort)?.into_iter();
    let mut instructions =
        if with_callgrind { all_instructions(&programs, &jobs, effort)? } else { Vec::new() }.into_iter();
    let mut values = values(&programs, &jobs, effort, seed)?;
    let row = |(place, job): (usize, &Job)| Row {
        workload: job.workload.to_owned(),
        operation: job.operation.to_owned(),
        subject: job.subject.name.clone(),
        unit: job.unit.to_owned(),
        value: values
            .get_mut(&place)
            .and_then(|values| Spread::of(values))
            .expect("invariant: each job was timed in each round"),
        instructions: instructions.next().flatten(),
        allocations: allocations.next().flatten(),
    };
    Ok(jobs.iter().enumerate().map(row).collect())
}

fn allocations(programs: &Programs, jobs: &[Job], effort: Effort) -> Result<Vec<Option<f64>>, String> {
    say("allocations");
    let of = |job: &Job| {
        let turns = job.turns(effort).to_string();
        number(&run(&mut child(&programs.counting, &["allocate", &job.name(), &turns]))?)
    };
    each(jobs, |job| job.can_be_counted().then(|| of(job)).transpose())
}

fn all_instructions(programs: &Programs, jobs: &[Job], effort: Effort) -> Result<Vec<Option<f64>>, String> {
    say("instructions");
    let is_counted = |job: &Job| job.can_be_counted() && job.subject.pace != Pace::Huge;
    each(jobs, |job| is_counted(job).then(|| instructions(programs.of(job), job, effort)).transpose())
}

fn jobs_of(workload: Workload) -> Vec<Job> {
    let Workload { name, operation, unit, subjects } = workload;
    subjects.into_iter().map(|subject| Job { workload: name, operation, unit, subject }).collect()
}

impl Job {
    fn name(&self) -> String {
        format!("{}/{}", self.workload, self.subject.name)
    }

    /// Says what is missing where it cannot.
    fn can_be_measured(&self) -> bool {
        let missing = (self.subject.missing)();
        if let Some(reason) = &missing {
            eprintln!("{} is not measured: {reason}", self.name());
        }
        missing.is_none()
    }

    /// Allocations and instructions are those of the thread that makes the turns, and of no other one.
    fn can_be_counted(&self) -> bool {
        self.subject.is_turns() && self.subject.threads == 1
    }

    /// As many operations, whether a turn makes one or many of them.
    fn turns(&self, effort: Effort) -> u64 {
        match self.subject.pace {
            Pace::Short | Pace::Later => (effort.operations / self.subject.operations_per_turn).max(10),
            Pace::Long | Pace::Huge => 1,
        }
    }
}

/// One process after the other: two at once would wait for each other's memory.
fn values(programs: &Programs, jobs: &[Job], effort: Effort, seed: u64) -> Result<BTreeMap<usize, Vec<f64>>, String> {
    let mut values: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    let mut chance = Chance::new(seed);
    for round in 1..=effort.rounds {
        say(&format!("nanoseconds, round {round} of {}", effort.rounds));
        chance.shuffle(&mut order);
        let of_round = |(_, job): &(usize, &Job)| round <= job.subject.pace.rounds(effort.rounds);
        for (place, job) in order.iter().filter_map(|place| Some((*place, jobs.get(*place)?))).filter(of_round) {
            let slices = effort.slices.to_string();
            let said = run(&mut child(programs.of(job), &["time", &job.name(), &slices]))?;
            values.entry(place).or_default().push(number(&said)?);
        }
    }
    Ok(values)
}

/// What callgrind counts from when the turns begin to when they end.
fn instructions(program: &Path, job: &Job, effort: Effort) -> Result<f64, String> {
    let (program, name, turns) = (program.to_string_lossy(), job.name(), job.turns(effort));
    let toggle = format!("--toggle-collect={COUNTED}");
    let mut callgrind = child(Path::new("valgrind"), &["--tool=callgrind", "--callgrind-out-file=/dev/null", &toggle]);
    let output = run(callgrind.args([&*program, "repeat", &name, &turns.to_string()]))?;
    let collected = collected(&String::from_utf8_lossy(&output.stderr)).filter(|collected| *collected > 0);
    let collected = collected.ok_or_else(|| format!("callgrind counted nothing of {name}"))?;
    Ok(collected as f64 / (turns * job.subject.operations_per_turn) as f64)
}

/// What callgrind counted, from what it says at its end: `==1== Collected : 1234`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

/// Does it for each job, on as many threads as there are cores; for what does not depend on how long it takes.
fn each<T: Send>(jobs: &[Job], measure: impl Fn(&Job) -> Result<T, String> + Sync) -> Result<Vec<T>, String> {
    let next = AtomicUsize::new(0);
    let measured = Mutex::new(BTreeMap::new());
    let work = || {
        // Relaxed: it only hands out places.
        while let Some((place, job)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, jobs.get(n)?)))
        {
            let result = measure(job);
            measured.lock().expect("invariant: nobody panics with it").insert(place, result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    measured.into_inner().expect("invariant: nobody panics with it").into_values().collect()
}

/// A program without the environment of this one, which would move its stack and could set its level.
fn child(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    command
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

fn number(output: &Output) -> Result<f64, String> {
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().map_err(|_| format!("cannot parse a number from {said:?}"))
}

fn say(what: &str) {
    eprintln!("measuring {what}");
}

/// Where the order of the processes comes from: xorshift, which is enough to shuffle.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        // Never 0, which it would not leave again.
        Self(seed.max(1))
    }

    fn below(&mut self, bound: usize) -> usize {
        let mut state = self.0;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0 = state;
        (state >> 16) as usize % bound.max(1)
    }

    fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_says_is_understood() {
        let said = "==7== Events    : Ir\n==7== Collected : 187654\n==7== I   refs:      187,654\n";
        assert_eq!(collected(said), Some(187_654));
        assert_eq!(collected("==7== nothing\n"), None);
    }

    #[test]
    fn a_shuffle_keeps_everything_and_follows_its_seed() {
        let shuffled = |seed| {
            let mut order: Vec<_> = (0..50).collect();
            Chance::new(seed).shuffle(&mut order);
            order
        };
        assert_eq!((shuffled(5), shuffled(0)), (shuffled(5), shuffled(0)));
        assert_ne!(shuffled(5), shuffled(9));
        let mut sorted = shuffled(5);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
