//! Names that a source must not name, written in full or brought by a `use`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemUse, UseTree};

use crate::source::{Source, each_group};

/// Where a source names one of these paths, as `std::fs`, or something below it.
#[must_use]
pub fn paths(source: &Source, forbidden: &[&str]) -> Vec<String> {
    findings(source, |name| {
        forbidden.iter().any(|path| {
            let is_below = name == *path || name.strip_prefix(path).is_some_and(|rest| rest.starts_with("::"));
            is_below || name.strip_suffix('*').is_some_and(|above| above.ends_with("::") && path.starts_with(above))
        })
    })
}

/// Where a source names one of these words, in whatever path, or takes everything out of a module, which may hold them.
#[must_use]
pub fn words(source: &Source, forbidden: &[&str]) -> Vec<String> {
    findings(source, |name| name.split("::").any(|part| part == "*" || forbidden.contains(&part)))
}

fn findings(source: &Source, is_forbidden: impl Fn(&str) -> bool) -> Vec<String> {
    let found: BTreeSet<_> = names(source)
        .into_iter()
        .filter(|(_, name)| is_forbidden(name))
        .map(|(at, name)| (at.start().line, source.finding(at, &name)))
        .collect();
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// Everything that is named, as far in full as the file's own `use` lines tell.
fn names(source: &Source) -> Vec<(Span, String)> {
    let mut uses = Uses::default();
    uses.visit_file(&source.syntax);
    let mut names = uses.names;
    each_group(source.tokens(), &mut |trees| {
        for (at, path) in written_paths(trees) {
            let (first, rest) = path.split_once("::").unwrap_or((&path, ""));
            let rest = if rest.is_empty() { String::new() } else { format!("::{rest}") };
            let first = uses.brought.get(first).map_or(first, String::as_str);
            names.push((at, format!("{first}{rest}")));
        }
    });
    names
}

/// `a::b::c` as it stands there; inside of macros as well.
fn written_paths(trees: &[TokenTree]) -> Vec<(Span, String)> {
    let mut paths: Vec<(Span, String)> = Vec::new();
    let mut colons = 0;
    for tree in trees {
        match tree {
            TokenTree::Ident(ident) => {
                match paths.last_mut().filter(|_| colons == 2) {
                    Some((_, path)) => *path = format!("{path}::{ident}"),
                    None => paths.push((ident.span(), ident.to_string())),
                }
                colons = 0;
            }
            TokenTree::Punct(colon) if colon.as_char() == ':' => colons += 1,
            // What follows is no more of the same path.
            TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Literal(_) => colons = 0,
        }
    }
    paths
}

/// What `use` lines name, and by which word it is called afterwards.
#[derive(Default)]
struct Uses {
    names: Vec<(Span, String)>,
    brought: BTreeMap<String, String>,
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add("", &item.tree);
        visit::visit_item_use(self, item);
    }
}

impl Uses {
    fn add(&mut self, above: &str, tree: &UseTree) {
        let below = |ident: &syn::Ident| match (above, ident.to_string().as_str()) {
            ("", name) => name.to_owned(),
            (above, "self") => above.to_owned(),
            (above, name) => format!("{above}::{name}"),
        };
        match tree {
            UseTree::Path(path) => self.add(&below(&path.ident), &path.tree),
            UseTree::Name(name) => {
                let full = below(&name.ident);
                let word = full.rsplit("::").next().unwrap_or_default().to_owned();
                self.bring(name.ident.span(), word, full);
            }
            UseTree::Rename(rename) => {
                self.bring(rename.rename.span(), rename.rename.to_string(), below(&rename.ident));
            }
            UseTree::Glob(glob) => self.names.push((glob.star_token.spans[0], format!("{above}::*"))),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add(above, tree)),
        }
    }

    fn bring(&mut self, at: Span, word: String, full: String) {
        self.names.push((at, full.clone()));
        self.brought.insert(word, full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORBIDDEN: [&str; 2] = ["std::fs", "std::time::Instant"];

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|expected| format!("a.rs:{expected}")).collect();
        assert_eq!(paths(&Source::new("a.rs", text), &FORBIDDEN), expected, "{text}");
    }

    #[test]
    fn names_are_found_however_they_are_brought() {
        check("use std::fs;", &["1: std::fs"]);
        check("use std::fs::File;\nfn a(_: File) {}", &["1: std::fs::File", "2: std::fs::File"]);
        check("use std::{fmt,\nfs::{self, File}};", &["2: std::fs", "2: std::fs::File"]);
        check("fn a() { ::std::fs::read(); }", &["1: std::fs::read"]);
        check("use std::time;\nfn a() { time::Instant::now(); }", &["2: std::time::Instant::now"]);
        check("use std as s;\nfn a() { s::fs::read() }", &["2: std::fs::read"]);
        check("use std::time::*;", &["1: std::time::*"]);
        check("fn a() { let _ = vec![std::fs::read(\"x\")]; }", &["1: std::fs::read"]);
        check("macro_rules! a { () => { std::time::Instant::now() } }", &["1: std::time::Instant::now"]);
        check("fn a() { use std::fs as files; }", &["1: std::fs"]);
    }

    #[test]
    fn words_and_other_paths_are_none() {
        check("use std::fmt;\nfn fs(instant: u8) { self::fs(instant) }", &[]);
        check("use std::time::Duration;\n/// Unlike `std::fs`.\nstruct A(&'static str);", &[]);
        check("#[cfg(test)] mod tests { use std::fs; }", &[]);
        check("use std::fs2::a;", &[]);
    }

    #[test]
    fn a_word_is_found_in_every_path() {
        let found = |text| words(&Source::new("a.rs", text), &["Registry", "registry"]).len();
        assert_eq!(found("use crate::Registry;"), 1);
        assert_eq!(found("fn a(_: &crate::registry::Limits) {}"), 1);
        assert_eq!(found("fn a() { b!(Registry) }"), 1);
        assert_eq!(found("use crate::*;"), 1);
        assert_eq!(found("use crate::Snapshot; /// The Registry.\nfn a(_: &Snapshot) {}"), 0);
    }
}
