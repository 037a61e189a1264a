//! A file: its YAML against the settings that there are.

use crate::nearest::nearest;
use crate::problem::{Origin, Problem};
use crate::setting::Setting;
use crate::settings::ALL;
use crate::shape::Refused;
use crate::value::Value;
use crate::yaml::{self, Entry, Node};

/// A file as it was read, by whom it concerns.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// What messages call it.
    pub name: &'a str,
    /// All of it. More than [`MAX_FILE_BYTES`] are refused, so that nobody needs to read more than one byte beyond.
    pub bytes: &'a [u8],
}

/// A file of settings is not longer than this.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// What a file says.
pub(crate) struct Said<'a> {
    file: &'a str,
    pub(crate) values: Vec<(&'static Setting, Value, Origin)>,
    /// In the order of their lines.
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Said<'a> {
    pub(crate) fn of(file: &File<'a>) -> Self {
        let mut said = Self { file: file.name, values: Vec::new(), problems: Vec::new() };
        match text_of(file.bytes) {
            Err((line, message)) => said.complain(line, None, message),
            Ok(text) => match yaml::read(text) {
                Err(fault) => said.complain(fault.line, None, fault.message),
                Ok(None) => said.complain(1, None, format!("nothing stands in it: {SHOULD_BEGIN}")),
                Ok(Some(Node::Mapping(entries))) => said.section("", &entries),
                Ok(Some(node)) if node.is_nothing() => {
                    said.complain(1, None, format!("nothing stands in it: {SHOULD_BEGIN}"));
                }
                Ok(Some(node)) => said.complain(1, None, format!("it is {}, no mapping: {SHOULD_BEGIN}", node.kind())),
            },
        }
        said
    }

    fn section(&mut self, section: &str, entries: &[Entry]) {
        let mut seen: Vec<&Entry> = Vec::new();
        for entry in entries {
            let key = if section.is_empty() { entry.key.clone() } else { format!("{section}.{}", entry.key) };
            match seen.iter().find(|before| before.key == entry.key) {
                Some(before) => {
                    let message = format!("{} stands here a second time, first on line {}", shown(&key), before.line);
                    self.complain(entry.line, None, message);
                }
                None => self.entry(&key, entry),
            }
            seen.push(entry);
        }
    }

    fn entry(&mut self, key: &str, entry: &Entry) {
        let Entry { line, node, .. } = entry;
        if let Some(setting) = ALL.iter().find(|setting| setting.key == key) {
            match setting.shape.of_node(node) {
                Ok(value) => self.values.push((setting, value, self.origin(*line))),
                Err(Refused(why)) => self.complain(*line, Some(setting), format!("{key}: {why}")),
            }
        } else if is_section(key) {
            match node {
                Node::Mapping(entries) => self.section(key, entries),
                // All that was in it is commented out.
                node if node.is_nothing() => {}
                node => {
                    let message = format!("{key}: {} is no mapping: it should hold {}", node.kind(), held(key));
                    self.complain(*line, None, message);
                }
            }
        } else {
            let message = format!("{}: there is no such key; the nearest known key is {}", shown(key), nearest(key));
            self.complain(*line, None, message);
        }
    }

    fn complain(&mut self, line: usize, setting: Option<&'static Setting>, message: impl Into<String>) {
        self.problems.push(Problem::new(self.origin(line), setting, message));
    }

    fn origin(&self, line: usize) -> Origin {
        Origin::File { name: self.file.to_owned(), line }
    }
}

const SHOULD_BEGIN: &str = "it should begin with monitoring:";

fn text_of(bytes: &[u8]) -> Result<&str, (usize, String)> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err((1, format!("it is longer than {MAX_FILE_BYTES} bytes, and so no file of settings")));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        (line, "it is no text in UTF-8".to_owned())
    })
}

/// Whether settings stand below it.
fn is_section(key: &str) -> bool {
    ALL.iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// The names in a section.
fn held(section: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for setting in ALL {
        let behind = setting.key.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'));
        if let Some(name) = behind.and_then(|rest| rest.split('.').next()).filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// A key that is none may hold anything, and be of any length.
fn shown(key: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let beginning: String = key.chars().take(100).collect();
    if key.chars().all(is_word) && beginning == key { beginning } else { format!("{beginning:?}") }
}
