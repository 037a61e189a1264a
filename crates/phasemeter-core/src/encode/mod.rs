//! Wire formats, each a pure function of a [`Snapshot`](crate::Snapshot).

mod text;

pub use text::{TEXT_CONTENT_TYPE, text};

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
