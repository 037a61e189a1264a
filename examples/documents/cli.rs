//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Parser;

/// Makes a folder searchable, and shows where the time goes.
///
/// Every regular file under DIR is read as text, cut into overlapping chunks, embedded and stored: four phases, measured
/// by phasemeter. Open the address that it prints to watch them; Prometheus may scrape /metrics there.
///
/// Symbolic links are not followed; they, sockets, pipes and devices are no files, and are counted apart. Folders of the
/// kernel, such as /proc, are no documents: reading some of their files waits for ever.
#[derive(Debug, Parser)]
#[command(name = "documents", version, after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// The folder to read
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// After the run, print the three documents nearest to these words
    #[arg(long, num_args = 1.., value_name = "WORDS")]
    pub(crate) query: Option<Vec<String>>,

    /// Keep the store in this folder; what an earlier run left there is replaced, once this one is complete
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,

    /// Read no files: answer --query from what an earlier run left in --out, and exit
    #[arg(long, requires_all = ["out", "query"], conflicts_with_all = ["dir", "listen"])]
    pub(crate) query_only: bool,

    /// Threads of each phase but store, which has one [default: as many as the machine runs at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// Let each phase finish before the next begins; memory then grows with the tree
    #[arg(long)]
    pub(crate) sequential: bool,

    /// Skip files larger than this
    #[arg(long, value_name = "N", default_value_t = 16 << 20)]
    pub(crate) max_file_bytes: u64,

    /// Exit when done, rather than serve until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,

    /// With --once: wait this long for one last scrape
    #[arg(long, value_name = "SECONDS", requires = "once")]
    linger: Option<u32>,

    /// Serve on HOST:PORT; port 0 is any free one [default: what OTEL_EXPORTER_PROMETHEUS_HOST and _PORT say, or else
    /// 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,

    /// Leave a journal and a report of the run below this folder, for `phasemeter status` and `phasemeter analyze` [default:
    /// what PHASEMETER_RUN_DIR says, or else none]
    #[arg(long, value_name = "FOLDER", conflicts_with = "query_only")]
    pub(crate) run_dir: Option<PathBuf>,

    /// Print the summary as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const EXIT_STATUS: &str = "Exit status: 0 done, also where files failed or were skipped: the summary says so; 1 the \
                           store, or printing, failed; 2 DIR, --out or another argument cannot be used; 130 \
                           interrupted before done.";

impl Arguments {
    pub(crate) fn workers(&self) -> usize {
        let as_many_as_run_at_once = || thread::available_parallelism().map_or(1, Into::into);
        self.workers.map_or_else(as_many_as_run_at_once, Into::into)
    }

    pub(crate) fn linger(&self) -> Duration {
        Duration::from_secs(self.linger.unwrap_or(0).into())
    }
}

/// Where a browser finds what listens there.
pub(crate) fn url(address: SocketAddr) -> String {
    // 0.0.0.0 is every address of this machine, and none that a browser could open.
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[track_caller]
    fn check(line: &str, is_accepted: bool) {
        let parsed = Arguments::try_parse_from(line.split(' '));
        assert_eq!(parsed.is_ok(), is_accepted, "{line}: {parsed:?}");
    }

    #[test]
    fn arguments_that_need_each_other_are_asked_for() {
        Arguments::command().debug_assert();
        check("documents", true);
        check("documents some/where --once --linger 5 --query two words", true);
        check("documents --linger 5", false);
        check("documents --out store --query-only --query word", true);
        check("documents --query-only --query word", false);
        check("documents some/where --out store --query-only --query word", false);
        check("documents some/where --run-dir runs", true);
        check("documents --run-dir runs --out store --query-only --query word", false);
        check("documents --workers 0", false);
        check("documents --query", false);
    }

    #[test]
    fn an_unspecified_address_is_opened_as_localhost() {
        assert_eq!(url(SocketAddr::from(([0, 0, 0, 0], 80))), "http://localhost:80");
        assert_eq!(url(SocketAddr::from(([127, 0, 0, 1], 9464))), "http://127.0.0.1:9464");
    }
}
