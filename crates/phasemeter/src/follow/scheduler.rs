//! What a batch scheduler says of the job that the process is: Slurm, and launchers that give ranks. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The job, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scheduler {
    /// Of an array the array's own: its tasks are workers of one run.
    pub(super) job: Option<String>,
    task: Option<String>,
    rank: Option<String>,
    pub(super) attempt: Option<u32>,
    pub(super) deadline: Option<SystemTime>,
}

impl Scheduler {
    /// From variables that are set.
    pub(super) fn read(variables: &[(&str, String)]) -> Self {
        let of = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.trim().to_owned());
        let ranks = ["SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "RANK"];
        let restarts = of("SLURM_RESTART_COUNT").and_then(|count| count.parse::<u32>().ok());
        let end = of("SLURM_JOB_END_TIME").and_then(|seconds| seconds.parse::<u64>().ok());
        Self {
            job: of("SLURM_ARRAY_JOB_ID").or_else(|| of("SLURM_JOB_ID")),
            task: of("SLURM_ARRAY_TASK_ID"),
            rank: ranks.into_iter().find_map(of),
            attempt: restarts.map(|restarts| restarts.saturating_add(1)),
            deadline: end.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds))),
        }
    }

    /// The same for each attempt at the same part, so that they are one worker.
    pub(super) fn worker(&self) -> Option<String> {
        match (&self.task, &self.rank) {
            (Some(task), Some(rank)) if rank != "0" => Some(format!("task-{task}-rank-{rank}")),
            (Some(task), _) => Some(format!("task-{task}")),
            (None, Some(rank)) => Some(format!("rank-{rank}")),
            (None, None) => None,
        }
    }

    pub(super) fn shard(&self) -> Option<String> {
        match (&self.task, &self.rank) {
            (Some(task), Some(rank)) if rank != "0" => Some(format!("{task}.{rank}")),
            (Some(part), _) | (None, Some(part)) => Some(part.clone()),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Scheduler {
        let owned: Vec<_> = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Scheduler::read(&owned)
    }

    #[test]
    fn tasks_of_an_array_are_workers_of_one_run() {
        let task = read(&[
            ("SLURM_JOB_ID", "12"),
            ("SLURM_ARRAY_JOB_ID", "9"),
            ("SLURM_ARRAY_TASK_ID", "4"),
            ("SLURM_PROCID", "0"),
        ]);
        assert_eq!(
            (task.job.as_deref(), task.worker().as_deref(), task.shard().as_deref()),
            (Some("9"), Some("task-4"), Some("4"))
        );
        let rank = read(&[("SLURM_ARRAY_TASK_ID", "4"), ("SLURM_PROCID", "2")]);
        assert_eq!((rank.worker().as_deref(), rank.shard().as_deref()), (Some("task-4-rank-2"), Some("4.2")));
    }

    #[test]
    fn a_job_that_was_requeued_is_the_next_attempt() {
        assert_eq!(read(&[("SLURM_RESTART_COUNT", "2")]).attempt, Some(3));
        assert_eq!(read(&[("SLURM_RESTART_COUNT", "x"), ("SLURM_JOB_END_TIME", "soon")]), Scheduler::default());
    }

    #[test]
    fn ranks_of_other_launchers_are_ranks() {
        assert_eq!(read(&[("OMPI_COMM_WORLD_RANK", "7")]).worker().as_deref(), Some("rank-7"));
        assert_eq!(read(&[]).worker(), None);
    }
}
