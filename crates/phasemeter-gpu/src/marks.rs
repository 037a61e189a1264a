//! The labels by which series of one device are told from those of others: its UUID and its number, and nothing else.

use phasemeter_core::{Labels, Value};

/// The labels of one device.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    pub(crate) uuid: String,
    /// NVML's number of a GPU; `gpu:number` of a MIG device.
    pub(crate) name: String,
    device: Labels,
}

impl Marks {
    pub(crate) fn new(uuid: &str, name: &str) -> Self {
        let device = labels(&[("hw_id", uuid), ("hw_name", name)]);
        Self { uuid: uuid.to_owned(), name: name.to_owned(), device }
    }

    /// Of a GPU whose UUID nobody could ask for.
    pub(crate) fn nameless(name: &str) -> Self {
        // To Prometheus a label without a value is none.
        Self::new("", name)
    }

    /// Those alone.
    pub(crate) fn alone(&self) -> Labels {
        self.device.clone()
    }

    /// As pairs, for whoever adds labels of its own.
    pub(crate) fn pairs(&self) -> [(&str, &str); 2] {
        [("hw_id", &self.uuid), ("hw_name", &self.name)]
    }

    /// And these.
    pub(crate) fn with(&self, further: &[(&str, &str)]) -> Labels {
        let pairs: Vec<_> = self.pairs().into_iter().chain(further.iter().copied()).collect();
        labels(&pairs)
    }

    /// And these, on a metric that hardware of every kind has.
    pub(crate) fn hardware(&self, further: &[(&str, &str)]) -> Labels {
        let pairs: Vec<_> = further.iter().copied().chain([("hw_type", "gpu")]).collect();
        self.with(&pairs)
    }
}

/// Labels whose names are constants of this workspace.
fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).expect("invariant: constant, valid label names")
}

/// A count that goes both ways, from one that the driver gives without a sign.
pub(crate) fn level(count: u64) -> Value {
    Value::Level(i64::try_from(count).unwrap_or(i64::MAX))
}
