//! How a Meter is built: defaults, then the environment, then what the program says.

use phasemeter_core::catalogue::ALL as CATALOGUE;
use phasemeter_core::encode::{Style, is_legacy_name};
use phasemeter_core::slots::NATIVE_SCHEMA;
use phasemeter_core::{DropReason, Labels, Limits, TraceIds, bounded_value, is_free_label};

use crate::clock::Clock;
use crate::collectors::Collectors;
use crate::environment::Environment;
use crate::fields::label_of_field;
use crate::inner::{Inner, Setup, TraceContext};
use crate::level::Level;
use crate::meter::Meter;
use crate::notice;
use crate::phase::Phase;
use crate::profile;
use crate::target::Target;

/// What a [`Meter`] is built from. Opens nothing.
#[derive(Debug, Default)]
#[must_use = "the Meter comes from `build`"]
pub struct MeterBuilder {
    pipeline: Option<String>,
    service_name: Option<String>,
    resource: Vec<(String, String)>,
    phases: Vec<&'static Phase>,
    span_phases: Vec<String>,
    limits: Limits,
    level: Option<Level>,
    label_fields: Vec<String>,
    prefix: String,
    constant_labels: Vec<(String, String)>,
    native_schema: Option<i32>,
    exemplars: Option<TraceContext>,
    collectors: Collectors,
    /// A Meter of its own, with its clock; otherwise the process's.
    isolated: Option<Option<Clock>>,
    environment: Option<Environment>,
    disabled: bool,
}

impl MeterBuilder {
    /// The label `pipeline` of phases that name none. Where it is not set: the current run's name, or else the service.
    pub fn pipeline(self, name: impl Into<String>) -> Self {
        Self { pipeline: Some(name.into()), ..self }
    }

    /// The same, where none was named yet.
    #[cfg(feature = "testing")]
    pub(crate) fn pipeline_or(self, name: &str) -> Self {
        Self { pipeline: self.pipeline.or_else(|| Some(name.to_owned())), ..self }
    }

    /// The resource attribute `service.name`; stronger than `OTEL_SERVICE_NAME`.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        Self { service_name: Some(name.into()), ..self }
    }

    /// A resource attribute, shown on `target_info`; stronger than the environment's.
    pub fn resource_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.push((name.into(), value.into()));
        self
    }

    /// Phases that are to be seen, at 0, before they first run. Counts that begin at 0 are what rates are made of.
    pub fn phases(mut self, phases: impl IntoIterator<Item = &'static Phase>) -> Self {
        self.phases.extend(phases);
        self
    }

    /// The same for phases that are measured by plain spans, by their names.
    pub fn span_phases<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.span_phases.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// How much memory the Meter may take.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How much is measured, where `PHASEMETER_LEVEL` does not say; [`Meter::set_level`] changes it later.
    pub fn level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// Fields of plain spans that become further labels of their phase, dots as underscores: `["tenant", "model.name"]`.
    /// They should have few values: see [`Limits::label_sets`]. A name that cannot be a label is said, and left out.
    pub fn label_fields<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.label_fields.extend(fields.into_iter().map(str::to_owned));
        self
    }

    /// Stands before the name of each of our metrics, as `acme_`; not before those that everybody knows by their classic
    /// name, as `process_…`, and not before the program's own. A prefix that no name can begin with is said, and left out.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// A label on every series; not in a family in which a series has one of this name, since two series could become one.
    /// Those of the catalogue, and `quantile`, cannot be set; one that cannot stand is said, and left out. What tells processes apart is better a resource attribute.
    pub fn constant_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.constant_labels.push((name.into(), value.into()));
        self
    }

    /// How many native buckets there are to a doubling, as a power of two from 0 to 3: 3 is what is counted, and the
    /// default; less makes scrapes smaller. Quantiles are then within 4, 9, 19 or 42 % of the truth.
    pub fn native_schema(self, schema: i32) -> Self {
        Self { native_schema: Some(schema.clamp(0, NATIVE_SCHEMA)), ..self }
    }

    /// How to find the trace that the calling thread is in, for exemplars: the ids, where it is in one that is sampled. It
    /// is asked at the end of a run, outside of all locks of phasemeter, until the run's bucket has an exemplar for the next
    /// scrape: at each run while there is none to be had. It should be cheap, and not build or start anything; runs that end
    /// within it have no exemplar.
    pub fn exemplars(self, current_trace: fn() -> Option<TraceIds>) -> Self {
        Self { exemplars: Some(TraceContext(current_trace)), ..self }
    }

    /// Which resources are read beside phases, and how often.
    #[cfg(feature = "collect")]
    pub fn collectors(self, collectors: Collectors) -> Self {
        Self { collectors, ..self }
    }

    /// A Meter of its own rather than the process's: static phases do not belong to it, [`Meter::phase`] does.
    /// For tests.
    pub fn isolated(self) -> Self {
        let clock = self.isolated.flatten();
        Self { isolated: Some(clock), ..self }
    }

    /// An isolated Meter whose time is an argument.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        Self { isolated: Some(Some(clock.into())), ..self }
    }

    /// Reads these variables instead of the process's environment.
    pub fn environment<'a>(self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables: Vec<_> = variables.into_iter().collect();
        let look_up = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Self { environment: Some(Environment::read(look_up)), ..self }
    }

    /// A Meter that measures nothing and costs nothing, as `MONITORING_ENABLED=false` makes it.
    pub fn disabled(self) -> Self {
        Self { disabled: true, ..self }
    }

    /// Builds the Meter. The process has one, unless [`isolated`](Self::isolated): a second call returns the same;
    /// where it asks for another configuration, the first one stands, and this is said and counted.
    pub fn build(self) -> Meter {
        let mut environment = self.environment.unwrap_or_else(Environment::of_process);
        environment.disabled |= self.disabled;
        let inner = match self.isolated {
            Some(clock) => Inner::new(clock.unwrap_or_else(Clock::system), Some(&environment)),
            None => Inner::of_process().clone(),
        };
        let target = target(&environment, self.service_name.as_deref(), &self.resource);
        let is_first = inner.setup().is_none();
        let mut complaints = environment.complaints.clone();
        let (label_fields, refused): (Vec<_>, Vec<_>) =
            self.label_fields.into_iter().partition(|field| is_free_label(&label_of_field(field)));
        complaints.extend(refused.iter().map(|field| format!("the field {field:?} cannot be a label: it is left out")));
        let level = environment.level.or(self.level).unwrap_or_default();
        if level == Level::Profiling && !profile::IS_AVAILABLE {
            complaints
                .push("level profiling measures no more than detailed without the feature `profiling`".to_owned());
        }
        let limits = self.limits;
        let style = style(self.prefix, self.constant_labels, self.native_schema, &mut complaints);
        let exemplars = self.exemplars;
        let collectors = self.collectors;
        complaints.extend(collectors.plan(&environment.collecting).complaints);
        let pipeline = self.pipeline;
        let setup = Setup { pipeline, target, limits, level, label_fields, style, exemplars, collectors, environment };
        if !inner.set_up(setup) {
            inner.registry.drops().count(DropReason::SecondConfiguration);
            notice::say("this process has a Meter already: its configuration stands, the second one is ignored");
        }
        for complaint in complaints.iter().filter(|_| is_first) {
            notice::say(complaint);
        }
        if inner.is_enabled() {
            self.phases.iter().for_each(|phase| phase.declare_in(&inner));
            self.span_phases.iter().for_each(|name| inner.declare(name));
        }
        Meter { inner }
    }
}

/// What the exposition looks like, and what of it cannot be.
fn style(
    prefix: String,
    constant: Vec<(String, String)>,
    native_schema: Option<i32>,
    complaints: &mut Vec<String>,
) -> Style {
    let is_prefix = prefix.is_empty() || is_legacy_name(&prefix);
    if !is_prefix {
        complaints.push(format!("no metric can begin with {prefix:?}: the prefix is left out"));
    }
    let is_free = |name: &str| {
        is_free_label(name) && name != "quantile" && !CATALOGUE.iter().any(|metric| metric.labels.contains(&name))
    };
    let (constant, refused): (Vec<_>, Vec<_>) = constant.into_iter().partition(|(name, _)| is_free(name));
    let refuse = |name: &str| format!("the constant label {name:?} cannot stand: it is left out");
    complaints.extend(refused.iter().map(|(name, _)| refuse(name)));
    let bounded = constant.iter().map(|(name, value)| (name.as_str(), bounded_value(value)));
    let constant = Labels::new(bounded).unwrap_or_else(|error| {
        complaints.push(format!("{error}: no constant label is set"));
        Labels::none()
    });
    Style {
        prefix: if is_prefix { prefix } else { String::new() },
        constant,
        native_schema: native_schema.unwrap_or(NATIVE_SCHEMA),
    }
}

/// The resource, the strongest source last: the executable, the environment, the program.
fn target(environment: &Environment, service_name: Option<&str>, resource: &[(String, String)]) -> Target {
    let mut target = Target::default();
    let executable = std::env::current_exe().ok();
    let executable = executable.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    let unknown = executable.map_or_else(|| "unknown_service".to_owned(), |name| format!("unknown_service:{name}"));
    target.set("service.name", &unknown);
    for (name, value) in &environment.resource {
        target.set(name, value);
    }
    if let Some(name) = &environment.service_name {
        target.set("service.name", name);
    }
    for (name, value) in resource {
        target.set(name, value);
    }
    if let Some(name) = service_name {
        target.set("service.name", name);
    }
    target
}
