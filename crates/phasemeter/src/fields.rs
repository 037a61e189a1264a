//! What the fields of a plain span say, by the role that their name has.

use std::fmt::{Debug, Write as _};

use phasemeter_core::{DropReason, Drops, MAX_COUNT, MAX_VALUE_BYTES, Outcome};
use tracing::field::{Field, Visit};

pub(crate) const PHASE_NAME: &str = "phase.name";
const ITEMS: &str = "phase.items";
const BYTES: &str = "phase.bytes";
const TOTAL: &str = "phase.total";
const OUTCOME: &str = "phase.outcome";
const ERROR_TYPE: &str = "error.type";
const PIPELINE_NAME: &str = "pipeline.name";

/// The roles that were filled; a field that was not recorded leaves `None`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fields {
    pub(crate) phase: Option<String>,
    pub(crate) pipeline: Option<String>,
    pub(crate) items: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) error_type: Option<String>,
}

/// Fills [`Fields`], and counts what it cannot take.
pub(crate) struct Reader<'a> {
    pub(crate) fields: Fields,
    drops: &'a Drops,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(drops: &'a Drops) -> Self {
        Self { fields: Fields::default(), drops }
    }

    fn count(&mut self, name: &str, count: Option<u64>) {
        let count = count.filter(|count| *count <= MAX_COUNT);
        let place = match name {
            ITEMS => &mut self.fields.items,
            BYTES => &mut self.fields.bytes,
            _ => &mut self.fields.total,
        };
        match count {
            Some(_) => *place = count,
            None => self.drops.count(DropReason::InvalidCount),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        match name {
            PHASE_NAME => self.fields.phase = Some(text.to_owned()),
            PIPELINE_NAME => self.fields.pipeline = Some(text.to_owned()),
            ERROR_TYPE => self.fields.error_type = Some(text.to_owned()),
            OUTCOME => match Outcome::parse(text) {
                Some(outcome) => self.fields.outcome = Some(outcome),
                None => self.drops.count(DropReason::InvalidOutcome),
            },
            _ => {}
        }
    }

    /// A value that is written out, and then read by the role of its field.
    fn written(&mut self, name: &str, value: &dyn Debug) {
        match (is_count(name), is_text(name)) {
            (true, _) => self.count(name, written_within_limit(value).parse().ok()),
            (_, true) => self.text(name, &written_within_limit(value)),
            (false, false) => {}
        }
    }
}

fn is_count(name: &str) -> bool {
    matches!(name, ITEMS | BYTES | TOTAL)
}

fn is_text(name: &str) -> bool {
    matches!(name, PHASE_NAME | PIPELINE_NAME | OUTCOME | ERROR_TYPE)
}

/// A value's `Debug` form, no longer than a label value is worth: a megabyte of it stays in its place.
fn written_within_limit(value: &dyn Debug) -> String {
    struct Limited(String);
    impl std::fmt::Write for Limited {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            if self.0.len() <= MAX_VALUE_BYTES {
                self.0.push_str(text);
            }
            Ok(())
        }
    }
    let mut limited = Limited(String::new());
    // A Debug implementation that fails has written what it could.
    let _partial = write!(limited, "{value:?}");
    limited.0
}

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            name if is_count(name) => self.count(name, value.parse().ok()),
            name => self.text(name, value),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            name if is_count(name) => self.count(name, Some(value)),
            name => self.written(name, &value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match field.name() {
            name if is_count(name) => self.count(name, u64::try_from(value).ok()),
            name => self.written(name, &value),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match field.name() {
            name if is_count(name) => {
                let whole = value.fract() == 0.0 && (0.0..=MAX_COUNT as f64).contains(&value);
                self.count(name, whole.then_some(value as u64));
            }
            name => self.written(name, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.written(field.name(), value);
    }
}
