//! What the agent is to do: by its flags, or else by the environment, or else as it is by default. An agent that cannot do
//! what it was told does not start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use phasemeter::Collectors;
use phasemeter_collect::{Roots, parse_interval};

use crate::output::Problem;

/// Serve the resources of this machine on /metrics, or print them once.
///
/// Reads the CPUs, memory, disks, file systems, network interfaces, pressure and load of the host, its own process and its
/// control group; what the machine does not have is left out.
///
/// Flags are stronger than the environment. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are shown on target_info.
#[derive(Debug, Default, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// What to read: `all`, or names with commas between; `list` prints the names [env: PHASEMETER_COLLECTORS] [default: all]
    #[arg(long, value_name = "LIST")]
    collectors: Option<String>,

    /// Serve on HOST:PORT; port 0 is any free one [env: OTEL_EXPORTER_PROMETHEUS_HOST and _PORT] [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<String>,

    /// Print everything once and exit, within two seconds where nothing is stuck
    #[arg(long)]
    once: bool,

    /// With --once: how to print it [default: text]
    #[arg(long, requires = "once")]
    format: Option<Format>,

    /// How often to read, as 10ms, 1s or 1m; a number alone is seconds [env: PHASEMETER_INTERVAL] [default: 1s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    interval: Option<String>,

    /// Where the host's / is, for a container that watches its host [env: PHASEMETER_HOST_ROOT] [default: /]
    #[arg(long, value_name = "DIR")]
    host_root: Option<PathBuf>,

    /// CPU time of each logical CPU, in place of the sum of all
    #[arg(long)]
    per_cpu: bool,

    /// File systems that are across a network, or answered by a program (FUSE), as well
    #[arg(long)]
    remote_file_systems: bool,

    /// Tell which collectors find nothing to read
    #[arg(long, short)]
    verbose: bool,
}

const EXIT_STATUS: &str = "Exit status: 0 done, or ended by SIGINT or SIGTERM; 1 with --once, a collector failed or \
                           is stuck: stderr names it; 2 an argument, or a variable, cannot be used.";

/// How a single look is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Prometheus's text format 0.0.4
    Text,
    /// OpenMetrics 1.0
    OpenMetrics,
    /// One JSON object
    Json,
}

/// What it is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    List,
    Once(Format),
    Serve,
}

/// Everything that was said, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) task: Task,
    pub(crate) collectors: Collectors,
    pub(crate) interval: Duration,
    /// Where the flag says to listen.
    pub(crate) listen: Option<String>,
    /// What the library is to see of the environment: it alone says where to listen, and whose resources these are.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Where the environment has none.
    pub(crate) service_name: Option<&'static str>,
    pub(crate) is_verbose: bool,
}

const COLLECTORS: &str = "PHASEMETER_COLLECTORS";
const INTERVAL: &str = "PHASEMETER_INTERVAL";
const HOST_ROOT: &str = "PHASEMETER_HOST_ROOT";
const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// What is left to the library to understand.
const PASSED_ON: [&str; 5] =
    ["OTEL_EXPORTER_PROMETHEUS_HOST", PORT, SERVICE_NAME, "OTEL_RESOURCE_ATTRIBUTES", "PHASEMETER_NVML_LIBRARY"];

const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// A text, and who said it.
struct Said {
    text: String,
    by: &'static str,
}

impl Settings {
    /// By the flags, and by the environment through a look-up. An empty variable counts as unset.
    pub(crate) fn of(arguments: &Arguments, look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let variable = |name: &str| look_up(name).filter(|value| !value.trim().is_empty());
        let said = |flag: Option<&str>, flag_name, variable_name| {
            let of_environment = || variable(variable_name).map(|text| Said { text, by: variable_name });
            flag.map(|text| Said { text: text.to_owned(), by: flag_name }).or_else(of_environment)
        };
        let which = said(arguments.collectors.as_deref(), "--collectors", COLLECTORS);
        let task = match &which {
            Some(Said { text, .. }) if ["help", "list"].contains(&text.trim()) => Task::List,
            _ if arguments.once => Task::Once(arguments.format.unwrap_or(Format::Text)),
            _ => Task::Serve,
        };
        let interval = match said(arguments.interval.as_deref(), "--interval", INTERVAL) {
            Some(said) => parse_interval(&said.text).map_err(|error| said.refused(&error.to_string()))?,
            None => DEFAULT_INTERVAL,
        };
        let mut collectors = Collectors::everything();
        if let Some(which) = which.filter(|_| task != Task::List) {
            collectors = among(collectors, &which)?;
        }
        let of_environment = || variable(HOST_ROOT).map(|root| (PathBuf::from(root), HOST_ROOT));
        if let Some((root, by)) = arguments.host_root.clone().map(|root| (root, "--host-root")).or_else(of_environment)
        {
            collectors = below(collectors, &root, by)?;
        }
        if arguments.per_cpu {
            collectors = collectors.per_cpu();
        }
        if arguments.remote_file_systems {
            collectors = collectors.remote_file_systems();
        }
        if let Some(port) = variable(PORT).filter(|port| port.trim().parse::<u16>().is_err()) {
            let said = Said { text: port, by: PORT };
            return Err(said.refused(&format!("{:?} is no port: it should be from 0 to 65535", said.text)));
        }
        Ok(Self {
            task,
            collectors,
            interval,
            listen: arguments.listen.clone(),
            variables: PASSED_ON.iter().filter_map(|name| Some((*name, variable(name)?))).collect(),
            service_name: variable(SERVICE_NAME).is_none().then_some("phasemeter-agent"),
            is_verbose: arguments.verbose,
        })
    }
}

impl Said {
    fn refused(&self, why: &str) -> Problem {
        Problem::unusable(format!("{}: {why}", self.by))
    }
}

/// All, or those of the list.
fn among(collectors: Collectors, which: &Said) -> Result<Collectors, Problem> {
    let names: Vec<_> = which.text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known: Vec<_> = Collectors::known().map(|(name, _)| name).collect();
    let all = known.join(", ");
    match names.iter().find(|name| !known.contains(*name)) {
        None if names.is_empty() => {
            Err(which.refused(&format!("it names no collector: known are {all}, or all of them")))
        }
        None => Ok(collectors.among(names)),
        Some(&"all") if names.len() == 1 => Ok(collectors),
        Some(unknown) => {
            Err(which.refused(&format!("there is no collector {unknown:?}: known are {all}, or all of them")))
        }
    }
}

fn below(collectors: Collectors, root: &Path, by: &str) -> Result<Collectors, Problem> {
    match Roots::of_host(root) {
        Ok(_) => Ok(collectors.host_root(root)),
        Err(reason) => Err(Problem::unusable(format!("{by}: {reason}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &Arguments, variables: &[(&str, &str)]) -> Result<Settings, Problem> {
        let look_up = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Settings::of(arguments, look_up)
    }

    #[track_caller]
    fn refused(arguments: &Arguments, variables: &[(&str, &str)]) -> String {
        let problem = of(arguments, variables).expect_err("it cannot be used");
        assert_eq!(problem.status, 2);
        problem.message
    }

    fn interval(text: &str) -> Arguments {
        Arguments { interval: Some(text.to_owned()), ..Arguments::default() }
    }

    fn collectors(text: &str) -> Arguments {
        Arguments { collectors: Some(text.to_owned()), ..Arguments::default() }
    }

    #[test]
    fn by_default_everything_is_served_each_second() {
        let settings = of(&Arguments::default(), &[(COLLECTORS, " "), (INTERVAL, "")]).expect("it is the default");
        let expected = Settings {
            task: Task::Serve,
            collectors: Collectors::everything(),
            interval: Duration::from_secs(1),
            listen: None,
            variables: Vec::new(),
            service_name: Some("phasemeter-agent"),
            is_verbose: false,
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_flag_is_stronger_than_the_environment_and_that_than_the_default() {
        let of_environment = [(INTERVAL, "1m"), (COLLECTORS, "load"), (SERVICE_NAME, "host")];
        let settings = of(&Arguments::default(), &of_environment).expect("it can be used");
        assert_eq!(settings.interval, Duration::from_secs(60));
        assert_eq!(settings.collectors, Collectors::everything().among(["load"]));
        assert_eq!((settings.service_name, &*settings.variables), (None, &[(SERVICE_NAME, "host".to_owned())][..]));
        assert_eq!(of(&interval("10ms"), &of_environment).map(|read| read.interval), Ok(Duration::from_millis(10)));
        assert_eq!(of(&interval("2"), &of_environment).map(|read| read.interval), Ok(Duration::from_secs(2)));
        let all = of(&collectors("all"), &of_environment).expect("it can be used");
        assert_eq!(all.collectors, Collectors::everything());
    }

    #[test]
    fn an_interval_that_is_none_is_refused_and_who_said_it_is_named() {
        assert_eq!(refused(&interval("0"), &[]), "--interval: \"0\" is no interval: an interval of 0 never ends");
        assert_eq!(
            refused(&Arguments::default(), &[(INTERVAL, "5d")]),
            "PHASEMETER_INTERVAL: \"5d\" is no interval: its unit is none of ms, s, m, h"
        );
    }

    #[test]
    fn an_unknown_collector_is_told_with_all_that_are_known() {
        let known: Vec<_> = Collectors::known().map(|(name, _)| name).collect();
        let message = refused(&collectors("cpu, cpus"), &[]);
        let expected = format!("there is no collector \"cpus\": known are {}, or all of them", known.join(", "));
        assert_eq!(message, format!("--collectors: {expected}"));
        assert!(refused(&Arguments::default(), &[(COLLECTORS, "cpu,all")]).starts_with("PHASEMETER_COLLECTORS: "));
        assert!(refused(&collectors(","), &[]).starts_with("--collectors: it names no collector"));
    }

    #[test]
    fn the_list_can_be_asked_for_by_two_names() {
        for name in ["list", "help"] {
            assert_eq!(of(&collectors(name), &[]).map(|settings| settings.task), Ok(Task::List));
        }
    }

    #[test]
    fn a_host_root_without_a_proc_is_refused_and_named() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let arguments = Arguments { host_root: Some(empty.path().to_owned()), ..Arguments::default() };
        let message = refused(&arguments, &[]);
        let root = empty.path().display();
        assert!(
            message.starts_with(&format!("--host-root: {root} is no host's root: cannot read {root}/proc")),
            "{message}"
        );
        assert!(
            refused(&Arguments::default(), &[(HOST_ROOT, "/nowhere")]).starts_with("PHASEMETER_HOST_ROOT: /nowhere")
        );
    }

    #[test]
    fn a_port_that_is_none_is_refused() {
        let message = refused(&Arguments::default(), &[(PORT, "http")]);
        assert_eq!(message, "OTEL_EXPORTER_PROMETHEUS_PORT: \"http\" is no port: it should be from 0 to 65535");
    }
}
