//! What the environment says: the standard `OTEL_*` variables, `MONITORING_ENABLED`, `PHASEMETER_*`.
//! Pure over a look-up.

use crate::follow::variables;
use crate::level::Level;

/// Switches that the environment sets, and what in it could not be understood.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) disabled: bool,
    pub(crate) level: Option<Level>,
    pub(crate) service_name: Option<String>,
    /// In the order given; a later one of the same name replaces an earlier one.
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) collecting: Collecting,
    pub(crate) followed: Followed,
    pub(crate) complaints: Vec<String>,
}

/// What it says of collectors, as it stands there: they understand it, where there are any.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "collect"), allow(dead_code, reason = "without collectors nobody asks"))]
pub(crate) struct Collecting {
    pub(crate) which: Option<String>,
    pub(crate) interval: Option<String>,
    pub(crate) host_root: Option<String>,
    pub(crate) in_kubernetes: bool,
}

/// What it says of runs that are followed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "progress"), allow(dead_code, reason = "nobody follows a run"))]
pub(crate) struct Followed {
    pub(crate) run_dir: Option<String>,
    pub(crate) run_id: Option<String>,
    pub(crate) worker: Option<String>,
    /// Of what schedulers say of a job, what is set.
    pub(crate) scheduler: Vec<(&'static str, String)>,
}

impl Environment {
    /// The environment of the process.
    pub(crate) fn of_process() -> Self {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Reads through a look-up. An empty variable counts as unset, as OpenTelemetry says.
    pub(crate) fn read(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| look_up(name).filter(|value| !value.trim().is_empty());
        let mut read = Self { host: variable(HOST), service_name: variable(SERVICE_NAME), ..Self::default() };
        read.disabled = read.switch(SDK_DISABLED, variable(SDK_DISABLED)).unwrap_or(false)
            || !read.switch(MONITORING_ENABLED, variable(MONITORING_ENABLED)).unwrap_or(true);
        read.collecting = Collecting {
            which: variable(COLLECTORS),
            interval: variable(INTERVAL).or_else(|| variable(MONITORING_INTERVAL)),
            host_root: variable(HOST_ROOT),
            in_kubernetes: variable(KUBERNETES).is_some(),
        };
        read.followed = Followed {
            run_dir: variable(RUN_DIR),
            run_id: variable(RUN_ID),
            worker: variable(WORKER),
            scheduler: variables().filter_map(|name| Some((name, variable(name)?))).collect(),
        };
        if let Some(text) = variable(LEVEL) {
            read.level = Level::parse(&text);
            if read.level.is_none() {
                read.complain(LEVEL, &text, &Level::ALL.map(Level::as_str).join(", "));
            }
        }
        if let Some(text) = variable(PORT) {
            match text.trim().parse() {
                Ok(port) => read.port = Some(port),
                Err(_) => read.complain(PORT, &text, "a port from 0 to 65535"),
            }
        }
        if let Some(text) = variable(RESOURCE_ATTRIBUTES) {
            match resource_attributes(&text) {
                Some(attributes) => read.resource = attributes,
                None => read.complain(RESOURCE_ATTRIBUTES, &text, "key=value,key=value with %XX escapes"),
            }
        }
        read
    }

    fn switch(&mut self, name: &str, value: Option<String>) -> Option<bool> {
        let text = value?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => {
                self.complain(name, &text, "true or false");
                None
            }
        }
    }

    fn complain(&mut self, name: &str, value: &str, wanted: &str) {
        self.complaints.push(format!("{name}={value:?} is ignored: it should be {wanted}"));
    }
}

pub(crate) const HOST: &str = "OTEL_EXPORTER_PROMETHEUS_HOST";
pub(crate) const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";
pub(crate) const LEVEL: &str = "PHASEMETER_LEVEL";
pub(crate) const COLLECTORS: &str = "PHASEMETER_COLLECTORS";
pub(crate) const INTERVAL: &str = "PHASEMETER_INTERVAL";
pub(crate) const HOST_ROOT: &str = "PHASEMETER_HOST_ROOT";
const RUN_DIR: &str = "PHASEMETER_RUN_DIR";
const RUN_ID: &str = "PHASEMETER_RUN_ID";
const WORKER: &str = "PHASEMETER_WORKER";
const MONITORING_INTERVAL: &str = "MONITORING_INTERVAL";
/// Set in every container that Kubernetes starts.
const KUBERNETES: &str = "KUBERNETES_SERVICE_HOST";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SDK_DISABLED: &str = "OTEL_SDK_DISABLED";
const MONITORING_ENABLED: &str = "MONITORING_ENABLED";

/// All pairs, or nothing where one of them is broken: half a resource would be a wrong one.
fn resource_attributes(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let (key, value) = (percent_decoded(key.trim())?, percent_decoded(value.trim())?);
            (!key.is_empty()).then_some((key, value))
        })
        .collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
            high << 4 | low
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::read(|name| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(read(&[]), Environment::default());
        assert_eq!(read(&[(PORT, ""), (MONITORING_ENABLED, " ")]), Environment::default());
    }

    #[test]
    fn either_switch_disables() {
        assert!(read(&[(SDK_DISABLED, "TRUE")]).disabled);
        assert!(read(&[(MONITORING_ENABLED, "false")]).disabled);
        assert!(!read(&[(MONITORING_ENABLED, "true"), (SDK_DISABLED, "false")]).disabled);
    }

    #[test]
    fn what_cannot_be_understood_is_named_and_ignored() {
        let read = read(&[(PORT, "http"), (MONITORING_ENABLED, "maybe"), (RESOURCE_ATTRIBUTES, "a=%G1")]);
        assert_eq!((read.port, read.disabled, read.resource.len()), (None, false, 0));
        assert_eq!(read.complaints.len(), 3);
        assert!(read.complaints.iter().any(|text| text.starts_with(PORT) && text.contains("\"http\"")));
    }

    #[test]
    fn the_level_is_one_of_four() {
        assert_eq!(read(&[(LEVEL, "Detailed")]).level, Some(Level::Detailed));
        let wrong = read(&[(LEVEL, "verbose")]);
        assert_eq!(wrong.level, None);
        assert_eq!(
            wrong.complaints,
            ["PHASEMETER_LEVEL=\"verbose\" is ignored: it should be off, basic, detailed, profiling"]
        );
    }

    #[test]
    fn resource_attributes_are_decoded() {
        let read = read(&[(RESOURCE_ATTRIBUTES, "service.name=a%2Cb, team = red%20ones ,")]);
        let expected = [("service.name", "a,b"), ("team", "red ones")];
        assert_eq!(read.resource, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn collectors_are_told_by_their_own_names_first() {
        let all = [(COLLECTORS, "cpu"), (INTERVAL, "2"), (MONITORING_INTERVAL, "9"), (KUBERNETES, "10.0.0.1")];
        let expected =
            Collecting { which: Some("cpu".into()), interval: Some("2".into()), host_root: None, in_kubernetes: true };
        assert_eq!(read(&all).collecting, expected);
        assert_eq!(read(&[(MONITORING_INTERVAL, "9")]).collecting.interval.as_deref(), Some("9"));
    }

    #[test]
    fn host_port_and_service_are_taken() {
        let read = read(&[(HOST, "0.0.0.0"), (PORT, "9000"), (SERVICE_NAME, "docs")]);
        assert_eq!(
            (read.host.as_deref(), read.port, read.service_name.as_deref()),
            (Some("0.0.0.0"), Some(9000), Some("docs"))
        );
    }
}
