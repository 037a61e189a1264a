//! Every setting with its value: a flag's, else a variable's, else the file's, else the default.

use std::fmt;

use crate::file::{File, Said};
use crate::problem::{Origin, Problem};
use crate::setting::Setting;
use crate::settings::ALL;
use crate::shape::Refused;
use crate::value::Value;

/// Everything that may say something.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// What the command line says, as text.
    pub flags: &'a [(&'static Setting, &'a str)],
    /// The environment. A variable that is empty, or holds spaces alone, counts as unset.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The file, where there is one.
    pub file: Option<File<'a>>,
}

/// Nobody says anything.
impl Default for Sources<'_> {
    fn default() -> Self {
        Self { flags: &[], environment: &|_| None, file: None }
    }
}

/// Every setting, in the order of [`settings::ALL`](crate::settings::ALL).
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    chosen: Vec<Chosen>,
}

/// A setting with the value that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// What was set.
    pub setting: &'static Setting,
    /// To what; nothing, where nobody says and there is no default.
    pub value: Option<Value>,
    /// By whom.
    pub origin: Origin,
}

/// What could be understood, and what could not.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Where something is wrong with a value, what the next weaker source says stands here.
    pub config: Config,
    /// All of them: first the file's by line, then those of variables and flags. What a stronger source has made
    /// unimportant is told of files alone, which are checked as a whole.
    pub problems: Vec<Problem>,
}

impl Config {
    /// Reads all sources. It never fails: whoever cannot go on with a problem looks at [`Reading::problems`].
    #[must_use]
    pub fn read(sources: &Sources<'_>) -> Reading {
        let (of_file, mut problems) = sources.file.map_or_else(Default::default, |file| {
            let said = Said::of(&file);
            (said.values, said.problems)
        });
        let chosen = ALL.iter().map(|setting| {
            let of_file = || of_file.iter().find(|(own, ..)| own.key == setting.key);
            let said = stronger(setting, sources, &mut problems);
            let said = said.or_else(|| of_file().map(|(_, value, origin)| (value.clone(), origin.clone())));
            match said {
                Some((value, origin)) => Chosen { setting, value: Some(value), origin },
                None => Chosen { setting, value: default(setting), origin: Origin::Default },
            }
        });
        Reading { config: Self { chosen: chosen.collect() }, problems }
    }

    /// A setting, with its value and where that comes from.
    #[must_use]
    pub fn of(&self, setting: &'static Setting) -> &Chosen {
        let found = self.chosen.iter().find(|chosen| chosen.setting.key == setting.key);
        found.expect("invariant: every setting is in the list, and was chosen")
    }

    /// Those that the file decides.
    pub fn of_file(&self) -> impl Iterator<Item = &Chosen> {
        self.all().filter(|chosen| matches!(chosen.origin, Origin::File { .. }))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Chosen> {
        self.chosen.iter()
    }
}

/// What a flag says, or else a variable.
fn stronger(setting: &'static Setting, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Option<(Value, Origin)> {
    let flag = sources.flags.iter().find(|(own, _)| own.key == setting.key);
    let of_flag = || flag.map(|(_, text)| ((*text).to_owned(), Origin::Flag(setting.flag.unwrap_or(setting.key))));
    let of_variable = || {
        setting.variables.iter().find_map(|name| {
            let text = (sources.environment)(name).filter(|text| !text.trim().is_empty())?;
            Some((text, Origin::Variable(name)))
        })
    };
    let (text, origin) = of_flag().or_else(of_variable)?;
    match setting.shape.of_text(&text) {
        Ok(value) => Some((value, origin)),
        Err(Refused(why)) => {
            problems.push(Problem::new(origin, Some(setting), why));
            None
        }
    }
}

fn default(setting: &Setting) -> Option<Value> {
    setting.default.and_then(|text| setting.shape.of_text(text).ok())
}

/// The value as it may be shown; `-`, where there is none.
impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("-"),
        }
    }
}
