//! Every setting, declared once: files, variables, flags, `phasemeter config`, docs/configuration.md and the nearest known
//! key of one that is not known all go by this.

use crate::setting::Use::{Agent, Later, Library};
use crate::setting::{Setting, Use};
use crate::shape::Shape;

/// Declares settings: what their documentation says is their meaning, and `ALL` lists them in this order.
macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $name:ident = $setting:expr;)+) => {
        $(
            $(#[doc = $meaning])+
            pub static $name: Setting = $setting.meaning(concat!($($meaning),+).trim_ascii());
        )+

        /// Every setting, in the order in which they are declared; those of a section stand together.
        pub static ALL: &[&Setting] = &[$(&$name),+];
    };
}

const PROGRESS: &[Use] = &[Later("the lines that tell a run's progress")];
const TRACK: &[Use] = &[Later("the choice of collectors (today: monitoring.resources.collectors)")];
const RULES: &[Use] = &[Later("phasemeter rules render")];
const LOGGING: &[Use] = &[Later("the logger")];
const NOTIFY: &[Use] = &[Later("notifications")];

settings! {
    /// Whether programs measure at all; the agent does anyway.
    ENABLED = Setting::new("monitoring.enabled", Shape::Switch)
        .variables(&["MONITORING_ENABLED"])
        .default("true")
        .used_by(&[Library]);

    /// Whether OpenTelemetry is switched off, and programs with it, whatever `monitoring.enabled` says.
    SDK_DISABLED = Setting::new("monitoring.sdk_disabled", Shape::Switch)
        .variables(&["OTEL_SDK_DISABLED"])
        .default("false")
        .used_by(&[Library]);

    /// How much programs measure.
    LEVEL = Setting::new("monitoring.level", Shape::Choice(&["off", "basic", "detailed", "profiling"]))
        .variables(&["PHASEMETER_LEVEL"])
        .default("basic")
        .used_by(&[Library]);

    /// The name of the pipeline, where the program gives none.
    PIPELINE = Setting::new("monitoring.pipeline", Shape::Text)
        .variables(&["PHASEMETER_PIPELINE"])
        .used_by(&[Later("programs that follow a run")]);

    /// Where the report of a run is written to, beside its journal.
    METRICS_FILE = Setting::new("monitoring.metrics_file", Shape::Text)
        .variables(&["PHASEMETER_METRICS_FILE"])
        .used_by(&[Later("programs that follow a run")]);

    /// The folder below which runs leave their journals and reports.
    RUN_DIR = Setting::new("monitoring.run_dir", Shape::Text)
        .variables(&["PHASEMETER_RUN_DIR"])
        .used_by(&[Library]);

    /// What the run is called; the same for all workers and attempts of it.
    RUN_ID = Setting::new("monitoring.run_id", Shape::Text)
        .variables(&["PHASEMETER_RUN_ID"])
        .used_by(&[Library]);

    /// Who this process is among the workers of the run.
    WORKER = Setting::new("monitoring.worker", Shape::Text)
        .variables(&["PHASEMETER_WORKER"])
        .used_by(&[Library]);

    /// A line is told each time so many items are done.
    LOG_INTERVAL = Setting::new("monitoring.progress.log_interval", Shape::Whole { from: 1, to: 1_000_000_000_000 })
        .variables(&["PHASEMETER_LOG_INTERVAL"])
        .unit("items")
        .used_by(PROGRESS);

    /// Whether that line says when the run will be done.
    SHOW_ETA = Setting::new("monitoring.progress.show_eta", Shape::Switch).default("true").used_by(PROGRESS);

    /// Whether that line says how fast the run is.
    SHOW_RATE = Setting::new("monitoring.progress.show_rate", Shape::Switch).default("true").used_by(PROGRESS);

    /// Whether CPUs are read.
    TRACK_CPU = Setting::new("monitoring.resources.track_cpu", Shape::Switch).default("true").used_by(TRACK);

    /// Whether memory is read.
    TRACK_MEMORY = Setting::new("monitoring.resources.track_memory", Shape::Switch).default("true").used_by(TRACK);

    /// Whether GPUs are read.
    TRACK_GPU = Setting::new("monitoring.resources.track_gpu", Shape::Switch).default("true").used_by(TRACK);

    /// How often resources are read.
    SAMPLE_INTERVAL = Setting::new("monitoring.resources.sample_interval", Shape::Interval)
        .flag("--interval")
        .variables(&["PHASEMETER_INTERVAL", "MONITORING_INTERVAL"])
        .default("1s")
        .used_by(&[Agent, Library]);

    /// Which resources are read: `all`, or names, which `phasemeter agent --collectors list` prints. By default the agent
    /// reads all of them, and a program those that concern it.
    COLLECTORS = Setting::new("monitoring.resources.collectors", Shape::Names)
        .flag("--collectors")
        .variables(&["PHASEMETER_COLLECTORS"])
        .used_by(&[Agent, Library]);

    /// Where the host's / is, for a container that watches its host.
    HOST_ROOT = Setting::new("monitoring.resources.host_root", Shape::Text)
        .flag("--host-root")
        .variables(&["PHASEMETER_HOST_ROOT"])
        .used_by(&[Agent, Library]);

    /// The address to serve `/metrics` on: a name, or an address as 0.0.0.0 or ::1.
    ENDPOINT_HOST = Setting::new("monitoring.endpoint.host", Shape::Text)
        .flag("--listen")
        .variables(&["OTEL_EXPORTER_PROMETHEUS_HOST"])
        .default("127.0.0.1")
        .used_by(&[Agent, Library]);

    /// The port to serve `/metrics` on; 0 is any free one.
    ENDPOINT_PORT = Setting::new("monitoring.endpoint.port", Shape::Port)
        .flag("--listen")
        .variables(&["OTEL_EXPORTER_PROMETHEUS_PORT"])
        .default("9464")
        .used_by(&[Agent, Library]);

    /// Who is measured: `service.name` of OpenTelemetry.
    SERVICE_NAME = Setting::new("monitoring.service.name", Shape::Text)
        .variables(&["OTEL_SERVICE_NAME"])
        .used_by(&[Agent, Library]);

    /// What else there is to say of who is measured.
    SERVICE_ATTRIBUTES = Setting::new("monitoring.service.attributes", Shape::Pairs)
        .variables(&["OTEL_RESOURCE_ATTRIBUTES"])
        .used_by(&[Agent, Library]);

    /// An alert, where a greater share of the items fails.
    ERROR_RATE_THRESHOLD = Setting::new("monitoring.alerts.error_rate_threshold", Shape::Number { from: 0.0, to: 1.0 })
        .variables(&["PHASEMETER_ALERT_ERROR_RATE", "ALERT_ERROR_RATE"])
        .unit("of all items")
        .used_by(RULES);

    /// An alert, where fewer items are done.
    THROUGHPUT_MIN = Setting::new("monitoring.alerts.throughput_min", Shape::Number { from: 0.0, to: 1e12 })
        .variables(&["PHASEMETER_ALERT_THROUGHPUT_MIN", "ALERT_THROUGHPUT_MIN"])
        .unit("items/s")
        .used_by(RULES);

    /// An alert, where more memory of a GPU is in use.
    GPU_MEMORY_MAX = Setting::new("monitoring.alerts.gpu_memory_max_gb", Shape::Number { from: 0.001, to: 1e6 })
        .variables(&["PHASEMETER_ALERT_GPU_MEMORY_MAX", "ALERT_GPU_MEMORY_MAX"])
        .unit("GB")
        .used_by(RULES);

    /// What is at least so important is logged.
    LOG_LEVEL = Setting::new(
        "monitoring.logging.level",
        Shape::Choice(&["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR"]),
    )
    .variables(&["PHASEMETER_LOG_LEVEL", "MONITORING_LOG_LEVEL"])
    .default("INFO")
    .used_by(LOGGING);

    /// How a line of the log is written.
    LOG_FORMAT = Setting::new("monitoring.logging.format", Shape::Choice(&["text", "json"]))
        .variables(&["PHASEMETER_LOG_FORMAT"])
        .default("text")
        .used_by(LOGGING);

    /// Where the log is written to; to stderr, where this is not set.
    LOG_FILE = Setting::new("monitoring.logging.file", Shape::Text)
        .variables(&["PHASEMETER_LOG_FILE"])
        .used_by(LOGGING);

    /// When a new file of the log is begun.
    LOG_ROTATION = Setting::new("monitoring.logging.rotation", Shape::Choice(&["never", "hourly", "daily"]))
        .variables(&["PHASEMETER_LOG_ROTATION"])
        .default("daily")
        .used_by(LOGGING);

    /// How long files of the log are kept.
    LOG_RETENTION = Setting::new("monitoring.logging.retention_days", Shape::Whole { from: 1, to: 36_500 })
        .variables(&["PHASEMETER_LOG_RETENTION_DAYS"])
        .default("30")
        .unit("days")
        .used_by(LOGGING);

    /// Where Slack takes messages. Whoever knows it can write there.
    SLACK_WEBHOOK_URL = Setting::new("monitoring.notifications.slack_webhook_url", Shape::Url)
        .variables(&["PHASEMETER_SLACK_WEBHOOK_URL", "SLACK_WEBHOOK_URL"])
        .secret()
        .used_by(NOTIFY);

    /// Whether alerts are sent by e-mail.
    EMAIL_ALERTS = Setting::new("monitoring.notifications.email_alerts", Shape::Switch)
        .variables(&["PHASEMETER_EMAIL_ALERTS", "EMAIL_ALERTS"])
        .default("false")
        .used_by(NOTIFY);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::mask;

    #[test]
    fn keys_and_variables_are_each_those_of_one_setting() {
        let keys: BTreeSet<_> = ALL.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), ALL.len());
        let variables: Vec<_> = ALL.iter().flat_map(|setting| setting.variables).collect();
        assert_eq!(variables.iter().collect::<BTreeSet<_>>().len(), variables.len());
        let is_section = |key: &str| keys.iter().any(|other| other.starts_with(&format!("{key}.")));
        assert!(keys.iter().all(|key| !is_section(key)), "a setting that is a section as well");
    }

    #[test]
    fn ours_come_first_then_the_seeds_then_the_standard() {
        let rank = |name: &str| match name {
            name if name.starts_with("PHASEMETER_") => 0,
            name if name.starts_with("OTEL_") => 2,
            _ => 1,
        };
        for setting in ALL {
            assert!(setting.variables.is_sorted_by_key(|name| rank(name)), "{:?}", setting.variables);
        }
    }

    #[test]
    fn every_default_is_a_value_and_everybody_says_who_uses_it() {
        for setting in ALL {
            let value = setting.default.map(|text| setting.shape.of_text(text));
            assert!(value.is_none_or(|value| value.is_ok()), "{}", setting.key);
            assert!(!setting.uses.is_empty() && setting.meaning.ends_with('.'), "{}", setting.key);
        }
    }

    #[test]
    fn what_sounds_like_a_secret_is_one() {
        let secrets: Vec<_> = ALL.iter().filter(|setting| setting.is_secret).map(|setting| setting.key).collect();
        assert_eq!(secrets, [SLACK_WEBHOOK_URL.key]);
        assert!(ALL.iter().all(|setting| setting.is_secret || !mask::is_secret_name(setting.key)));
    }
}
