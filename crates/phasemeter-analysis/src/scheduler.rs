//! What batch schedulers and launchers tell a program in its variables: which run, which worker, which attempt, and when
//! it has to be over. Pure: who reads variables is the caller.

use crate::error::Error;

/// What is known from variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scheduled {
    /// The run's id, the same for every worker and attempt.
    pub run: Option<String>,
    /// The worker among those of the run, by array task and rank.
    pub worker: Option<String>,
    /// Which attempt this is, from 1.
    pub attempt: Option<u32>,
    /// When the program will be ended, since the Unix epoch.
    pub deadline_unix_ns: Option<u64>,
}

/// One scheduler or launcher, by the variables that it sets.
struct Dialect {
    name: &'static str,
    /// The id of the whole job, the best one first.
    job: &'static [&'static str],
    /// Which task of an array.
    task: &'static [&'static str],
    /// How often it was begun anew.
    restarts: &'static [&'static str],
    /// When it ends, in seconds since the Unix epoch.
    end: &'static [&'static str],
}

static DIALECTS: [Dialect; 5] = [
    Dialect {
        name: "slurm",
        job: &["SLURM_ARRAY_JOB_ID", "SLURM_JOB_ID"],
        task: &["SLURM_ARRAY_TASK_ID"],
        restarts: &["SLURM_RESTART_COUNT"],
        end: &["SLURM_JOB_END_TIME"],
    },
    Dialect { name: "pbs", job: &["PBS_JOBID"], task: &["PBS_ARRAY_INDEX"], restarts: &[], end: &[] },
    Dialect { name: "lsf", job: &["LSB_JOBID"], task: &["LSB_JOBINDEX"], restarts: &[], end: &[] },
    Dialect {
        name: "torch",
        job: &["TORCHELASTIC_RUN_ID"],
        task: &[],
        restarts: &["TORCHELASTIC_RESTART_COUNT"],
        end: &[],
    },
    Dialect {
        name: "batch",
        job: &["AWS_BATCH_JOB_ID"],
        task: &["AWS_BATCH_JOB_ARRAY_INDEX"],
        restarts: &[],
        end: &[],
    },
];

/// Which process of a job that has several, whoever has launched it.
static RANKS: [&str; 4] = ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"];

/// The variables that are read, by their names.
pub fn variables() -> impl Iterator<Item = &'static str> {
    let of =
        |dialect: &'static Dialect| [dialect.job, dialect.task, dialect.restarts, dialect.end].into_iter().flatten();
    DIALECTS.iter().flat_map(of).chain(&RANKS).copied()
}

/// Reads what schedulers say, with `variable` to look variables up. Empty ones are taken as not set.
///
/// # Errors
///
/// A variable that has to be a number is none.
pub fn scheduled(variable: impl Fn(&str) -> Option<String>) -> Result<Scheduled, Error> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, set(name)?)));
    let mut scheduled = Scheduled::default();
    let mut parts = Vec::new();
    if let Some((dialect, (_, job))) = DIALECTS.iter().find_map(|dialect| Some((dialect, first(dialect.job)?))) {
        // PBS and AWS write the task into the job's id as well; tasks of one array are one run.
        let job = job.split(['[', ':']).next().unwrap_or(&job);
        scheduled.run = Some(format!("{}-{}", dialect.name, word(job)));
        parts.extend(first(dialect.task).map(|(_, task)| format!("task{}", word(&task))));
        let restarts = first(dialect.restarts).map(|(name, value)| number(name, &value)).transpose()?;
        let attempt = restarts.map(|restarts| restarts.saturating_add(1));
        scheduled.attempt = attempt.map(|attempt| u32::try_from(attempt).unwrap_or(u32::MAX));
        let end_s = first(dialect.end).map(|(name, value)| number(name, &value)).transpose()?;
        scheduled.deadline_unix_ns = end_s.map(|end_s| end_s.saturating_mul(1_000_000_000));
    }
    if let Some((name, rank)) = first(&RANKS) {
        parts.push(format!("rank{}", number(name, &rank)?));
    }
    scheduled.worker = (!parts.is_empty()).then(|| parts.join("-"));
    Ok(scheduled)
}

fn number(name: &str, value: &str) -> Result<u64, Error> {
    value.trim().parse().map_err(|_| Error::variable(name, value))
}

/// As a part of a file's name.
fn word(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '_' };
    text.trim().chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Scheduled, Error> {
        scheduled(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], run: Option<&str>, worker: Option<&str>, attempt: Option<u32>) {
        let found = read(variables).expect("its numbers are numbers");
        assert_eq!((found.run.as_deref(), found.worker.as_deref(), found.attempt), (run, worker, attempt));
    }

    #[test]
    fn a_program_that_nobody_scheduled_knows_nothing() {
        check(&[("HOME", "/root"), ("SLURM_JOB_ID", " ")], None, None, None);
    }

    #[test]
    fn slurm_tells_the_run_the_worker_the_attempt_and_the_limit() {
        let variables = [
            ("SLURM_JOB_ID", "1234"),
            ("SLURM_ARRAY_JOB_ID", "1200"),
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_PROCID", "3"),
            ("SLURM_RESTART_COUNT", "2"),
            ("SLURM_JOB_END_TIME", "1767276000"),
        ];
        check(&variables, Some("slurm-1200"), Some("task7-rank3"), Some(3));
        let limit = read(&variables).expect("its numbers are numbers").deadline_unix_ns;
        assert_eq!(limit, Some(1_767_276_000_000_000_000));
        check(&variables[..1], Some("slurm-1234"), None, None);
    }

    #[test]
    fn others_tell_what_they_know() {
        check(&[("PBS_JOBID", "99[4].server"), ("PBS_ARRAY_INDEX", "4")], Some("pbs-99"), Some("task4"), None);
        check(&[("LSB_JOBID", "5"), ("LSB_JOBINDEX", "1")], Some("lsf-5"), Some("task1"), None);
        let torch = [("TORCHELASTIC_RUN_ID", "a/b"), ("RANK", "0"), ("TORCHELASTIC_RESTART_COUNT", "0")];
        check(&torch, Some("torch-a_b"), Some("rank0"), Some(1));
        check(&[("OMPI_COMM_WORLD_RANK", "12")], None, Some("rank12"), None);
    }

    #[test]
    fn a_number_that_is_none_is_refused_by_its_name() {
        let error = read(&[("SLURM_JOB_ID", "1"), ("SLURM_JOB_END_TIME", "tomorrow")]).expect_err("it is none");
        assert!(error.is_variable());
        assert_eq!(
            error.to_string(),
            "SLURM_JOB_END_TIME is \"tomorrow\" and should be a whole number: set it to one, or unset it"
        );
    }
}
