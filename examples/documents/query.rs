//! Phase *search*: which documents in a store are nearest to some words.
//!
//! A document's score is three quarters the words of the query that stand in it, the rare ones for more, and one
//! quarter the cosine of its best chunk. So a word that stands in one document alone finds it first, and a word that
//! stands in none, a misspelt one perhaps, still finds what looks like it.

use std::collections::BTreeMap;

use phasemeter::{Phase, Track};
use serde::Serialize;

use crate::embed::{Vector, cosine, vector, words};
use crate::store::{Store, StoreError, StoredChunk};

/// One item a chunk compared, one run a query.
pub(crate) static SEARCH: Phase = Phase::new("search");

/// How many documents a query finds.
const ANSWERS: usize = 3;

/// How much of a score the words decide; the cosine decides the rest.
const WORDS_SHARE: f64 = 0.75;

/// Words to look for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    /// In small letters, each once. At most as many as `Hit::found` has bits; more decide by the vector alone.
    words: Vec<String>,
    vector: Vector,
}

/// A document that a query found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Answer {
    /// From 0 to 1.
    pub(crate) score: f64,
    pub(crate) path: String,
    /// What stands around the rarest word found.
    pub(crate) snippet: String,
}

/// How a chunk compares to a query.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hit {
    document: u64,
    index: u32,
    cosine: f32,
    /// One bit a word of the query, set where the word stands in the chunk.
    found: u64,
}

/// A document and its best chunk.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ranked {
    score: f64,
    document: u64,
    index: u32,
    /// The rarest word of the query that stands in this chunk.
    rarest: Option<usize>,
}

impl Query {
    /// Reads a query; nothing where it holds no word.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let mut all: Vec<_> = words(text).map(str::to_lowercase).collect();
        all.sort_unstable();
        all.dedup();
        all.truncate(u64::BITS as usize);
        (!all.is_empty()).then(|| Self { words: all, vector: vector(text) })
    }

    /// The nearest documents, the nearest first.
    pub(crate) fn search(&self, store: &Store) -> Result<Vec<Answer>, StoreError> {
        let mut hits = Vec::new();
        for chunk in store.chunks()?.track(&SEARCH) {
            hits.push(self.compare(&chunk?));
        }
        let mut ranked = rank(&hits, store.documents()?);
        ranked.truncate(ANSWERS);
        ranked.iter().map(|ranked| self.answer(store, ranked)).collect()
    }

    fn compare(&self, chunk: &StoredChunk) -> Hit {
        let places = words(&chunk.text).filter_map(|word| self.place(word));
        let found = places.fold(0, |found, place| found | 1 << place);
        Hit { document: chunk.document, index: chunk.index, cosine: cosine(&self.vector, &chunk.vector), found }
    }

    /// Which word of the query this is.
    fn place(&self, word: &str) -> Option<usize> {
        let word = word.to_lowercase();
        self.words.binary_search(&word).ok()
    }

    fn answer(&self, store: &Store, ranked: &Ranked) -> Result<Answer, StoreError> {
        let path = store.path(ranked.document)?.unwrap_or_default();
        let chunk = store.chunk(ranked.document, ranked.index)?;
        let snippet = chunk.map(|chunk| self.snippet(&chunk.text, ranked.rarest)).unwrap_or_default();
        Ok(Answer { score: ranked.score, path, snippet })
    }

    /// Some words around a word of the query, in one line; otherwise the first ones.
    fn snippet(&self, text: &str, place: Option<usize>) -> String {
        const BEFORE: usize = 8;
        const LENGTH: usize = 24;
        let all: Vec<_> = text.split_whitespace().collect();
        let first = all
            .iter()
            .position(|part| words(part).any(|word| place.is_some() && self.place(word) == place))
            .unwrap_or(0);
        let from = first.saturating_sub(BEFORE);
        let upto = all.len().min(from + LENGTH);
        let (before, after) =
            (if from > 0 { "\u{2026} " } else { "" }, if upto < all.len() { " \u{2026}" } else { "" });
        format!("{before}{}{after}", all[from..upto].join(" "))
    }
}

/// Every document by its score, then by its number.
fn rank(hits: &[Hit], documents: u64) -> Vec<Ranked> {
    let mut found_in = BTreeMap::<u64, u64>::new();
    for hit in hits {
        *found_in.entry(hit.document).or_default() |= hit.found;
    }
    let weights = weights(found_in.values(), documents);
    let mut best = BTreeMap::<u64, (f64, Ranked)>::new();
    for hit in hits {
        let nearness = (1.0 - WORDS_SHARE) * f64::from(hit.cosine).max(0.0);
        let found = found_in.get(&hit.document).copied().unwrap_or(hit.found);
        // The words count wherever in the document they stand; which chunk is shown depends on those in the chunk.
        let (in_chunk, score) = (share(&weights, hit.found) + nearness, share(&weights, found) + nearness);
        let ranked = Ranked { score, document: hit.document, index: hit.index, rarest: rarest(&weights, hit.found) };
        let (best_in_chunk, best) = best.entry(hit.document).or_insert((in_chunk, ranked));
        let score = best.score.max(score);
        if in_chunk > *best_in_chunk {
            (*best_in_chunk, *best) = (in_chunk, ranked);
        }
        best.score = score;
    }
    let mut ranked: Vec<_> = best.into_values().map(|(_, ranked)| ranked).collect();
    ranked.sort_by(|one, other| other.score.total_cmp(&one.score)); // stable: equal ones stay in order
    ranked
}

/// What each word of the query weighs: the more, the fewer documents it stands in (inverse document frequency). They
/// add up to `WORDS_SHARE`; a word that stands nowhere weighs nothing.
fn weights<'a>(found: impl Iterator<Item = &'a u64>, documents: u64) -> Vec<f64> {
    let mut standing_in = vec![0_u64; u64::BITS as usize];
    for found in found {
        standing_in.iter_mut().enumerate().for_each(|(place, count)| *count += (found >> place) & 1);
    }
    let rarity = |count: &u64| if *count == 0 { 0.0 } else { (1.0 + documents as f64 / *count as f64).ln() };
    let rarities: Vec<_> = standing_in.iter().map(rarity).collect();
    let sum: f64 = rarities.iter().sum();
    rarities.into_iter().map(|rarity| if sum > 0.0 { WORDS_SHARE * rarity / sum } else { 0.0 }).collect()
}

/// What the words found weigh together.
fn share(weights: &[f64], found: u64) -> f64 {
    standing(weights, found).map(|(_, weight)| weight).sum()
}

fn rarest(weights: &[f64], found: u64) -> Option<usize> {
    standing(weights, found).max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(place, _)| place)
}

/// Place and weight of the words found.
fn standing(weights: &[f64], found: u64) -> impl Iterator<Item = (usize, f64)> {
    weights.iter().copied().enumerate().filter(move |(place, _)| (found >> place) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares a query to documents of some chunks each, and returns their numbers, the best first.
    fn ranked(query: &str, documents: &[&[&str]]) -> Vec<Ranked> {
        let query = Query::new(query).expect("it holds a word");
        let mut hits = Vec::new();
        for (document, texts) in (0..).zip(documents) {
            for (index, text) in (0..).zip(*texts) {
                let chunk = StoredChunk { document, index, text: (*text).to_owned(), vector: vector(text) };
                hits.push(query.compare(&chunk));
            }
        }
        rank(&hits, documents.len() as u64)
    }

    #[track_caller]
    fn check(query: &str, documents: &[&[&str]], first: u64) {
        let ranked = ranked(query, documents);
        assert_eq!(ranked.first().map(|best| best.document), Some(first), "{ranked:?}");
        assert!(ranked.iter().all(|ranked| (0.0..=1.0001).contains(&ranked.score)), "{ranked:?}");
    }

    #[test]
    fn words_that_stand_in_one_document_alone_find_it_first() {
        let padding = "much other text about very many other things ".repeat(15);
        let texts: Vec<_> = (0..40).map(|number| format!("{padding} needle{number}x {padding}")).collect();
        let chunks: Vec<_> = texts.iter().map(|text| [text.as_str()]).collect();
        let documents: Vec<&[&str]> = chunks.iter().map(|chunks| &chunks[..]).collect();
        for number in 0..40 {
            // The others hold a word that is spelt nearly so, and all of the common ones.
            check(&format!("Needle{number}X"), &documents, number);
            check(&format!("about things needle{number}x"), &documents, number);
        }
    }

    #[test]
    fn words_count_wherever_in_a_document_they_stand() {
        check("alpha omega", &[&["alpha alpha"], &["alpha begins", "omega ends"], &["omega"]], 1);
    }

    #[test]
    fn a_misspelt_word_finds_what_looks_like_it() {
        check("tokeniser", &[&["rivers and lakes"], &["the tokenizer reads"], &["a parliament votes"]], 1);
    }

    #[test]
    fn of_equals_the_first_stays_first() {
        let numbers: Vec<_> =
            ranked("same", &[&["same"], &["same"], &["same"]]).iter().map(|one| one.document).collect();
        assert_eq!(numbers, [0, 1, 2]);
    }

    #[test]
    fn the_chunk_shown_is_the_one_with_the_words() {
        let ranked = ranked("omega", &[&["alpha", "beta", "here is omega", "gamma"]]);
        assert_eq!(ranked.iter().map(|one| (one.index, one.rarest)).collect::<Vec<_>>(), [(2, Some(0))]);
    }

    #[test]
    fn a_query_needs_a_word_and_forgets_repeated_ones() {
        assert_eq!(Query::new(" ?! "), None);
        assert_eq!(Query::new("a A b").map(|query| query.words), Some(vec!["a".to_owned(), "b".to_owned()]));
        let many: String = (0..100).map(|number| format!("word{number} ")).collect();
        assert_eq!(Query::new(&many).map(|query| query.words.len()), Some(64));
    }

    #[test]
    fn a_snippet_is_one_line_around_the_word() {
        let query = Query::new("here").expect("it holds a word");
        assert_eq!(query.snippet("stands\n\there, (Here)", Some(0)), "stands here, (Here)");
        assert_eq!(query.snippet("elsewhere", None), "elsewhere");
        let (before, after) = ("before ".repeat(50), " after".repeat(50));
        let snippet = query.snippet(&format!("{before}here{after}"), Some(0));
        assert!(snippet.starts_with("\u{2026} before ") && snippet.ends_with(" after \u{2026}"), "{snippet}");
        assert!(snippet.contains(" here "), "{snippet}");
    }
}
