//! `phasemeter config`: what is set and by whom, and what of it cannot be used.

mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use phasemeter::Collectors;
use phasemeter_config::{Chosen, Config, Reading, Sources, settings};

use crate::collectors;
use crate::output::{Problem, print};
use crate::settings_file::{SettingsFile, USUAL_NAME, VARIABLE};

/// Check a file of settings, or show what is set and by whom.
///
/// A file is YAML below `monitoring:`. Flags are stronger than variables of the environment, these than the file, and that than
/// the default. docs/configuration.md lists all settings.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Tell all that cannot be used, of the file and of variables, and what of the file nothing goes by yet
    #[command(after_help = "Exit status: 0 all can be used; 2 something cannot: stderr tells each with its line.")]
    Check {
        /// The file [env: PHASEMETER_CONFIG] [default: phasemeter.yaml in the current folder]
        file: Option<PathBuf>,
    },
    /// Print every setting with its value and where it comes from; secrets are not shown
    #[command(
        after_help = "Exit status: 0 done; 2 something cannot be used: stderr tells it, and what is printed goes \
                            without it."
    )]
    Show {
        /// The file, if any [env: PHASEMETER_CONFIG] [default: phasemeter.yaml in the current folder, where it is there]
        file: Option<PathBuf>,

        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let (Task::Check { file } | Task::Show { file, .. }) = &arguments.task;
    let file = SettingsFile::named_or_in(Path::new("."), file.as_deref(), variable)?;
    let of_file = file.as_ref().map(SettingsFile::as_file);
    let all = Config::read(&Sources { flags: &[], environment: &variable, file: of_file });
    // What a variable is stronger than is checked as well, for where it is not set.
    let alone = Config::read(&Sources { file: of_file, ..Sources::default() });
    let usable = usable(&all, &alone);
    match (&arguments.task, file) {
        (Task::Check { .. }, Some(file)) => {
            usable?;
            print(checked(&file.name, &alone.config).as_bytes())
        }
        (Task::Check { .. }, None) => Err(Problem::unusable(format!(
            "there is no {USUAL_NAME} in this folder: name a file, or let {VARIABLE} name it"
        ))),
        (Task::Show { json, .. }, _) => {
            let text = if *json { show::json(&all.config) } else { show::table(&all.config) };
            print(text.as_bytes())?;
            usable
        }
    }
}

/// Everything that was said is a value of its setting, and the collectors that are named are there.
fn usable(all: &Reading, alone: &Reading) -> Result<(), Problem> {
    let mut problems: Vec<_> = all.problems.iter().map(ToString::to_string).collect();
    for reading in [alone, all] {
        let message = unknown_collector(reading.config.of(&settings::COLLECTORS));
        problems.extend(message.filter(|message| !problems.contains(message)));
    }
    Problem::unusable_where(problems.into_iter())
}

fn unknown_collector(said: &Chosen) -> Option<String> {
    // Words that programs understand, beside names.
    let is_of_programs = matches!(said.to_string().as_str(), "none" | "default");
    let unknown = || collectors::among(Collectors::everything(), said).err();
    if is_of_programs { None } else { unknown().map(|problem| problem.message) }
}

/// What there is to tell of a file in which all can be used.
fn checked(name: &str, config: &Config) -> String {
    let of_file: Vec<_> = config.of_file().collect();
    let count = of_file.len();
    let mut text = format!("{name} can be used: it says {count} {}\n", if count == 1 { "setting" } else { "settings" });
    for Chosen { setting, origin, .. } in of_file.into_iter().filter(|chosen| !chosen.setting.is_of_agent()) {
        text += &format!("{origin}: {}: {}\n", setting.key, setting.used());
    }
    text
}
