//! What can be a value of a setting, and how it is read from a text or from YAML.

use std::fmt;

use phasemeter_collect::parse_interval;

use crate::mask::masked;
use crate::value::{Secret, Value};
use crate::yaml::Node;

/// What can be a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// `true` or `false`; of variables, also 1, 0, yes, no, on and off.
    Switch,
    /// A whole number within bounds, both included.
    #[allow(missing_docs, reason = "named for what they are")]
    Whole { from: u64, to: u64 },
    /// A number within bounds, both included.
    #[allow(missing_docs, reason = "named for what they are")]
    Number { from: f64, to: f64 },
    /// A time as 10ms, 1s or 2m; a number alone is seconds.
    Interval,
    /// A TCP port, or 0.
    Port,
    /// One of these words, in letters of any case.
    Choice(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
    /// Names with commas between them, or a list.
    Names,
    /// `key=value,key=value`, with `%XX` for what would be misread.
    Pairs,
    /// `https://…`, or `http://…`; a secret, since whoever knows it can use it.
    Url,
}

/// No value was found, and this was there instead of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

/// More of a text than this is not quoted.
const MAX_QUOTED: usize = 80;

impl Shape {
    /// Reads what a flag or a variable says.
    pub(crate) fn of_text(self, text: &str) -> Result<Value, Refused> {
        if matches!(self, Self::Switch) {
            return match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(Value::Switch(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Switch(false)),
                _ => Err(self.refusal(&self.quoted(text))),
            };
        }
        self.of_word(text)
    }

    /// Reads what stands behind a key of a file, where YAML's own types count: `"5"` is a text.
    pub(crate) fn of_node(self, node: &Node) -> Result<Value, Refused> {
        match node {
            nothing if nothing.is_nothing() => Err(self.refusal("nothing")),
            Node::Word { text, is_plain } => {
                let needs_plain = matches!(self, Self::Switch | Self::Whole { .. } | Self::Number { .. } | Self::Port);
                if needs_plain && !is_plain {
                    return Err(self.refusal(&format!("the text {}", self.quoted(text))));
                }
                self.of_word(text)
            }
            Node::List(entries) if self == Self::Names => {
                let names = entries.iter().map(|entry| match entry {
                    Node::Word { text, .. } => Ok(text.trim().to_owned()),
                    other => Err(self.refusal(&format!("a list with {} in it", other.kind()))),
                });
                names.collect::<Result<_, _>>().map(Value::Names)
            }
            Node::List(_) | Node::Mapping(_) => Err(self.refusal(node.kind())),
        }
    }

    fn of_word(self, text: &str) -> Result<Value, Refused> {
        let trimmed = text.trim();
        let value = match self {
            Self::Switch => match trimmed {
                "true" | "True" | "TRUE" => Some(Value::Switch(true)),
                "false" | "False" | "FALSE" => Some(Value::Switch(false)),
                _ => None,
            },
            Self::Whole { from, to } => whole(trimmed).filter(|number| (from..=to).contains(number)).map(Value::Whole),
            Self::Port => whole(trimmed).filter(|port| *port <= u64::from(u16::MAX)).map(Value::Whole),
            Self::Number { from, to } => {
                let number = trimmed.parse().ok().filter(|number| (from..=to).contains(number));
                number.map(Value::Number)
            }
            Self::Interval => {
                return parse_interval(trimmed).map(Value::Interval).map_err(|error| Refused(error.to_string()));
            }
            Self::Choice(words) => {
                let found = words.iter().find(|word| word.eq_ignore_ascii_case(trimmed));
                found.map(|word| Value::Text((*word).to_owned()))
            }
            Self::Text => Some(trimmed).filter(|text| !text.is_empty()).map(|text| Value::Text(text.to_owned())),
            Self::Names => {
                let names = trimmed.split(',').map(str::trim).filter(|name| !name.is_empty());
                Some(Value::Names(names.map(str::to_owned).collect()))
            }
            Self::Pairs => is_pairs(trimmed).then(|| Value::Text(trimmed.to_owned())),
            Self::Url => is_url(trimmed).then(|| Value::Secret(Secret::new(trimmed.to_owned()))),
        };
        value.ok_or_else(|| self.refusal(&self.quoted(text)))
    }

    fn refusal(self, what: &str) -> Refused {
        Refused(match self {
            Self::Switch => format!("{what} is no switch: it should be {self}"),
            Self::Whole { .. } => format!("{what} is no such number: it should be {self}"),
            Self::Number { .. } => format!("{what} is no such number: it should be {self}"),
            Self::Interval => format!("{what} is no interval: it should be as 10ms, 1s or 2m"),
            Self::Port => format!("{what} is no port: it should be from 0 to 65535"),
            Self::Choice(_) => format!("{what} is not known: it should be {self}"),
            Self::Text => format!("{what} is no text: it should be {self}"),
            Self::Names => format!("{what} is no list of names: it should be {self}"),
            Self::Pairs => format!("{what} is no list of pairs: it should be {self}"),
            Self::Url => format!("{what} is no URL: it should be {self}"),
        })
    }

    /// The beginning of what was said, where it may be shown.
    fn quoted(self, text: &str) -> String {
        if self == Self::Url {
            return "what is said (it is not shown)".to_owned();
        }
        let shown = masked(text);
        let is_whole = shown.chars().count() <= MAX_QUOTED;
        let beginning: String = shown.chars().take(MAX_QUOTED).collect();
        if is_whole { format!("{beginning:?}") } else { format!("{beginning:?}…") }
    }
}

/// A null of YAML, as an empty value is one.
pub(crate) fn is_nothing(text: &str) -> bool {
    ["", "~", "null", "Null", "NULL"].contains(&text)
}

/// Digits alone: `+5` and `5.0` are none.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn is_url(text: &str) -> bool {
    let behind = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    behind.is_some_and(|behind| !behind.is_empty() && !behind.contains(|letter: char| letter.is_whitespace()))
}

fn is_pairs(text: &str) -> bool {
    let pairs: Vec<_> = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).collect();
    let is_pair = |pair: &&str| {
        let key = pair.split_once('=').map(|(key, _)| key.trim());
        key.is_some_and(|key| !key.is_empty()) && is_escaped(pair)
    };
    !pairs.is_empty() && pairs.iter().all(is_pair)
}

fn is_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|behind| {
        let mut digits = behind.chars().take(2);
        digits.clone().count() == 2 && digits.all(|digit| digit.is_ascii_hexdigit())
    })
}

/// What it should be, for messages and the page of settings.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true or false"),
            Self::Whole { from, to } => write!(f, "a whole number from {from} to {to}"),
            Self::Number { from, to } => write!(f, "a number from {from} to {to}"),
            Self::Interval => f.write_str("a time as 10ms, 1s or 2m, up to a day; a number alone is seconds"),
            Self::Port => f.write_str("a port from 0 to 65535"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Text => f.write_str("a text"),
            Self::Names => f.write_str("names, as a list or with commas between them"),
            Self::Pairs => f.write_str("key=value,key=value with %XX escapes"),
            Self::Url => f.write_str("a URL that begins with https:// or http://"),
        }
    }
}
