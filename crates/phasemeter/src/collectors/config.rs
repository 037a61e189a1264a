//! Which collectors a Meter has, by default, by the environment, and by what the program says.

use std::path::PathBuf;
use std::time::Duration;

use phasemeter_collect::{Collector, GpuOptions, Known, Options, Roots, Scope, known_among, parse_interval};

use super::gpu;
use crate::environment::{COLLECTORS, Collecting, HOST_ROOT, INTERVAL};

/// Which resources a Meter reads beside its phases, and how often. `PHASEMETER_COLLECTORS`, `PHASEMETER_INTERVAL` and
/// `PHASEMETER_HOST_ROOT` are stronger.
///
/// By default these are the process, its control group, the visible GPUs where the feature `gpu` is on, and a summary of the
/// host (CPU, memory, load), every second; the last one not in Kubernetes, where a host has many services.
///
/// ```
/// use phasemeter::{Collectors, Meter};
/// use std::time::Duration;
///
/// let collectors = Collectors::only(["process", "cpu"]).interval(Duration::from_millis(100));
/// let meter = Meter::builder().isolated().collectors(collectors).build();
/// assert!(meter.snapshot().families.iter().any(|family| family.metric.otel.starts_with("process.")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collectors {
    which: Which,
    interval: Option<Duration>,
    host_root: Option<PathBuf>,
    options: Options,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Which {
    #[default]
    Service,
    Everything,
    Named(Vec<String>),
}

/// What is started.
pub(crate) struct Plan {
    pub(super) collectors: Vec<Box<dyn Collector>>,
    pub(super) interval: Duration,
    /// What could not be taken as it was said.
    pub(crate) complaints: Vec<String>,
}

/// How often, where nobody says.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

impl Collectors {
    /// Everything that the machine tells: what an agent shows.
    #[must_use]
    pub fn everything() -> Self {
        let options = Options { is_agent: true, ..Options::default() };
        Self { which: Which::Everything, options, ..Self::default() }
    }

    /// Of these, only those that are named; see [`Collectors::only`] for names that none has.
    #[must_use]
    pub fn among<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { which: Which::Named(names.into_iter().map(str::to_owned).collect()), ..self }
    }

    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self { which: Which::Named(Vec::new()), ..Self::default() }
    }

    /// These, by their names: [`Collectors::known`] has all. A name that none has is said when the Meter is built, and
    /// the default stands.
    #[must_use]
    pub fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { which: Which::Named(names.into_iter().map(str::to_owned).collect()), ..Self::default() }
    }

    /// How often they read: a second by default. Each has a shortest interval of its own, as ten milliseconds for the
    /// process and ten seconds for file systems.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: Some(interval).filter(|interval| !interval.is_zero()), ..self }
    }

    /// Where the host's `/` is, for a container that watches its host.
    #[must_use]
    pub fn host_root(self, root: impl Into<PathBuf>) -> Self {
        Self { host_root: Some(root.into()), ..self }
    }

    /// CPU time of each logical CPU, in place of the sum of all.
    #[must_use]
    pub fn per_cpu(self) -> Self {
        Self { options: Options { per_cpu: true, ..self.options }, ..self }
    }

    /// File systems that are across a network, or answered by a program (FUSE), as well: they are asked on threads of
    /// their own, since they may never answer.
    #[must_use]
    pub fn remote_file_systems(self) -> Self {
        Self { options: Options { remote_file_systems: true, ..self.options }, ..self }
    }

    /// The library of the GPUs' driver, where it is not where it usually is; `PHASEMETER_NVML_LIBRARY` is stronger.
    #[must_use]
    pub fn nvml_library(self, path: impl Into<PathBuf>) -> Self {
        let gpu = GpuOptions { library: Some(path.into()), ..self.options.gpu };
        Self { options: Options { gpu, ..self.options }, ..self }
    }

    /// Lets go of the GPUs' driver between readings that are at least so far apart, so that a GPU can be reset meanwhile.
    #[must_use]
    pub fn release_gpus_after(self, idle: Duration) -> Self {
        let gpu = GpuOptions { release_after: Some(idle), ..self.options.gpu };
        Self { options: Options { gpu, ..self.options }, ..self }
    }

    /// The names of all that there are, each with what it reads.
    pub fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
        known().into_iter().map(|known| (known.name, known.about))
    }

    /// What is to be started, and what could not be taken as it was said.
    pub(crate) fn plan(&self, environment: &Collecting) -> Plan {
        let mut complaints = Vec::new();
        let roots = self.roots(environment, &mut complaints);
        let which = self.which(environment, &mut complaints);
        let interval = environment.interval.as_deref().and_then(|text| match parse_interval(text) {
            Ok(interval) => Some(interval),
            Err(error) => {
                complaints.push(format!("{INTERVAL} is ignored: {error}"));
                None
            }
        });
        let interval = interval.or(self.interval).unwrap_or(DEFAULT_INTERVAL);
        let gpu = GpuOptions {
            library: environment.nvml_library.as_ref().map(PathBuf::from).or_else(|| self.options.gpu.library.clone()),
            visible: environment.visible_gpus.clone(),
            order: environment.gpu_order.clone(),
            ..self.options.gpu.clone()
        };
        let options = Options { gpu, ..self.options.clone() };
        let collectors = which.into_iter().map(|known| (known.make)(&roots, &options)).collect();
        Plan { collectors, interval, complaints }
    }

    fn roots(&self, environment: &Collecting, complaints: &mut Vec<String>) -> Roots {
        let of_environment = environment.host_root.as_ref().map(PathBuf::from);
        let Some(root) = of_environment.or_else(|| self.host_root.clone()) else { return Roots::default() };
        Roots::of_host(root).unwrap_or_else(|reason| {
            complaints.push(format!("{HOST_ROOT} is ignored: {reason}"));
            Roots::default()
        })
    }

    fn which(&self, environment: &Collecting, complaints: &mut Vec<String>) -> Vec<Known> {
        let known = known();
        let by_default = |known: &Known| match known.scope {
            Scope::Process => true,
            Scope::Summary => !environment.in_kubernetes,
            Scope::Host => false,
        };
        let service = || known.iter().copied().filter(by_default).collect();
        let named = |names: &[&str]| known_among(&known, names.iter().copied()).map(|found| found.into_iter().copied());
        let of_environment = environment.which.as_deref().map(|text| match text.trim() {
            "all" => Ok(known.clone()),
            "none" => Ok(Vec::new()),
            "default" => Ok(service()),
            names => named(&names.split(',').collect::<Vec<_>>()).map(Iterator::collect),
        });
        match of_environment {
            Some(Ok(which)) => return which,
            Some(Err(unknown)) => complaints.push(format!("{COLLECTORS} is ignored: {unknown}, or all, none, default")),
            None => {}
        }
        match &self.which {
            Which::Service => service(),
            Which::Everything => known,
            Which::Named(names) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                named(&names).map(Iterator::collect).unwrap_or_else(|unknown| {
                    complaints.push(unknown.to_string());
                    service()
                })
            }
        }
    }
}

/// Of every crate that has some.
pub(super) fn known() -> Vec<Known> {
    phasemeter_collect::KNOWN_HERE.iter().chain(gpu::KNOWN).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(collectors: &Collectors, environment: &Collecting, expected: &[&str], complaint: Option<&str>) {
        let plan = collectors.plan(environment);
        let names: Vec<_> = plan.collectors.iter().map(|collector| collector.name()).collect();
        assert_eq!(names, expected);
        assert_eq!(plan.complaints.len(), usize::from(complaint.is_some()), "{:?}", plan.complaints);
        assert!(
            plan.complaints.iter().all(|said| said.contains(complaint.unwrap_or_default())),
            "{:?}",
            plan.complaints
        );
    }

    fn environment(which: &str) -> Collecting {
        Collecting { which: Some(which.to_owned()), ..Collecting::default() }
    }

    /// GPUs stand with the process, where the feature is on.
    fn with_gpus<'a>(names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().chain(gpu::KNOWN.iter().map(|known| known.name)).collect()
    }

    #[test]
    fn a_service_has_its_own_and_a_summary_of_the_host_but_not_in_kubernetes() {
        let service = Collectors::default();
        check(&service, &Collecting::default(), &with_gpus(&["process", "cgroup", "cpu", "memory", "load"]), None);
        let pod = Collecting { in_kubernetes: true, ..Collecting::default() };
        check(&service, &pod, &with_gpus(&["process", "cgroup"]), None);
    }

    #[test]
    fn the_environment_is_stronger_and_a_name_that_it_has_wrong_is_told_with_those_that_are_right() {
        check(&Collectors::everything(), &environment("load,process"), &["process", "load"], None);
        check(&Collectors::only(["load"]), &environment("none"), &[], None);
        check(&Collectors::only(["load"]), &environment("cpus"), &["load"], Some("PHASEMETER_COLLECTORS"));
        check(&Collectors::none(), &Collecting::default(), &[], None);
        let all: Vec<_> = known().iter().map(|known| known.name).collect();
        check(&Collectors::none(), &environment("all"), &all, None);
        check(&Collectors::everything().among(["load"]), &Collecting::default(), &["load"], None);
        let pod = Collecting { in_kubernetes: true, ..Collecting::default() };
        check(&Collectors::only(["gpus"]), &pod, &with_gpus(&["process", "cgroup"]), Some("no collector \"gpus\""));
    }

    #[test]
    fn an_interval_or_a_root_that_is_none_is_said_and_the_default_stands() {
        let interval = |text: &str| Collecting { interval: Some(text.to_owned()), ..Collecting::default() };
        let plan = |environment| Collectors::none().interval(Duration::from_secs(9)).plan(&environment);
        assert_eq!(plan(interval("10ms")).interval, Duration::from_millis(10));
        let wrong = plan(interval("0"));
        assert_eq!((wrong.interval, wrong.complaints.len()), (Duration::from_secs(9), 1));
        assert!(wrong.complaints[0].starts_with("PHASEMETER_INTERVAL is ignored: \"0\""), "{:?}", wrong.complaints);
        let root = Collecting { host_root: Some("/there is no such folder".into()), ..Collecting::default() };
        assert!(plan(root).complaints[0].contains("no host's root"));
    }
}
