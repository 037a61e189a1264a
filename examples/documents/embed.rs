//! Phase *embed*: a vector for each chunk, so that near texts have near vectors.
//!
//! This is feature hashing and no language model: it knows spellings, not meanings. Each word, and each three letters in
//! a row inside of one, adds to or takes from one of 256 numbers that its hash picks. So *tokenizer* is near to
//! *tokenise*, and not to *lexer*.

use std::path::Path;

use phasemeter::{Phase, phase};

/// One item a chunk, one run a batch of them.
pub(crate) static EMBED: Phase = Phase::new("embed");

/// How long every vector is.
pub(crate) const DIMENSIONS: usize = 256;

/// Of length 1, or 0 where a text has no words.
pub(crate) type Vector = [f32; DIMENSIONS];

/// Embeds a batch of chunks of one file.
#[phase(EMBED, items = texts.len(), item = file.display())]
pub(crate) fn embed(file: &Path, texts: &[&str]) -> Vec<Vector> {
    texts.iter().map(|text| vector(text)).collect()
}

/// The vector of one text.
pub(crate) fn vector(text: &str) -> Vector {
    let mut features = features(text);
    features.sort_unstable();
    let mut vector = [0.0; DIMENSIONS];
    for same in features.chunk_by(|one, other| one == other) {
        // What stands there ten times says more than once, but not ten times as much.
        let weight = 1.0 + (same.len() as f32).ln();
        let hash = same[0];
        vector[hash as usize % DIMENSIONS] += if hash >> 63 == 0 { weight } else { -weight };
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
    vector
}

/// How near two vectors are: 1 for the same direction, 0 for nothing in common.
pub(crate) fn cosine(one: &Vector, other: &Vector) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// The words of a text, as they are written: runs of letters, digits and underscores.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

fn features(text: &str) -> Vec<u64> {
    let mut features = Vec::with_capacity(text.len());
    let mut letters = Vec::new();
    for word in words(text) {
        letters.clear();
        letters.push('^');
        letters.extend(word.chars().flat_map(char::to_lowercase));
        letters.push('$');
        features.push(hash(&letters));
        features.extend(letters.windows(3).map(hash));
    }
    features
}

/// FNV-1a, and two rounds of mixing that bring every letter into every bit.
fn hash(letters: &[char]) -> u64 {
    let mixed = letters.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, letter| {
        (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x100_0000_01B3)
    });
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearness(one: &str, other: &str) -> f32 {
        cosine(&vector(one), &vector(other))
    }

    #[test]
    fn words_are_letters_digits_and_underscores() {
        let found: Vec<_> = words("Fn `phase_items_total`(2), na\u{ef}ve\u{2014}\u{65E5}\u{672C}!").collect();
        assert_eq!(found, ["Fn", "phase_items_total", "2", "na\u{ef}ve", "\u{65E5}\u{672C}"]);
    }

    #[test]
    fn a_vector_has_length_one_or_none() {
        for text in ["a", "two words", "\u{65E5}\u{672C}\u{8A9E}", &"many words here ".repeat(100)] {
            assert!((nearness(text, text) - 1.0).abs() < 1e-5, "{text}");
        }
        assert_eq!(vector(" ... \n"), [0.0; DIMENSIONS]);
    }

    #[test]
    fn letter_case_and_punctuation_do_not_matter() {
        assert_eq!(vector("Hello, WORLD"), vector("hello world!"));
    }

    #[test]
    fn near_spellings_are_nearer_than_other_words() {
        let near = nearness("tokenizer", "tokenizers");
        assert!(near > 0.6 && near > 2.0 * nearness("tokenizer", "parliament"), "{near}");
    }

    #[test]
    fn a_text_is_nearest_to_one_that_shares_its_words() {
        let query = "rivers and lakes";
        let (about, other) = ("the lakes and rivers of the north", "a compiler turns source text into code");
        assert!(nearness(query, about) > 0.3 + nearness(query, other));
    }
}
