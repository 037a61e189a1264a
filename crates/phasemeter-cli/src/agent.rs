//! `phasemeter agent`: a machine's resources on `/metrics`, or once on stdout. No phases: there is no pipeline here.

mod json;
mod settings;

use std::fmt::Write as _;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use phasemeter::{CollectorState, Collectors, Level, Meter};

use self::settings::{Format, Settings, Task};
use crate::log::Log;
use crate::output::{Problem, print, say};
use crate::settings_file::SettingsFile;

pub(crate) use self::settings::Arguments;

/// A driver that has to be loaded may take seconds; whoever is slower than this is named as stuck.
const FIRST_READINGS: Duration = Duration::from_secs(10);

/// How often is read where it is for one look only: shares and peaks need a second one.
const INTERVAL_OF_ONE_LOOK: Duration = Duration::from_millis(250);

/// What a GPU's driver is asked for once a second is known for the second time.
const SECOND_OF_GPUS: Duration = Duration::from_millis(1_300);

const SECOND_READINGS: Duration = Duration::from_millis(900);

pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let file = SettingsFile::named(arguments.config.as_deref(), variable)?;
    let settings = Settings::of(arguments, &variable, file.as_ref().map(SettingsFile::as_file))?;
    match settings.task {
        Task::List => print(list().as_bytes()),
        Task::Once(format) => once(&settings, format),
        Task::Serve => serve(&settings),
    }
}

/// A line for each collector.
fn list() -> String {
    Collectors::known().fold(String::new(), |mut text, (name, about)| {
        writeln!(text, "{name:<12} {about}").expect("invariant: writing to a String does not fail");
        text
    })
}

/// The Meter that shows what is read. Nothing is read yet.
fn meter(settings: &Settings, interval: Duration) -> Meter {
    let variables = settings.variables.iter().map(|(name, value)| (*name, value.as_str()));
    let collectors = settings.collectors.clone().interval(interval);
    let builder = Meter::builder().isolated().environment(variables).level(Level::Off).collectors(collectors);
    match &settings.service_name {
        Some(name) => builder.service_name(*name).build(),
        None => builder.build(),
    }
}

/// Reads twice, prints, and says who could not read.
fn once(settings: &Settings, format: Format) -> Result<(), Problem> {
    let meter = meter(settings, settings.interval.min(INTERVAL_OF_ONE_LOOK));
    // How the collectors are is told below, once for each.
    Log::Silent.install();
    // Who has not read by then is told of below.
    let _all_read = meter.wait_for_first_readings(FIRST_READINGS);
    let _read_twice = meter.wait_for_second_readings(SECOND_READINGS);
    if meter.collectors().iter().any(|(name, state, _)| *name == "gpu" && *state == CollectorState::Ok) {
        // What is a share of a second, a driver tells by the second.
        std::thread::sleep(SECOND_OF_GPUS);
    }
    match format {
        Format::Text => print(&meter.render("").1)?,
        Format::OpenMetrics => print(&meter.render("application/openmetrics-text; version=1.0.0").1)?,
        Format::Json => print(json::text(&meter.snapshot()).as_bytes())?,
    }
    let Unwell { lines, failed } = Unwell::of(&meter.collectors(), settings.is_verbose);
    lines.iter().for_each(|line| say(line));
    if failed.is_empty() { Ok(()) } else { Err(Problem::failed(format!("not read: {}", failed.join(", ")))) }
}

/// What there is to tell of collectors that are not well.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unwell {
    /// One for each.
    lines: Vec<String>,
    /// Their names, but not of those that have nothing to read.
    failed: Vec<&'static str>,
}

impl Unwell {
    fn of(states: &[(&'static str, CollectorState, Option<String>)], is_verbose: bool) -> Self {
        let mut unwell = Self::default();
        for (name, state, reason) in states {
            let (has_failed, how) = match state {
                CollectorState::Ok => continue,
                CollectorState::NoData => (false, "has no data"),
                CollectorState::Failed => (true, "has failed"),
                CollectorState::Pending | CollectorState::Stuck => (true, "is stuck"),
            };
            if has_failed {
                unwell.failed.push(name);
            }
            if has_failed || is_verbose {
                let reason = reason.as_deref().unwrap_or("it has not read yet");
                unwell.lines.push(format!("the collector {name} {how}: {reason}"));
            }
        }
        unwell
    }
}

/// Answers scrapes until it is told to end.
fn serve(settings: &Settings) -> Result<(), Problem> {
    let (stop, stopped) = sync_channel(1);
    let on_signal = move || {
        let _is_told = stop.try_send(());
    };
    ctrlc::set_handler(on_signal).map_err(|error| Problem::failed(error.to_string()))?;
    if settings.is_verbose { Log::Verbose } else { Log::Warnings }.install();
    let meter = meter(settings, settings.interval);
    let server = match &settings.listen {
        Some(address) => meter.server().listen(address),
        None => meter.server(),
    };
    let endpoint = server.require_listen().start();
    let endpoint = endpoint.map_err(|error| Problem::unusable(format!("{error}; --listen ADDRESS names another")))?;
    if let Some(address) = endpoint.address() {
        say(&format!("listening on http://{address}/metrics"));
    }
    // An error is no more than that nobody is left to say when.
    let _told = stopped.recv();
    say("ended by a signal");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_collector_stands_in_the_list_with_what_it_reads() {
        let list = list();
        assert_eq!(list.lines().count(), Collectors::known().count());
        assert!(
            list.lines().all(|line| line.split_once(' ').is_some_and(|(_, about)| about.trim().len() > 5)),
            "{list}"
        );
    }

    #[test]
    fn who_is_stuck_has_failed_and_who_has_no_data_has_not() {
        let why = || Some("why".to_owned());
        let states = [
            ("a", CollectorState::Ok, None),
            ("b", CollectorState::NoData, why()),
            ("c", CollectorState::Failed, why()),
            ("d", CollectorState::Stuck, why()),
            ("e", CollectorState::Pending, None),
        ];
        let Unwell { lines, failed } = Unwell::of(&states, true);
        assert_eq!(failed, ["c", "d", "e"]);
        assert_eq!(lines.len(), 4);
        assert_eq!(
            (&*lines[0], &*lines[3]),
            ("the collector b has no data: why", "the collector e is stuck: it has not read yet")
        );
        assert_eq!(Unwell::of(&states[..2], false), Unwell::default());
    }
}
