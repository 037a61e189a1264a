//! What the fields of a plain span say, by the role that their name has.

use std::borrow::Cow;
use std::fmt::Debug;

use phasemeter_core::{DropReason, Drops, MAX_COUNT, Outcome};
use tracing::field::{Field, Visit};

use crate::error_type::error_type_of_source;

pub(crate) const PHASE_NAME: &str = "phase.name";
const ITEMS: &str = "phase.items";
const BYTES: &str = "phase.bytes";
const TOTAL: &str = "phase.total";
const OUTCOME: &str = "phase.outcome";
const ITEM: &str = "phase.item";
/// What follows is the name of the unit: `phase.unit.tokens = 512`.
const UNIT: &str = "phase.unit.";
/// A span that has this field is measured from level detailed on, whatever its value.
pub(crate) const PHASE_DETAILED: &str = "phase.detailed";
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
    pub(crate) item: Option<String>,
    pub(crate) units: Vec<(Cow<'static, str>, u64)>,
    /// The values of those fields that are further labels.
    pub(crate) labels: Vec<(&'static str, String)>,
}

/// The label that a field is: dots as underscores.
pub(crate) fn label_of_field(field: &str) -> String {
    field.replace('.', "_")
}

/// Fills [`Fields`], and counts what it cannot take.
pub(crate) struct Reader<'a> {
    pub(crate) fields: Fields,
    /// Fields that are further labels.
    labels: &'a [String],
    drops: &'a Drops,
}

/// What a field is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Items,
    Bytes,
    Total,
    Unit(&'static str),
    Phase,
    Pipeline,
    Outcome,
    ErrorType,
    Item,
    Label(&'static str),
    None,
}

impl Role {
    /// By the field's name; `labels` are the fields that are further labels.
    pub(crate) fn of(name: &'static str, labels: &[String]) -> Self {
        match name {
            ITEMS => Self::Items,
            BYTES => Self::Bytes,
            TOTAL => Self::Total,
            PHASE_NAME => Self::Phase,
            PIPELINE_NAME => Self::Pipeline,
            OUTCOME => Self::Outcome,
            ERROR_TYPE => Self::ErrorType,
            ITEM => Self::Item,
            name => match name.strip_prefix(UNIT) {
                Some(unit) => Self::Unit(unit),
                None if labels.iter().any(|label| label == name) => Self::Label(name),
                None => Self::None,
            },
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(labels: &'a [String], drops: &'a Drops) -> Self {
        Self { fields: Fields::default(), labels, drops }
    }

    fn role(&self, field: &Field) -> Role {
        Role::of(field.name(), self.labels)
    }

    fn count(&mut self, count: Option<u64>) -> Option<u64> {
        let count = count.filter(|count| *count <= MAX_COUNT);
        if count.is_none() {
            self.drops.count(DropReason::InvalidCount);
        }
        count
    }

    /// Takes a value: `count` is what it says as a count, `text` what it says as a text.
    fn take(&mut self, field: &Field, count: impl FnOnce() -> Option<u64>, text: impl FnOnce() -> String) {
        match self.role(field) {
            Role::Items => self.fields.items = self.count(count()).or(self.fields.items),
            Role::Bytes => self.fields.bytes = self.count(count()).or(self.fields.bytes),
            Role::Total => self.fields.total = self.count(count()).or(self.fields.total),
            Role::Unit(unit) => {
                let count = self.count(count());
                self.fields.units.extend(count.map(|count| (unit.into(), count)));
            }
            Role::Phase => self.fields.phase = Some(text()),
            Role::Pipeline => self.fields.pipeline = Some(text()),
            Role::ErrorType => self.fields.error_type = Some(text()),
            Role::Item => self.fields.item = Some(text()),
            Role::Label(name) => self.fields.labels.push((name, text())),
            Role::Outcome => match Outcome::parse(&text()) {
                Some(outcome) => self.fields.outcome = Some(outcome),
                None => self.drops.count(DropReason::InvalidOutcome),
            },
            Role::None => {}
        }
    }
}

/// A value's `Debug` form. A value of many megabytes is written in full, as any log layer does: shortened before, two
/// long names could become one.
fn written(value: &dyn Debug) -> String {
    format!("{value:?}")
}

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, || value.parse().ok(), || value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, || Some(value), || value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, || u64::try_from(value).ok(), || value.to_string());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.take(field, || u64::try_from(value).ok(), || value.to_string());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.take(field, || u64::try_from(value).ok(), || value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let is_whole = value.fract() == 0.0 && (0.0..=MAX_COUNT as f64).contains(&value);
        self.take(field, || is_whole.then_some(value as u64), || value.to_string());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        match self.role(field) {
            // `error.type = &error as &dyn Error`: what is wanted is what the error is called, not what it says.
            Role::ErrorType => self.fields.error_type = Some(error_type_of_source(value).into_owned()),
            _ => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, || written(value).parse().ok(), || written(value));
    }
}
