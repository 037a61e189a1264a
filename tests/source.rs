//! The workspace's sources, parsed, without what is compiled for tests only.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, File, Item, ItemImpl, ItemMod, ItemTrait, Meta, Stmt, Token};

/// One file.
pub struct Source {
    /// Where it lies in the workspace.
    pub path: String,
    /// What stands in it.
    pub text: String,
    /// The same, parsed, without what is compiled for tests only.
    pub syntax: File,
    /// Files in which it has modules that are compiled for tests only.
    test_modules: Vec<PathBuf>,
}

/// The folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// All sources of the crates that are published: `crates/*/src`.
#[must_use]
pub fn of_crates() -> Vec<Source> {
    let crates = files(&root().join("crates"));
    let is_source = |path: &Path| {
        path.strip_prefix(root().join("crates")).is_ok_and(|path| path.iter().nth(1) == Some("src".as_ref()))
    };
    parsed(crates.iter().filter(|path| is_source(path)))
}

/// All sources below a folder of the workspace.
#[must_use]
pub fn below(folder: &str) -> Vec<Source> {
    parsed(files(&root().join(folder)).iter())
}

/// Files of the published crates that are no Rust, as the page's style: path and text.
///
/// # Panics
/// One cannot be read.
#[must_use]
pub fn other_files_of_crates() -> Vec<(String, String)> {
    let all = files(&root().join("crates"));
    let others = all.iter().filter(|path| path.iter().any(|part| part == "src") && !is_rust(path));
    others.map(|path| (relative(path), fs::read_to_string(path).expect("a text"))).collect()
}

fn parsed<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Vec<Source> {
    let read = |path: &PathBuf| Source::new(&relative(path), &fs::read_to_string(path).expect("a source is a text"));
    let sources: Vec<_> = paths.filter(|path| is_rust(path)).map(read).collect();
    let for_tests: Vec<_> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    let is_for_tests = |source: &Source| for_tests.iter().any(|module| module == Path::new(&source.path));
    sources.into_iter().filter(|source| !is_for_tests(source)).collect()
}

/// All files below a folder, sorted.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

impl Source {
    /// Parses a file.
    ///
    /// # Panics
    /// It is no Rust.
    #[must_use]
    #[track_caller]
    pub fn new(path: &str, text: &str) -> Self {
        let mut syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let test_modules = test_modules(Path::new(path), &syntax);
        WithoutTests.visit_file_mut(&mut syntax);
        Self { path: path.to_owned(), text: text.to_owned(), syntax, test_modules }
    }

    /// Everything in it, the insides of macros included.
    pub fn tokens(&self) -> TokenStream {
        self.syntax.to_token_stream()
    }

    /// A finding, with where it was found.
    #[must_use]
    pub fn finding(&self, at: Span, what: &str) -> String {
        format!("{}:{}: {what}", self.path, at.start().line)
    }
}

/// Shows each run of tokens between two brackets, from the outside in.
pub(crate) fn each_group(tokens: TokenStream, show: &mut impl FnMut(&[TokenTree])) {
    let trees: Vec<_> = tokens.into_iter().collect();
    show(&trees);
    for tree in trees {
        if let TokenTree::Group(group) = tree {
            each_group(group.stream(), show);
        }
    }
}

/// The files that `#[cfg(test)] mod name;` may mean.
fn test_modules(path: &Path, syntax: &File) -> Vec<PathBuf> {
    let stem = path.file_stem().unwrap_or_default();
    let is_root = ["lib", "main", "mod"].iter().any(|root| stem == *root);
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if is_root { folder.to_owned() } else { folder.join(stem) };
    let modules = syntax.items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() && is_for_tests(module) => Some(module.ident.to_string()),
        _ => None,
    });
    modules.flat_map(|name| [folder.join(&name).with_extension("rs"), folder.join(name).join("mod.rs")]).collect()
}

/// Leaves out what `#[cfg(test)]` stands on.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_for_tests(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut ItemImpl) {
        block.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, item: &mut ItemTrait) {
        item.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement: &Stmt| !is_for_tests(statement));
        visit_mut::visit_block_mut(self, block);
    }
}

/// Whether one of the attributes in front says that it is compiled for tests only.
fn is_for_tests(node: &impl ToTokens) -> bool {
    let tokens: Vec<_> = node.to_token_stream().into_iter().collect();
    let attributes = tokens.chunks(2).map_while(|pair| match pair {
        [TokenTree::Punct(hash), TokenTree::Group(attribute)] if hash.as_char() == '#' => Some(attribute.stream()),
        _ => None,
    });
    attributes.filter_map(|attribute| syn::parse2::<Meta>(attribute).ok()).any(|attribute| match &attribute {
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition))
        }
        Meta::Path(_) | Meta::List(_) | Meta::NameValue(_) => attribute.path().is_ident("test"),
    })
}

fn needs_test(condition: &Meta) -> bool {
    let parts = |list: &syn::MetaList| list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => parts(list).is_ok_and(|parts| parts.iter().any(needs_test)),
        Meta::List(list) if list.path.is_ident("any") => parts(list).is_ok_and(|parts| parts.iter().all(needs_test)),
        Meta::List(_) | Meta::NameValue(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let expected: TokenStream = expected.parse().expect("tokens");
        assert_eq!(Source::new("src/a.rs", text).tokens().to_string(), expected.to_string());
    }

    #[test]
    fn what_is_compiled_for_tests_only_is_left_out() {
        check("fn a() {} #[cfg(test)] mod tests { fn b() {} }", "fn a() {}");
        check("#[cfg(all(unix, test))] use a::b; struct C;", "struct C;");
        check("impl A { #[cfg(test)] fn b() {} fn c() { #[cfg(test)] d(); } }", "impl A { fn c() {} }");
        check("mod inner { #[test] fn a() {} }", "mod inner {}");
    }

    #[test]
    fn what_is_compiled_otherwise_as_well_stays() {
        for text in ["#[cfg(not(test))] fn a() {}", "#[cfg(any(test, unix))] fn a() {}", "#[must_use] fn test() {}"] {
            check(text, text);
        }
    }

    #[test]
    fn the_files_of_test_modules_are_known() {
        let modules = |path| Source::new(path, "mod a; #[cfg(test)] mod tests;").test_modules;
        assert_eq!(modules("x/page/mod.rs"), [Path::new("x/page/tests.rs"), Path::new("x/page/tests/mod.rs")]);
        assert_eq!(modules("x/page.rs"), [Path::new("x/page/tests.rs"), Path::new("x/page/tests/mod.rs")]);
    }

    #[test]
    fn a_finding_names_the_line() {
        let source = Source::new("src/a.rs", "\n\nfn a() {}");
        let first = source.tokens().into_iter().next().expect("a token");
        assert_eq!(source.finding(first.span(), "here"), "src/a.rs:3: here");
    }
}
