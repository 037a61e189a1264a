//! What may end a program that only wanted to be measured: `unwrap`, which says nothing, and `unsafe`.

use proc_macro2::TokenTree;

use crate::source::{Source, each_group};

/// Where a source unwraps.
#[must_use]
pub fn unwraps(source: &Source) -> Vec<String> {
    windows(source, |[before, word, _]| {
        let is_method = matches!(before, TokenTree::Punct(mark) if matches!(mark.as_char(), '.' | ':'));
        is_method && matches!(word, TokenTree::Ident(word) if word == "unwrap")
    })
}

/// Where a source is unsafe. `Token![unsafe]`, by which a macro reads the word, is not.
#[must_use]
pub fn unsafe_code(source: &Source) -> Vec<String> {
    windows(source, |[_, word, behind]| {
        let is_alone = matches!(behind, TokenTree::Punct(end) if end.as_char() == ';');
        !is_alone && matches!(word, TokenTree::Ident(word) if word == "unsafe")
    })
}

/// Findings among three tokens in a row; `;` stands in for what is before the first and behind the last.
fn windows(source: &Source, is_risk: impl Fn(&[TokenTree; 3]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    each_group(source.tokens(), &mut |trees| {
        let end = || TokenTree::Punct(proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone));
        let framed: Vec<_> = [end()].into_iter().chain(trees.iter().cloned()).chain([end()]).collect();
        for three in framed.windows(3).filter_map(|three| <&[TokenTree; 3]>::try_from(three).ok()) {
            if is_risk(three) {
                found.push(source.finding(three[1].span(), &three[1].to_string()));
            }
        }
    });
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Source) -> Vec<String>, text: &str, expected: &[&str]) {
        assert_eq!(rule(&Source::new("a.rs", text)), expected, "{text}");
    }

    #[test]
    fn an_unwrap_is_found() {
        let found = ["a.rs:2: unwrap"];
        check(unwraps, "fn a() {\nb().unwrap(); }", &found);
        check(unwraps, "fn a() { b.map(\nOption::unwrap); }", &found);
        check(unwraps, "fn a() { b!(\nc.unwrap()); }", &found);
        check(unwraps, "fn a() { b\n.unwrap(); }", &found);
    }

    #[test]
    fn what_only_looks_like_an_unwrap_is_none() {
        check(unwraps, "fn unwrap() { a.unwrap_or(1).expect(\"b\"); } /// `.unwrap()`\nstruct B;", &[]);
        check(unwraps, "#[cfg(test)] mod tests { fn a() { b.unwrap() } }", &[]);
    }

    #[test]
    fn unsafe_is_found() {
        let found = ["a.rs:2: unsafe"];
        check(unsafe_code, "fn a() {\nunsafe { b() } }", &found);
        check(unsafe_code, "\nunsafe fn a() {}", &found);
        check(unsafe_code, "struct A;\nunsafe impl Send for A {}", &found);
        check(unsafe_code, "\nunsafe extern \"C\" {}", &found);
        check(unsafe_code, "#[\nunsafe(no_mangle)] fn a() {}", &found);
        check(unsafe_code, "fn a() { b! {\nunsafe { c } } }", &found);
    }

    #[test]
    fn the_word_alone_is_not_unsafe() {
        check(unsafe_code, "fn a() { b(Token![unsafe], \"unsafe { }\"); }", &[]);
        check(unsafe_code, "#![forbid(unsafe_code)]", &[]);
    }
}
