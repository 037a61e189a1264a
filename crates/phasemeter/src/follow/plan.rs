//! How a run is to be followed: what the program says, what a scheduler says, and what is usual.

use std::path::{Path, PathBuf};
use std::time::Duration;

use phasemeter_analysis::event::{Declared, Flow, PhaseDeclared};
use phasemeter_analysis::scheduler::{Scheduled, scheduled};

use crate::environment::Followed;
use crate::notice;

/// What a run is followed by.
#[derive(Default)]
pub(crate) struct Plan {
    pub(super) folder: Option<PathBuf>,
    pub(super) report: Option<PathBuf>,
    pub(super) worker: Option<String>,
    pub(super) shard: Option<String>,
    pub(super) attempt: Option<u32>,
    pub(super) deadline_unix_ns: Option<u64>,
    pub(super) flow: Option<Flow>,
    pub(super) phases: Vec<PhaseDeclared>,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// Called once, when so much time is left before the deadline.
pub(super) struct Checkpoint {
    pub(super) before: Duration,
    pub(super) call: Box<dyn FnOnce() + Send>,
}

impl Plan {
    /// Fills what the program left open.
    pub(crate) fn or_environment(mut self, environment: &Followed) -> Self {
        let scheduled = scheduled_by(environment);
        self.folder = self.folder.or_else(|| environment.run_dir.as_ref().map(PathBuf::from));
        self.worker = self.worker.or_else(|| environment.worker.clone()).or(scheduled.worker);
        self.attempt = self.attempt.or(scheduled.attempt);
        self.deadline_unix_ns = self.deadline_unix_ns.or(scheduled.deadline_unix_ns);
        self
    }

    /// The id of a run that has none: with a journal each run needs one of its own.
    pub(crate) fn id(&self, environment: &Followed, name: &str, unix_ns: u64) -> String {
        let scheduled = || scheduled_by(environment).run.map(|job| format!("{name}-{job}"));
        let timed = || match &self.folder {
            Some(_) => format!("{name}-{}", timestamp(unix_ns)),
            None => name.to_owned(),
        };
        environment.run_id.clone().or_else(scheduled).unwrap_or_else(timed)
    }

    /// What the run says of itself when it begins.
    pub(super) fn declared(&self, pipeline: &str, run: &str) -> Declared {
        let host = host(Path::new("/proc/sys/kernel/hostname"));
        let worker = self.worker.clone().unwrap_or_else(|| format!("{host}-{}", std::process::id()));
        Declared {
            pipeline: pipeline.to_owned(),
            run: run.to_owned(),
            worker,
            host,
            attempt: self.attempt.unwrap_or(1).max(1),
            shard: self.shard.clone(),
            deadline_unix_ns: self.deadline_unix_ns,
            flow: self.flow,
            phases: self.phases.clone(),
        }
    }
}

/// A variable that a scheduler has wrong is said, and all of them are left out.
fn scheduled_by(environment: &Followed) -> Scheduled {
    let set = |name: &str| environment.scheduler.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
    scheduled(set).unwrap_or_else(|error| {
        notice::say(&format!("what the scheduler says of this job is ignored: {error}"));
        Scheduled::default()
    })
}

fn host(file: &Path) -> String {
    let of_file = std::fs::read_to_string(file).ok();
    let name = of_file.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// As `20261125T093000.123Z`.
fn timestamp(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let milli = unix_ns / 1_000_000 % 1_000;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}.{milli:03}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// The Gregorian date so many days after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_an_id_is_called_by_its_begin_where_it_leaves_a_journal() {
        let at = 1_795_599_000_123_000_000; // 2026-11-25 09:30:00.123
        let nothing = Followed::default();
        assert_eq!(Plan::default().id(&nothing, "nightly", at), "nightly");
        let journaled = Plan { folder: Some("runs".into()), ..Plan::default() };
        assert_eq!(journaled.id(&nothing, "nightly", at), "nightly-20261125T093000.123Z");
        let named = Followed { run_id: Some("mine".into()), ..Followed::default() };
        assert_eq!(journaled.id(&named, "nightly", at), "mine");
        let slurm = Followed { scheduler: vec![("SLURM_JOB_ID", "77".into())], ..Followed::default() };
        assert_eq!(journaled.id(&slurm, "nightly", at), "nightly-slurm-77");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(
            (date(0), date(59), date(364), date(365)),
            ((1970, 1, 1), (1970, 3, 1), (1970, 12, 31), (1971, 1, 1))
        );
        assert_eq!((date(11_016), date(11_017)), ((2000, 2, 29), (2000, 3, 1)));
        assert_eq!(date(20_782), (2026, 11, 25));
    }

    #[test]
    fn what_the_program_says_is_stronger_than_what_a_scheduler_does() {
        let slurm = [("SLURM_JOB_ID", "7"), ("SLURM_PROCID", "3"), ("SLURM_JOB_END_TIME", "1000")];
        let slurm = slurm.map(|(name, value)| (name, value.to_owned())).to_vec();
        let environment = Followed { scheduler: slurm, ..Followed::default() };
        let own = Plan { worker: Some("w9".into()), ..Plan::default() }.or_environment(&environment);
        assert_eq!((own.worker.as_deref(), own.deadline_unix_ns), (Some("w9"), Some(1_000_000_000_000)));
        assert_eq!(Plan::default().or_environment(&environment).worker.as_deref(), Some("rank3"));
    }
}
