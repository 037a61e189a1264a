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
    let reading =
        Config::read(&Sources { flags: &[], environment: &variable, file: file.as_ref().map(SettingsFile::as_file) });
    let usable = usable(&reading);
    match (&arguments.task, file) {
        (Task::Check { .. }, Some(file)) => {
            usable?;
            print(checked(&file.name, &reading.config).as_bytes())
        }
        (Task::Check { .. }, None) => Err(Problem::unusable(format!(
            "there is no {USUAL_NAME} in this folder: name a file, or let {VARIABLE} name it"
        ))),
        (Task::Show { json, .. }, _) => {
            let text = if *json { show::json(&reading.config) } else { show::table(&reading.config) };
            print(text.as_bytes())?;
            usable
        }
    }
}

/// Everything that was said is a value of its setting, and the collectors that are named are there.
fn usable(reading: &Reading) -> Result<(), Problem> {
    let said = reading.config.of(&settings::COLLECTORS);
    // Words that programs understand, beside names.
    let is_of_programs = matches!(said.to_string().as_str(), "none" | "default");
    let unknown = if is_of_programs { None } else { collectors::among(Collectors::everything(), said).err() };
    let problems = reading.problems.iter().map(ToString::to_string);
    Problem::unusable_where(problems.chain(unknown.map(|problem| problem.message)))
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
