//! What the text formats have in common: lines of name, labels and value.

use super::names::is_legacy_name;
use super::number::{push_f64, push_i64, push_seconds, push_u64};
use crate::slots::BOUNDS_NS;
use crate::{Family, Labels, Style, Value};

/// A label value as the text formats write it: backslash, quote and line feed escaped.
pub(crate) fn escape_label_value(value: &str, out: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// A label's name, in quotes where it is not of the classic form.
pub(crate) fn push_label_name(name: &str, out: &mut String) {
    if is_legacy_name(name) && !name.contains(':') {
        out.push_str(name);
    } else {
        out.push('"');
        escape_label_value(name, out);
        out.push('"');
    }
}

/// A label of one line alone, as `le`: its name, and what writes its value.
pub(crate) type Extra<'e> = Option<(&'static str, &'e dyn Fn(&mut Vec<u8>))>;

/// Writes the lines of one family.
pub(crate) struct Lines<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// The family's name, as it stands before suffixes.
    name: &'a str,
    /// What stands on each of its series.
    constant: Labels,
    is_quoted: bool,
    /// What lines of one series have in common before and behind their bound.
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(name: &'a str, family: &Family, style: &Style, out: &'a mut Vec<u8>) -> Self {
        let (before, behind) = (Vec::new(), Vec::new());
        Self { out, name, constant: style.constant_of(family), is_quoted: !is_legacy_name(name), before, behind }
    }

    /// A comment line: `# TYPE name what`.
    pub(crate) fn comment(&mut self, keyword: &str, what: &str) {
        for part in ["# ", keyword, " "] {
            self.out.extend_from_slice(part.as_bytes());
        }
        push_name(self.name, self.is_quoted, "", self.out);
        self.out.push(b' ');
        self.out.extend_from_slice(what.as_bytes());
        self.out.push(b'\n');
    }

    /// Name and labels of a sample, and the space behind them; `extra` writes a label of its own, without a comma.
    pub(crate) fn sample(&mut self, suffix: &str, labels: &Labels, extra: Extra<'_>) {
        let has_braces =
            Self::begin(self.name, self.is_quoted, suffix, [labels, &self.constant], extra.is_some(), self.out);
        if let Some((name, value)) = extra {
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            value(self.out);
            self.out.push(b'"');
        }
        self.out.extend_from_slice(if has_braces { b"} " } else { b" " });
    }

    /// The buckets of a histogram, whose bounds are written as given; `behind` may write something behind each.
    pub(crate) fn buckets(
        &mut self,
        labels: &Labels,
        bounds: &[Box<[u8]>],
        counts: impl Iterator<Item = u64>,
        mut behind: impl FnMut(&mut Vec<u8>, usize),
    ) {
        self.before.clear();
        Self::begin(self.name, self.is_quoted, "_bucket", [labels, &self.constant], true, &mut self.before);
        self.before.extend_from_slice(b"le=\"");
        let mut last = None;
        for (place, (bound, count)) in bounds.iter().zip(counts).enumerate() {
            // Most buckets hold no more than the one before.
            if last.replace(count) != Some(count) {
                self.behind.clear();
                self.behind.extend_from_slice(b"\"} ");
                push_u64(count, &mut self.behind);
            }
            self.out.extend_from_slice(&self.before);
            self.out.extend_from_slice(bound);
            self.out.extend_from_slice(&self.behind);
            behind(self.out, place);
            self.out.push(b'\n');
        }
    }

    /// The beginning of a sample, up to where a further label would begin. Whether there are braces.
    fn begin(
        name: &str,
        is_quoted: bool,
        suffix: &str,
        labels: [&Labels; 2],
        has_more: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        if is_quoted {
            out.push(b'{');
        }
        push_name(name, is_quoted, suffix, out);
        let is_bare = labels.iter().all(|labels| labels.text().is_empty()) && !has_more;
        if !is_quoted {
            if is_bare {
                return false;
            }
            out.push(b'{');
        }
        let mut is_first = !is_quoted;
        for text in labels.map(Labels::text).into_iter().filter(|text| !text.is_empty()) {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            out.extend_from_slice(text.as_bytes());
        }
        if has_more && !is_first {
            out.push(b',');
        }
        true
    }

    /// The end of a sample: its value, if that is one number.
    pub(crate) fn number(&mut self, value: &Value) {
        match value {
            Value::Count(count) => push_u64(*count, self.out),
            Value::Level(level) => push_i64(*level, self.out),
            Value::Real(real) => push_f64(*real, self.out),
            Value::Nanos(nanos) => push_seconds(*nanos, self.out),
            Value::Histogram(_) | Value::Buckets(_) | Value::Quantiles(_) => push_f64(value.as_f64(), self.out),
        }
    }
}

fn push_name(name: &str, is_quoted: bool, suffix: &str, out: &mut Vec<u8>) {
    if is_quoted {
        let mut quoted = String::from("\"");
        escape_label_value(name, &mut quoted);
        quoted.push_str(suffix);
        quoted.push('"');
        out.extend_from_slice(quoted.as_bytes());
    } else {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
    }
}

/// The classic bounds as text: each is written many times, and is always the same.
pub(crate) fn bounds_text(write: impl Fn(Option<u64>, &mut Vec<u8>)) -> Vec<Box<[u8]>> {
    let bounds = BOUNDS_NS.into_iter().map(Some).chain([None]);
    let text = |bound| {
        let mut text = Vec::new();
        write(bound, &mut text);
        text.into_boxed_slice()
    };
    bounds.map(text).collect()
}

/// A help text: backslash and line feed escaped, and the quote too where the format wants it.
pub(crate) fn escaped_help(help: &str, escapes_quotes: bool) -> String {
    let mut escaped = String::with_capacity(help.len());
    for character in help.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if escapes_quotes => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}
