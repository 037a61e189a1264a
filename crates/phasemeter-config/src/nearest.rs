//! The key that was probably meant.

use crate::settings::ALL;

/// Of all settings and sections, the one that is most like this key, which is none.
pub(crate) fn nearest(key: &str) -> String {
    let key: String = key.to_ascii_lowercase().replace('-', "_").chars().take(MAX_LETTERS).collect();
    let candidates = candidates();
    let distance_to = |candidate: &&str| {
        let (section, last) = split(candidate);
        let (own_section, own_last) = split(&key);
        let likeness = if is_part(own_last, last) { 1 } else { distance(own_last, last) };
        // Who mistypes a key stands mostly in the right section.
        (likeness + usize::from(section != own_section), distance(&key, candidate))
    };
    candidates.iter().copied().min_by_key(distance_to).unwrap_or("monitoring").to_owned()
}

/// Distances take time by the square of this.
const MAX_LETTERS: usize = 100;

/// Sections stand before what is in them.
fn candidates() -> Vec<&'static str> {
    let mut all = Vec::new();
    for setting in ALL {
        let sections = setting.key.match_indices('.').filter_map(|(end, _)| setting.key.get(..end));
        for key in sections.chain([setting.key]) {
            if !all.contains(&key) {
                all.push(key);
            }
        }
    }
    all
}

/// Section and name.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// `interval` for `sample_interval`.
fn is_part(own: &str, other: &str) -> bool {
    own != other && own.len() >= 4 && other.contains(own)
}

/// How many letters are to be put in, left out, replaced or swapped with the next one.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, letter) in from.iter().enumerate() {
        let mut costs = vec![row + 1];
        let mut previous_of_to = None;
        for (column, other) in to.iter().enumerate() {
            let at = |costs: &[usize], column: usize| costs.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, column) + usize::from(letter != other);
            let mut least = replaced.min(at(&last, column + 1) + 1).min(at(&costs, column) + 1);
            if previous == Some(other) && previous_of_to == Some(letter) {
                least = least.min(at(&before_last, column.wrapping_sub(1)).saturating_add(1));
            }
            costs.push(least);
            previous_of_to = Some(other);
        }
        before_last = std::mem::replace(&mut last, costs);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_put_in_left_out_replaced_and_swapped() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abd", 1),
            ("abcd", "abdc", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[track_caller]
    fn check(key: &str, expected: &str) {
        assert_eq!(nearest(key), expected, "{key}");
    }

    #[test]
    fn a_mistyped_key_is_looked_for_in_its_section_first() {
        check("monitoring.resources.sample_intervall", "monitoring.resources.sample_interval");
        check("monitoring.resources.sampel_interval", "monitoring.resources.sample_interval");
        check("monitoring.resources.interval", "monitoring.resources.sample_interval");
        check("monitoring.progress.log-interval", "monitoring.progress.log_interval");
        check("monitoring.logging.Levle", "monitoring.logging.level");
    }

    #[test]
    fn a_key_that_stands_in_the_wrong_place_is_found_in_the_right_one() {
        check("monitoring.error_rate_threshold", "monitoring.alerts.error_rate_threshold");
        check("progress", "monitoring.progress");
        check("monitoring.allerts", "monitoring.alerts");
        check("monitorin", "monitoring");
    }
}
