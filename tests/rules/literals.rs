//! Texts that stand in a source. Documentation is none of them.

use std::collections::BTreeSet;

use proc_macro2::{Literal, TokenTree};
use syn::Lit;

use crate::source::{Source, each_group};

/// Where a source has a text that holds one of these names as a whole word.
#[must_use]
pub fn names(source: &Source, names: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    each_group(source.tokens(), &mut |trees| {
        // Inside of an attribute `doc = "…"` is documentation.
        if trees.first().is_some_and(|tree| matches!(tree, TokenTree::Ident(word) if word == "doc")) {
            return;
        }
        for tree in trees {
            let TokenTree::Literal(literal) = tree else { continue };
            let text = text_of(literal);
            found.extend(names_in(&text, names).map(|name| source.finding(literal.span(), name)));
        }
    });
    found
}

/// The names that a text holds as whole words, or as the parts that a histogram has.
pub fn names_in<'a>(text: &str, names: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | ':');
    let words = text.split(|letter| !is_part(letter)).map(|word| word.trim_matches(['.', ':']));
    let whole = |word: &str| {
        let part = ["_bucket", "_count", "_sum"].into_iter().find_map(|part| word.strip_suffix(part));
        part.unwrap_or(word).to_owned()
    };
    let words: BTreeSet<_> = words.flat_map(|word| [word.to_owned(), whole(word)]).collect();
    names.iter().filter(move |name| words.contains(*name)).map(String::as_str)
}

fn text_of(literal: &Literal) -> String {
    match Lit::new(literal.clone()) {
        Lit::Str(text) => text.value(),
        Lit::ByteStr(bytes) => String::from_utf8_lossy(&bytes.value()).into_owned(),
        Lit::CStr(text) => text.value().to_string_lossy().into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let all = BTreeSet::from(["phase.items".to_owned(), "phase_items_total".to_owned()]);
        assert_eq!(names(&Source::new("a.rs", text), &all), expected, "{text}");
    }

    #[test]
    fn a_name_is_found_in_every_text() {
        check("const A: &str =\n\"phase.items\";", &["a.rs:2: phase.items"]);
        check("fn a() { b(format!(\"{{}} phase_items_total{{x}} 1\")); }", &["a.rs:1: phase_items_total"]);
        check("const A: &[u8] = br#\"phase.items 1\"#;", &["a.rs:1: phase.items"]);
        check("#[a = \"phase.items\"] mod b {}", &["a.rs:1: phase.items"]);
        check("const A: &str = \"rate(phase_items_total_sum[5m])\";", &["a.rs:1: phase_items_total"]);
        check(
            "const A: &str = \".phase_items_total {} Of phase.items.\";",
            &["a.rs:1: phase.items", "a.rs:1: phase_items_total"],
        );
    }

    #[test]
    fn parts_of_words_tests_and_documentation_are_none() {
        check("const A: &str = \"phase.items.b my_phase_items_total phase_items_total_2\";", &[]);
        check(
            "/// Counts `phase.items`.\nstruct A; // phase.items\n#[cfg(test)] mod b { const C: &str = \"phase.items\"; }",
            &[],
        );
        check("//! Shows `phase_items_total`.\nfn phase_items_total() {}", &[]);
    }
}
