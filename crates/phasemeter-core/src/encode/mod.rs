//! Wire formats, each a pure function of a [`Snapshot`].
//!
//! ```text
//! Accept ─→ negotiate ─→ Negotiated ─┐
//! Snapshot, Style ───────────────────┴→ encode ─→ text 0.0.4 and 1.0.0 │ OpenMetrics 1.0 │ protobuf
//! ```

mod lines;
mod names;
mod negotiate;
mod number;
mod open_metrics;
mod protobuf;
mod text;
pub mod wire;

pub(crate) use lines::{escape_label_value, push_label_name};
pub use names::{Names, is_legacy_name};
pub use negotiate::{Format, Negotiated, negotiate};

use std::borrow::Cow;

use crate::slots::NATIVE_SCHEMA;
use crate::{Family, Labels, Metric, Snapshot};

/// What a program says about its exposition as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// Stands before the name of every metric but `target_info` and those of other libraries.
    pub prefix: String,
    /// Stand on every series of a family in which no series has a label of the same name: two series must not become one.
    pub constant: Labels,
    /// How many native buckets there are to a doubling, as a power of two; at most 3.
    pub native_schema: i32,
}

impl Default for Style {
    fn default() -> Self {
        Self { prefix: String::new(), constant: Labels::none(), native_schema: NATIVE_SCHEMA }
    }
}

impl Style {
    /// The OpenTelemetry name of a metric with the prefix, where it takes one.
    #[must_use]
    pub fn otel_name(&self, metric: &Metric) -> Cow<'static, str> {
        if self.prefix.is_empty() || !metric.takes_prefix() {
            return Cow::Borrowed(metric.otel);
        }
        Cow::Owned(self.prefix.clone() + metric.otel)
    }

    /// The constant labels that the series of this family get beside their own.
    #[must_use]
    pub fn constant_of(&self, family: &Family) -> Labels {
        let is_free = |name: &str| family.series.iter().all(|series| series.labels.value(name).is_none());
        let free: Vec<_> = self.constant.iter().filter(|(name, _)| is_free(name)).collect();
        Labels::known(&free)
    }
}

/// Writes a snapshot in the format that was negotiated: families sorted by name, series by labels.
pub fn encode(snapshot: &Snapshot, negotiated: Negotiated, style: &Style, out: &mut Vec<u8>) {
    match negotiated.format {
        Format::Text | Format::TextUtf8 => text::write(snapshot, negotiated.names, style, out),
        Format::OpenMetrics | Format::OpenMetrics001 => open_metrics::write(snapshot, negotiated.names, style, out),
        Format::Protobuf => protobuf::write(snapshot, negotiated.names, style, out),
    }
}

/// The content type of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes a snapshot in the text format 0.0.4, as every scraper takes it.
pub fn text(snapshot: &Snapshot, out: &mut String) {
    let mut bytes = Vec::new();
    text::write(snapshot, Names::Legacy, &Style::default(), &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}
