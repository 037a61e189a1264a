//! What the text formats have in common: lines of name, labels and value.

use super::names::is_legacy_name;
use super::number::{push_f64, push_i64, push_seconds, push_u64};
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
}

impl<'a> Lines<'a> {
    pub(crate) fn new(name: &'a str, family: &Family, style: &Style, out: &'a mut Vec<u8>) -> Self {
        Self { out, name, constant: style.constant_of(family), is_quoted: !is_legacy_name(name) }
    }

    /// A comment line: `# TYPE name what`.
    pub(crate) fn comment(&mut self, keyword: &str, what: &str) {
        for part in ["# ", keyword, " "] {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.push_name("");
        self.out.push(b' ');
        self.out.extend_from_slice(what.as_bytes());
        self.out.push(b'\n');
    }

    /// Name and labels of a sample, and the space behind them; `extra` writes a label of its own, without a comma.
    pub(crate) fn sample(&mut self, suffix: &str, labels: &Labels, extra: Extra<'_>) {
        if self.is_quoted {
            self.out.push(b'{');
            self.push_name(suffix);
        } else {
            self.push_name(suffix);
            if labels.text().is_empty() && self.constant.text().is_empty() && extra.is_none() {
                return self.out.push(b' ');
            }
            self.out.push(b'{');
        }
        let mut is_first = !self.is_quoted;
        for text in [labels.text(), self.constant.text()].into_iter().filter(|text| !text.is_empty()) {
            if !std::mem::take(&mut is_first) {
                self.out.push(b',');
            }
            self.out.extend_from_slice(text.as_bytes());
        }
        if let Some((name, value)) = extra {
            if !is_first {
                self.out.push(b',');
            }
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            value(self.out);
            self.out.push(b'"');
        }
        self.out.extend_from_slice(b"} ");
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

    fn push_name(&mut self, suffix: &str) {
        if self.is_quoted {
            let mut quoted = String::from("\"");
            escape_label_value(self.name, &mut quoted);
            quoted.push_str(suffix);
            quoted.push('"');
            self.out.extend_from_slice(quoted.as_bytes());
        } else {
            self.out.extend_from_slice(self.name.as_bytes());
            self.out.extend_from_slice(suffix.as_bytes());
        }
    }
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
