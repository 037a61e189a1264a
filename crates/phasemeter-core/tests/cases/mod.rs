//! What properties are tried on, and how: texts, names, durations and orders of every kind.

#![allow(dead_code, reason = "each test binary uses its part")]

use phasemeter_core::slots::{BOUNDS_NS, UPPER_NS};
use phasemeter_core::{Limits, Moment, Registry, Samples, Snapshot, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Nothing is kept between runs: a case that failed becomes a test of its own.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// A list, and the same in another order.
pub(crate) fn two_orders<T: std::fmt::Debug + Clone>(
    list: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = [Vec<T>; 2]> {
    list.prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()).prop_map(|(one, two)| [one, two]))
}

/// Text of any characters, of those that a format gives a meaning most of all.
pub(crate) fn any_text(characters: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let awkward = select(&['\\', '"', '\n', 'n', '\r', '\0', '{', '}', ',', '=', ' ', '#', 'ä', '\u{2028}', '🦀'][..]);
    vec(prop_oneof![3 => awkward, 1 => any::<char>()], characters).prop_map(String::from_iter)
}

pub(crate) fn label_name() -> impl Strategy<Value = String> {
    let any = "_?[a-zA-Z][a-zA-Z0-9_]{0,5}".prop_filter("is reserved", |name| name != "le");
    // One that others have too.
    prop_oneof![3 => any, 1 => Just("a".to_owned())]
}

/// Names of labels, and what may not be one.
pub(crate) fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![4 => label_name(), 1 => any_text(0..4), 1 => "le|__[a-z]|[0-9][a-z]"]
}

/// What Prometheus takes as the name of a label, less what is reserved.
pub(crate) fn may_be_label(name: &str) -> bool {
    let first_fits = name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
    let all_fit = name.chars().all(|character| character == '_' || character.is_ascii_alphanumeric());
    first_fits && all_fit && !name.starts_with("__") && name != "le"
}

/// Durations at the bounds, where mistakes are, and of every length.
pub(crate) fn elapsed_ns() -> impl Strategy<Value = u64> {
    let bound = prop_oneof![select(&BOUNDS_NS[..]), select(&UPPER_NS[..])];
    let near_bound = (bound, -1..=1_i64).prop_map(|(bound, by)| bound.saturating_add_signed(by));
    let of_every_length = (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift);
    prop_oneof![near_bound, of_every_length]
}

/// A registry whose clock stands still.
pub(crate) fn registry(limits: Limits) -> Registry {
    Registry::new(limits, Moment::default)
}

pub(crate) fn text(samples: Samples) -> String {
    let mut out = String::new();
    encode::text(&Snapshot::new(samples), &mut out);
    out
}
