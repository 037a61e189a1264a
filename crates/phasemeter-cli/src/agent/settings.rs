//! What the agent is to do: by its flags, or else by the environment, or else by a file, or else as it is by default. An
//! agent that cannot do what it was told does not start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use phasemeter::Collectors;
use phasemeter_collect::Roots;
use phasemeter_config::{Chosen, Config, File, Origin, Reading, Setting, Sources, Value, settings};

use crate::collectors::{among, refused};
use crate::output::Problem;

/// Serve the resources of this machine on /metrics, or print them once.
///
/// Reads the CPUs, memory, disks, file systems, network interfaces, pressure and load of the host, its own process and its
/// control group; what the machine does not have is left out.
///
/// Flags are stronger than the environment, and that than a file of settings. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are shown on target_info.
#[derive(Debug, Default, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// A file of settings, as `phasemeter config check` takes it [env: PHASEMETER_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

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

    /// How often to read, as 10ms, 1s or 1m; a number alone is seconds [env: PHASEMETER_INTERVAL, or MONITORING_INTERVAL] [default: 1s]
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
                           is stuck: stderr names it; 2 an argument, a variable or the file of settings cannot be used.";

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

/// Where the library of the GPUs' driver is, where it is not where it usually is: of a machine, and so not in a file.
const NVML_LIBRARY: &str = "PHASEMETER_NVML_LIBRARY";

/// What is left to the library to understand.
const PASSED_ON: [&Setting; 4] =
    [&settings::ENDPOINT_HOST, &settings::ENDPOINT_PORT, &settings::SERVICE_NAME, &settings::SERVICE_ATTRIBUTES];

impl Settings {
    /// By the flags, by the environment through a look-up, and by a file.
    pub(crate) fn of(
        arguments: &Arguments,
        look_up: &dyn Fn(&str) -> Option<String>,
        file: Option<File<'_>>,
    ) -> Result<Self, Problem> {
        let config = config(arguments, look_up, file)?;
        let which = config.of(&settings::COLLECTORS);
        let task = match &which.value {
            Some(value) if is_said(which) && ["help", "list"].contains(&&*value.to_string()) => Task::List,
            _ if arguments.once => Task::Once(arguments.format.unwrap_or(Format::Text)),
            _ => Task::Serve,
        };
        let mut collectors = Collectors::everything();
        if task != Task::List {
            collectors = among(collectors, which)?;
        }
        let said = config.of(&settings::HOST_ROOT);
        let root = arguments.host_root.clone().or_else(|| plain(said).map(PathBuf::from));
        if let Some(root) = root {
            collectors = below(collectors, &root, said)?;
        }
        if arguments.per_cpu {
            collectors = collectors.per_cpu();
        }
        if arguments.remote_file_systems {
            collectors = collectors.remote_file_systems();
        }
        if let Some(library) = look_up(NVML_LIBRARY).filter(|path| !path.trim().is_empty()) {
            collectors = collectors.nvml_library(library);
        }
        let interval = config.of(&settings::SAMPLE_INTERVAL).value.as_ref().and_then(Value::interval);
        Ok(Self {
            task,
            collectors,
            interval: interval.expect("invariant: there is a default"),
            listen: arguments.listen.clone().or_else(|| listen_of_file(&config)),
            variables: PASSED_ON.iter().filter_map(|setting| passed_on(config.of(setting))).collect(),
            service_name: config.of(&settings::SERVICE_NAME).value.is_none().then_some("phasemeter-agent"),
            is_verbose: arguments.verbose,
        })
    }
}

/// Everything that is set. What variables say wrong of what does not concern the agent is left to whom it does.
fn config(
    arguments: &Arguments,
    look_up: &dyn Fn(&str) -> Option<String>,
    file: Option<File<'_>>,
) -> Result<Config, Problem> {
    let root = arguments.host_root.as_ref().map(|root| root.to_string_lossy());
    let flags: [(&'static Setting, Option<&str>); 3] = [
        (&settings::COLLECTORS, arguments.collectors.as_deref()),
        (&settings::SAMPLE_INTERVAL, arguments.interval.as_deref()),
        (&settings::HOST_ROOT, root.as_deref()),
    ];
    let flags: Vec<_> = flags.into_iter().filter_map(|(setting, text)| Some((setting, text?))).collect();
    let Reading { config, problems } = Config::read(&Sources { flags: &flags, environment: look_up, file });
    let problems =
        problems.iter().filter(|problem| problem.is_of_file() || problem.setting.is_some_and(Setting::is_of_agent));
    Problem::unusable_where(problems.map(ToString::to_string))?;
    Ok(config)
}

/// By whoever starts it: a file never makes a list of an agent.
fn is_said(chosen: &Chosen) -> bool {
    matches!(chosen.origin, Origin::Flag(_) | Origin::Variable(_))
}

/// A value as a variable has it.
fn plain(chosen: &Chosen) -> Option<String> {
    match chosen.value.as_ref()? {
        Value::Text(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// Under the variable's name, whoever said it.
fn passed_on(chosen: &Chosen) -> Option<(&'static str, String)> {
    let name = chosen.setting.variables.first().filter(|_| chosen.origin != Origin::Default)?;
    Some((name, plain(chosen)?))
}

/// Where to listen, where the file has a say in it: then no message should name variables.
fn listen_of_file(config: &Config) -> Option<String> {
    let [host, port] = [&settings::ENDPOINT_HOST, &settings::ENDPOINT_PORT].map(|setting| config.of(setting));
    let is_of_file = |chosen: &Chosen| matches!(chosen.origin, Origin::File { .. });
    let (host_text, port_text) = (plain(host)?, plain(port)?);
    let is_bare_v6 = host_text.contains(':') && !host_text.starts_with('[');
    let address = if is_bare_v6 { format!("[{host_text}]:{port_text}") } else { format!("{host_text}:{port_text}") };
    (is_of_file(host) || is_of_file(port)).then_some(address)
}

fn below(collectors: Collectors, root: &Path, said: &Chosen) -> Result<Collectors, Problem> {
    match Roots::of_host(root) {
        Ok(_) => Ok(collectors.host_root(root)),
        Err(reason) => Err(refused(said, &reason.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTORS: &str = "PHASEMETER_COLLECTORS";
    const INTERVAL: &str = "PHASEMETER_INTERVAL";
    const HOST_ROOT: &str = "PHASEMETER_HOST_ROOT";
    const HOST: &str = "OTEL_EXPORTER_PROMETHEUS_HOST";
    const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";
    const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

    fn of(arguments: &Arguments, variables: &[(&str, &str)]) -> Result<Settings, Problem> {
        with_file(arguments, variables, "monitoring:\n")
    }

    fn with_file(arguments: &Arguments, variables: &[(&str, &str)], text: &str) -> Result<Settings, Problem> {
        let look_up = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Settings::of(arguments, &look_up, Some(File { name: "a.yaml", bytes: text.as_bytes() }))
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

    const FILE: &str = "\
monitoring:
  resources:
    sample_interval: 5
    collectors: [load, cpu]
  endpoint:
    host: ::1
    port: 9100
  service:
    name: of the file
    attributes: team=red,token=abc
";

    #[test]
    fn a_file_is_weaker_than_the_environment_and_that_than_flags() {
        let nothing = Arguments::default();
        let settings = with_file(&nothing, &[], FILE).expect("it can be used");
        assert_eq!(settings.interval, Duration::from_secs(5));
        assert_eq!(settings.collectors, Collectors::everything().among(["load", "cpu"]));
        assert_eq!((settings.listen.as_deref(), settings.service_name), (Some("[::1]:9100"), None));
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "team=red,token=abc".to_owned());
        assert!(settings.variables.contains(&attributes), "{:?}", settings.variables);

        let variables = [(INTERVAL, "2"), (COLLECTORS, "memory"), (HOST, "0.0.0.0"), (SERVICE_NAME, "of variables")];
        let settings = with_file(&nothing, &variables, FILE).expect("it can be used");
        assert_eq!(settings.interval, Duration::from_secs(2));
        assert_eq!(settings.collectors, Collectors::everything().among(["memory"]));
        assert_eq!(settings.listen.as_deref(), Some("0.0.0.0:9100"));
        assert!(settings.variables.contains(&(SERVICE_NAME, "of variables".to_owned())), "{:?}", settings.variables);
        let variables = [(HOST, "0.0.0.0"), (PORT, "1")];
        assert_eq!(with_file(&nothing, &variables, FILE).map(|settings| settings.listen), Ok(None));

        let flags = Arguments { listen: Some(":9".to_owned()), collectors: Some("disk".to_owned()), ..interval("1s") };
        let settings = with_file(&flags, &variables, FILE).expect("it can be used");
        assert_eq!((settings.interval, settings.listen.as_deref()), (Duration::from_secs(1), Some(":9")));
        assert_eq!(settings.collectors, Collectors::everything().among(["disk"]));
    }

    #[test]
    fn all_that_is_wrong_is_told_and_what_concerns_others_in_variables_is_left_to_them() {
        let text = "monitoring:\n  resources:\n    sample_interval: 5d\n  alert: 5\n";
        let problem =
            with_file(&interval("0"), &[("ALERT_ERROR_RATE", "x"), (PORT, "x")], text).expect_err("nothing fits");
        let lines: Vec<_> = problem.message.split("\nphasemeter: ").collect();
        let expected = [
            "a.yaml:3: monitoring.resources.sample_interval: \"5d\" is no interval: its unit is none of ms, s, m, h",
            "a.yaml:4: monitoring.alert: there is no such key; the nearest known key is monitoring.alerts",
            "--interval: \"0\" is no interval: an interval of 0 never ends",
            "OTEL_EXPORTER_PROMETHEUS_PORT: \"x\" is no port: it should be from 0 to 65535",
        ];
        assert_eq!(lines, expected);
        assert!(of(&Arguments::default(), &[("ALERT_ERROR_RATE", "x")]).is_ok());
    }

    #[test]
    fn a_file_that_names_an_unknown_collector_or_a_list_is_refused_with_its_line() {
        for name in ["gpus", "list"] {
            let text = format!("monitoring:\n  resources:\n    collectors: {name}\n");
            let problem = with_file(&Arguments::default(), &[], &text).expect_err("there is none");
            let expected =
                format!("a.yaml:3: monitoring.resources.collectors: there is no collector {name:?}: known are ");
            assert!(problem.message.starts_with(&expected), "{}", problem.message);
        }
    }
}
