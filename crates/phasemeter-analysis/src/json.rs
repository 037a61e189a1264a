//! Types of other crates, as JSON has them.

pub(crate) mod outcome {
    //! An outcome is its word.

    use std::borrow::Cow;

    use phasemeter_core::Outcome;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(outcome.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        Outcome::parse(&word)
            .ok_or_else(|| D::Error::custom(format!("{word:?} is no outcome: it is ok, error or cancelled")))
    }
}
