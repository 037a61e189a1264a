//! Features gate items, never statements: a function reads the same, whatever is switched on.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Block, Macro};

use crate::source::{Source, each_group};

/// Where a feature decides inside of a function, or within an expression anywhere.
#[must_use]
pub fn inside_functions(source: &Source) -> Vec<String> {
    let mut looking = Looking { source, found: Vec::new() };
    looking.visit_file(&source.syntax);
    looking.found
}

struct Looking<'a> {
    source: &'a Source,
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for Looking<'_> {
    fn visit_block(&mut self, block: &'ast Block) {
        // Blocks within, and macros, are among its tokens.
        self.conditions(block.to_token_stream());
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.conditions(called.to_token_stream());
        visit::visit_macro(self, called);
    }
}

impl Looking<'_> {
    /// `cfg(…)`, `cfg_attr(…)` and `cfg!(…)` that name a feature.
    fn conditions(&mut self, tokens: TokenStream) {
        each_group(tokens, &mut |trees| {
            for (place, tree) in trees.iter().enumerate() {
                let TokenTree::Ident(word) = tree else { continue };
                let condition = trees[place + 1..]
                    .iter()
                    .find(|tree| !matches!(tree, TokenTree::Punct(mark) if mark.as_char() == '!'));
                if let Some(TokenTree::Group(condition)) = condition
                    && (word == "cfg" || word == "cfg_attr")
                    && names_feature(condition.stream())
                {
                    self.found.push(self.source.finding(word.span(), &format!("{word}{condition}")));
                }
            }
        });
    }
}

fn names_feature(condition: TokenStream) -> bool {
    let mut is_named = false;
    each_group(condition, &mut |trees| {
        is_named |= trees.iter().any(|tree| matches!(tree, TokenTree::Ident(word) if word == "feature"))
    });
    is_named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(inside_functions(&Source::new("a.rs", text)), expected, "{text}");
    }

    #[test]
    fn conditions_inside_of_functions_are_found() {
        let found = ["a.rs:2: cfg(feature = \"x\")"];
        check("fn a() {\n#[cfg(feature = \"x\")] b(); }", &found);
        check("impl A { fn a() { loop {\n#[cfg(feature = \"x\")] let b = 1; } } }", &found);
        check("fn a() { match b {\n#[cfg(feature = \"x\")] C => {} _ => {} } }", &found);
        check("fn a() { A {\n#[cfg(feature = \"x\")] b: 1 }; }", &found);
        check("fn a() { if\ncfg!(feature = \"x\") {} }", &found);
        check("const A: bool =\ncfg!(feature = \"x\");", &found);
        check("fn a() { b! {\n#[cfg(feature = \"x\")] c } }", &found);
        check("trait A { fn a() {\n#[cfg(feature = \"x\")] b(); } }", &found);
        check(
            "fn a() { #[cfg_attr(not(feature = \"x\"), allow(y))] b(); }",
            &["a.rs:1: cfg_attr(not (feature = \"x\") , allow (y))"],
        );
    }

    #[test]
    fn conditions_on_items_are_none_and_neither_are_other_conditions() {
        check("#[cfg(feature = \"x\")] mod a; #[cfg(feature = \"x\")] pub use b::C;", &[]);
        check("enum A { #[cfg_attr(not(feature = \"x\"), allow(dead_code))] B }", &[]);
        check("fn a() { #[cfg(unix)] b(); if cfg!(debug_assertions) {} let cfg = feature; c(feature) }", &[]);
    }
}
