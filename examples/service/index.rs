//! Which documents hold which words. Pure: no clock, no lock, no network.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;

/// Documents, and where their words are.
#[derive(Debug, Default)]
pub(crate) struct Index {
    documents: HashMap<u64, Indexed>,
    /// Which documents hold a word, and how often.
    holders: HashMap<String, Vec<(u64, u32)>>,
}

#[derive(Debug)]
struct Indexed {
    text: String,
    words: u32,
}

/// A document that a search found.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Found {
    pub(crate) document: u64,
    /// The sum, over the words sought, of how much of the document a word is and how rare it is among documents.
    pub(crate) score: f64,
    /// How its text begins.
    pub(crate) begins: String,
}

/// A text without any word would never be found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoWords;

const BEGINNING_CHARS: usize = 60;

/// Letters and digits that stand together, whatever their case.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

impl Index {
    /// Makes a document findable. Its number must be a new one.
    pub(crate) fn add(&mut self, document: u64, text: String) -> Result<(), NoWords> {
        let mut counts = HashMap::<String, u32>::new();
        words(&text).for_each(|word| *counts.entry(word).or_default() += 1);
        if counts.is_empty() {
            return Err(NoWords);
        }
        let words = counts.values().sum();
        for (word, count) in counts {
            self.holders.entry(word).or_default().push((document, count));
        }
        self.documents.insert(document, Indexed { text, words });
        Ok(())
    }

    /// Documents that hold any of the words, the best first.
    pub(crate) fn search(&self, query: &str, most: usize) -> Vec<Found> {
        let mut scores = BTreeMap::<u64, f64>::new();
        for holders in words(query).filter_map(|word| self.holders.get(&word)) {
            let rarity = (1.0 + self.documents.len() as f64 / holders.len() as f64).ln();
            for (document, count) in holders {
                let words = self.documents[document].words;
                *scores.entry(*document).or_default() += f64::from(*count) / f64::from(words) * rarity;
            }
        }
        let mut scores: Vec<_> = scores.into_iter().collect();
        // Stable, so that of equals the earlier document is first.
        scores.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let found = |(document, score)| {
            let begins = self.documents[&document].text.chars().take(BEGINNING_CHARS).collect();
            Found { document, score, begins }
        };
        scores.into_iter().take(most).map(found).collect()
    }
}

impl fmt::Display for NoWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it holds no word")
    }
}

impl std::error::Error for NoWords {}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str]) -> Index {
        let mut index = Index::default();
        for (text, number) in texts.iter().zip(1..) {
            index.add(number, (*text).to_owned()).expect("it holds words");
        }
        index
    }

    #[track_caller]
    fn check(texts: &[&str], query: &str, expected: &[u64]) {
        let found: Vec<_> = index(texts).search(query, 3).iter().map(|found| found.document).collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn documents_are_found_by_any_of_their_words_in_any_case() {
        let texts = ["Über Bäume", "two words, two", "three"];
        check(&texts, "über", &[1]);
        check(&texts, "TWO", &[2]);
        check(&texts, "three-words", &[3, 2]);
        check(&texts, "four", &[]);
        check(&texts, "", &[]);
    }

    #[test]
    fn more_of_a_rarer_word_is_better_and_of_equals_the_earlier_is_first() {
        check(&["common rare", "common common", "common rare rare", "common"], "rare", &[3, 1]);
        check(&["common rare", "common x", "common y"], "common rare", &[1, 2, 3]);
        check(&["a", "a", "a", "a"], "a", &[1, 2, 3]);
    }

    #[test]
    fn a_document_without_words_is_refused_and_leaves_nothing_behind() {
        let mut index = index(&["word"]);
        assert_eq!(index.add(2, " ?! ".to_owned()), Err(NoWords));
        assert_eq!(index.documents.len(), 1);
    }

    #[test]
    fn an_answer_holds_only_the_beginning_of_a_text() {
        let text = "\u{e4}".repeat(100);
        assert_eq!(index(&[&text]).search(&text, 1)[0].begins.chars().count(), BEGINNING_CHARS);
    }
}
