//! Phase *chunk*: cuts a text into overlapping pieces, at whole words where there are any.

use std::ops::Range;
use std::path::Path;

use phasemeter::Phase;

/// One item a chunk, one run a document.
pub(crate) static CHUNK: Phase = Phase::new("chunk");

/// The length of a chunk at most, in characters.
const SIZE: usize = 800;

/// How much of a chunk the next one repeats at most, in characters, so that what a cut divides stands whole in one.
const OVERLAP: usize = 100;

/// Cuts the text of a file. What comes back are byte ranges of it; white space alone makes no chunk.
pub(crate) fn chunks(file: &Path, text: &str) -> Vec<Range<usize>> {
    // A guard rather than a closure: nothing in here can fail, and `inc` shows long documents while they are cut.
    let phase = CHUNK.start();
    phase.item(file.display());
    phase.bytes(text.len());
    cut(text).inspect(|_| phase.inc(1)).collect()
}

/// The cutting alone. Every character but white space lies in at least one chunk.
fn cut(text: &str) -> impl Iterator<Item = Range<usize>> {
    let (mut from, mut covered) = (Some(0), 0);
    std::iter::from_fn(move || {
        loop {
            let from_here = from?;
            let start = text.len() - text[from_here..].trim_start().len();
            let end = chunk_end(text, start);
            let chunk = start..start + text[start..end].trim_end().len();
            from = (end < text.len()).then(|| overlap_start(text, end));
            // Where only white space follows what was repeated, this chunk would say nothing new.
            if chunk.end > covered && !chunk.is_empty() {
                covered = chunk.end;
                return Some(chunk);
            }
        }
    })
}

/// At most `SIZE` characters on, behind the last whole word; in a word of over half that length, inside of it.
fn chunk_end(text: &str, start: usize) -> usize {
    let Some((length, next)) = text[start..].char_indices().nth(SIZE) else { return text.len() };
    let limit = start + length;
    if next.is_whitespace() {
        return limit;
    }
    let middle = text[start..limit].char_indices().nth(SIZE / 2).map_or(limit, |(middle, _)| start + middle);
    text[middle..limit].rfind(char::is_whitespace).map_or(limit, |space| middle + space)
}

/// At most `OVERLAP` characters back, before the first whole word; where there is none, inside of one.
fn overlap_start(text: &str, end: usize) -> usize {
    let back = text[..end].char_indices().rev().take(OVERLAP).last().map_or(end, |(back, _)| back);
    let is_word_start = text[..back].ends_with(char::is_whitespace);
    if is_word_start {
        return back;
    }
    text[back..end].find(char::is_whitespace).map_or(back, |space| back + space)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds for every text.
    #[track_caller]
    fn check(text: &str) -> Vec<&str> {
        let ranges: Vec<_> = cut(text).collect();
        let mut covered = 0;
        for range in &ranges {
            assert!(!range.is_empty() && text[range.clone()].chars().count() <= SIZE, "{range:?}");
            assert!(range.end > covered, "{range:?} repeats what came before");
            let (missed, repeated) = if range.start < covered {
                ("", &text[range.start..covered])
            } else {
                (&text[covered..range.start], "")
            };
            assert!(missed.trim().is_empty(), "{missed:?} is in no chunk");
            assert!(repeated.chars().count() <= OVERLAP, "{range:?} repeats {repeated:?}");
            covered = range.end;
        }
        assert!(text[covered..].trim().is_empty());
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn no_text_has_no_chunks() {
        assert!(check("").is_empty());
        assert!(check(&" \n\t".repeat(SIZE)).is_empty());
    }

    #[test]
    fn a_short_text_is_one_chunk_without_the_space_around_it() {
        assert_eq!(check(" \n some words\n"), ["some words"]);
        let full = "x".repeat(SIZE);
        assert_eq!(check(&full), [&full]);
        assert_eq!(check(&format!("{full}   ")), [&full]);
    }

    #[test]
    fn a_long_text_is_cut_between_words_and_repeats_some() {
        let text = (0..1000).map(|number| format!("word{number}")).collect::<Vec<_>>().join(" ");
        let chunks = check(&text);
        let is_whole = |word: &str| text.split(' ').any(|whole| whole == word);
        assert!(chunks.iter().all(|chunk| chunk.split(' ').all(is_whole)));
        let last_of_first = chunks[0].split(' ').next_back();
        assert!(last_of_first.is_some_and(|word| chunks[1].split(' ').any(|other| other == word)));
    }

    #[test]
    fn a_text_without_spaces_is_cut_between_characters() {
        let chunks = check(&"\u{65E5}\u{672C}\u{1F600}".repeat(1000)).len();
        assert_eq!(chunks, 1 + (3000 - SIZE).div_ceil(SIZE - OVERLAP));
    }

    #[test]
    fn texts_of_every_texture_are_covered() {
        let pieces = ["a", "\u{e4}", "\u{1F600}", " ", "\n", "longerword", "\u{3000}"];
        let mut state = 1_u64;
        for length in (0..4000).step_by(37) {
            let text: String = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    // Long stretches of one kind, then long ones of another.
                    let kinds = if state >> 62 == 0 { pieces.len() } else { 2 + length % 5 };
                    pieces[(state >> 33) as usize % kinds]
                })
                .collect();
            check(&text);
        }
        check(&format!("a{}b", " ".repeat(2 * SIZE)));
        check(&format!("{}{}b", "word ".repeat(SIZE / 5), " ".repeat(2 * SIZE)));
        check(&format!("{}{}", "word ".repeat(SIZE), "x".repeat(3 * SIZE)));
    }
}
