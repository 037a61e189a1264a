//! Label sets: checked once when they are made, their text kept for the encoders.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::Error;
use crate::encode::{escape_label_value, push_label_name};
use crate::sync::Arc;

/// A label value longer than this many bytes is shortened.
pub const MAX_VALUE_BYTES: usize = 256;

/// A checked set of labels, sorted by name, none without a value. Cheap to clone, compared by content.
#[derive(Clone)]
pub struct Labels(Arc<Inner>);

struct Inner {
    pairs: Box<[(Box<str>, Box<str>)]>,
    text: Box<str>,
}

impl Labels {
    /// The set without labels.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(Inner { pairs: Box::default(), text: Box::default() }))
    }

    /// Checks and sorts the pairs.
    ///
    /// # Errors
    /// A name that Prometheus does not take, or that is reserved (`__…`, `le`), or that stands twice.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut sorted: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (name, value) in pairs {
            if !is_label_name(name.as_ref()) {
                return Err(Error::label_name(name.as_ref()));
            }
            sorted.push((name.as_ref().into(), value.as_ref().into()));
        }
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::duplicate_label(&twice[0].0));
        }
        Ok(Self::sorted(sorted))
    }

    /// A set whose names were checked, or are constants of this workspace, given in any order.
    pub(crate) fn known(pairs: &[(&str, &str)]) -> Self {
        let mut sorted: Vec<(Box<str>, Box<str>)> =
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        Self::sorted(sorted)
    }

    /// The same labels and some more, whose names are constants of this workspace.
    pub(crate) fn with(&self, pairs: &[(&str, &str)]) -> Self {
        let own: Vec<_> = self.iter().chain(pairs.iter().copied()).collect();
        Self::known(&own)
    }

    fn sorted(mut pairs: Vec<(Box<str>, Box<str>)>) -> Self {
        // To Prometheus a label without a value is none: two sets must not differ by it.
        pairs.retain(|(_, value)| !value.is_empty());
        let mut text = String::new();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            push_label_name(name, &mut text);
            text.push_str("=\"");
            escape_label_value(value, &mut text);
            text.push('"');
        }
        Self(Arc::new(Inner { pairs: pairs.into(), text: text.into() }))
    }

    /// The pairs in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of one label.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The set as the text formats write it between the braces: escaped, sorted by name.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }
}

/// By their texts.
impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(other.text())
    }
}

/// Two sets are the same where their texts are: escaping keeps them apart.
impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0.text)
    }
}

pub(crate) fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with("__")
        && name != "le"
}

/// A label value within [`MAX_VALUE_BYTES`]. A longer one keeps its beginning and ends in a hash of the whole, so
/// that two long values do not become one.
#[must_use]
pub fn bounded_value(value: &str) -> Cow<'_, str> {
    if value.len() <= MAX_VALUE_BYTES {
        return Cow::Borrowed(value);
    }
    const TAIL_BYTES: usize = "…".len() + 16;
    let mut end = MAX_VALUE_BYTES - TAIL_BYTES;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…{:016x}", &value[..end], fnv1a(value.as_bytes())))
}

/// FNV-1a: the same on every machine and in every version, which a std hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_prometheus_refuses_are_refused() {
        for name in ["", "1st", "a-b", "a.b", "__reserved", "le", "ünder"] {
            assert!(Labels::new([(name, "x")]).is_err_and(|error| error.is_label_name()), "{name}");
        }
        assert!(Labels::new([("_ok9", "x")]).is_ok());
    }

    #[test]
    fn a_label_without_a_value_is_none() {
        let [one, other] = [&[("a", ""), ("b", "2")][..], &[("b", "2")]].map(|pairs| Labels::new(pairs.to_vec()));
        assert_eq!(one.expect("valid"), other.expect("valid"));
    }

    #[test]
    fn a_name_twice_is_refused() {
        let error = Labels::new([("a", "1"), ("b", "2"), ("a", "3")]).expect_err("a stands twice");
        assert!(error.is_duplicate_label());
        assert_eq!(error.to_string(), "the label \"a\" stands twice in one set");
    }

    #[test]
    fn the_order_given_makes_no_difference() {
        let one = Labels::new([("b", "2"), ("a", "1")]).expect("valid");
        assert_eq!(one, Labels::known(&[("a", "1"), ("b", "2")]));
        assert_eq!(one.text(), "a=\"1\",b=\"2\"");
        assert_eq!(one.value("b"), Some("2"));
        assert_eq!(one.value("c"), None);
    }

    #[test]
    fn long_values_are_shortened_on_a_character_and_stay_apart() {
        let one = "ä".repeat(5_000);
        let two = format!("{one}!");
        let (short_one, short_two) = (bounded_value(&one), bounded_value(&two));
        assert!(short_one.len() <= MAX_VALUE_BYTES);
        assert_ne!(short_one, short_two);
        assert_eq!(bounded_value("short"), "short");
    }
}
