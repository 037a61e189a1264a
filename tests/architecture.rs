//! The absences that `ARCHITECTURE.md` lists: what is not in the sources, and what depends on nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use phasemeter_core::catalogue;
use phasemeter_tests::cargo::{Package, packages, pulled_by};
use phasemeter_tests::rules::{absent, features, literals, reasons, risks};
use phasemeter_tests::source::{Source, below, files, of_crates, other_files_of_crates, root};

/// Every source that is looked at gives no finding; at least so many are, or the rule has looked away.
#[track_caller]
fn check(sources: &[Source], at_least: usize, rule: impl Fn(&Source) -> Vec<String>) {
    assert!(sources.len() >= at_least, "only {} sources, not {at_least}", sources.len());
    let findings: Vec<_> = sources.iter().flat_map(rule).collect();
    assert!(findings.is_empty(), "{findings:#?}");
}

/// Sources of one crate.
fn of_crate(name: &str) -> Vec<Source> {
    below(&format!("crates/{name}/src"))
}

#[track_caller]
fn check_uses(packages: &BTreeMap<String, Package>, name: &str, expected: &[&str]) {
    let own = |name: &String| packages.contains_key(name);
    let dependencies = packages[name].dependencies.iter().filter(|name| own(name)).map(String::as_str);
    assert_eq!(dependencies.collect::<Vec<_>>(), expected, "{name}");
}

#[test]
fn crates_use_of_each_other_what_the_map_says() {
    let packages = packages();
    assert!(packages.len() >= 8, "{:?}", packages.keys());
    check_uses(&packages, "phasemeter-alloc", &[]);
    check_uses(&packages, "phasemeter-core", &[]);
    check_uses(&packages, "phasemeter-cli", &["phasemeter", "phasemeter-collect", "phasemeter-config"]);
    check_uses(&packages, "phasemeter-config", &["phasemeter-collect"]);
    check_uses(&packages, "phasemeter-macros", &[]);
    check_uses(&packages, "phasemeter-collect", &["phasemeter-core"]);
    check_uses(&packages, "phasemeter-gpu", &["phasemeter-collect", "phasemeter-core"]);
    check_uses(&packages, "phasemeter-serve", &["phasemeter-core"]);
    check_uses(&packages, "phasemeter-analysis", &["phasemeter-core"]);
    check_uses(&packages, "phasemeter-otel", &["phasemeter-core"]);
    let all = [
        "phasemeter-alloc",
        "phasemeter-analysis",
        "phasemeter-collect",
        "phasemeter-core",
        "phasemeter-gpu",
        "phasemeter-macros",
        "phasemeter-serve",
    ];
    check_uses(&packages, "phasemeter", &all);
    check_uses(&packages, "phasemeter-examples", &["phasemeter"]);
    check_uses(&packages, "phasemeter-tests", &["phasemeter-core"]);
    check_uses(&packages, "phasemeter-fake-nvml", &[]);
    check_uses(&packages, "xtask", &[]);
}

#[test]
fn core_depends_on_nothing_and_collect_on_others_only_by_feature() {
    let packages = packages();
    assert_eq!(packages["phasemeter-core"].dependencies, BTreeSet::new());
    // Features `host` and `sysinfo`.
    let all = ["nix", "phasemeter-core", "sysinfo"].map(str::to_owned);
    assert_eq!(packages["phasemeter-collect"].dependencies, BTreeSet::from(all));
    let collect = pulled_by("phasemeter-collect");
    assert!(collect.iter().all(|name| name.starts_with("phasemeter-core ")), "{collect:?}");
}

#[test]
fn core_names_no_file_socket_thread_clock_or_process() {
    let opened = [
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::os",
        "std::process",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
    ];
    check(&of_crate("phasemeter-core"), 12, |source| absent::paths(source, &opened));
}

#[test]
fn analysis_names_no_file_socket_thread_clock_or_process() {
    let opened = [
        "std::env",
        "std::fs",
        "std::net",
        "std::os",
        "std::process",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
    ];
    check(&of_crate("phasemeter-analysis"), 12, |source| absent::paths(source, &opened));
}

#[test]
fn config_names_no_file_socket_thread_clock_or_process() {
    let opened = [
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::os",
        "std::process",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
    ];
    check(&of_crate("phasemeter-config"), 10, |source| absent::paths(source, &opened));
}

#[test]
fn encoders_never_see_the_registry() {
    let forbidden = ["Registry", "PhaseCell", "registry", "cell"];
    check(&below("crates/phasemeter-core/src/encode"), 2, |source| absent::words(source, &forbidden));
}

#[test]
fn collectors_know_no_wire_format() {
    check(&of_crate("phasemeter-collect"), 3, |source| absent::words(source, &["encode"]));
    check(&of_crate("phasemeter-gpu"), 3, |source| absent::words(source, &["encode"]));
}

#[test]
fn otel_sees_snapshots_only_and_brings_no_runtime_and_no_opentelemetry() {
    let forbidden = ["Registry", "PhaseCell", "registry", "cell", "opentelemetry", "opentelemetry_proto", "prost"];
    check(&of_crate("phasemeter-otel"), 12, |source| absent::words(source, &forbidden));
    let pulled = pulled_by("phasemeter-otel");
    assert!(pulled.iter().any(|name| name.starts_with("ureq ")), "{pulled:#?}");
    let heavy = ["tokio", "serde", "hyper", "prost", "opentelemetry"];
    let found: Vec<_> = pulled.iter().filter(|name| heavy.iter().any(|heavy| name.starts_with(heavy))).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn default_features_pull_at_most_twenty_crates_and_none_of_the_heavy_ones() {
    let pulled = pulled_by("phasemeter");
    assert!(pulled.iter().any(|name| name.starts_with("tracing-subscriber ")), "{pulled:#?}");
    assert!(pulled.len() <= 20, "{} crates: {pulled:#?}", pulled.len());
    let heavy = ["tokio", "serde", "axum", "opentelemetry"];
    let found: Vec<_> = pulled.iter().filter(|name| heavy.iter().any(|heavy| name.starts_with(heavy))).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn features_gate_items_never_statements() {
    check(&of_crates(), 40, features::inside_functions);
    check(&below("examples"), 10, features::inside_functions);
}

#[test]
fn nothing_unwraps_and_nothing_is_unsafe() {
    for rule in [risks::unwraps, risks::unsafe_code] {
        // A global allocator is unsafe by its trait: a crate of its own holds it, and nothing else.
        // And one function reads the time stamp counter, and one file holds what the GPUs' driver gave, for which there
        // is no other way.
        let may = |source: &Source| {
            let files = ["phasemeter/src/clock/ticks.rs", "phasemeter-gpu/src/raw.rs"];
            source.path.starts_with("crates/phasemeter-alloc") || files.iter().any(|file| source.path.ends_with(file))
        };
        let sources: Vec<_> = of_crates().into_iter().filter(|source| !may(source)).collect();
        check(&sources, 40, rule);
        check(&below("examples"), 10, rule);
    }
    check(&of_crate("phasemeter-alloc"), 1, risks::unwraps);
    let ticks: Vec<_> = of_crates().into_iter().filter(|source| source.path.ends_with("clock/ticks.rs")).collect();
    check(&ticks, 1, risks::unwraps);
    assert_eq!(ticks.iter().flat_map(risks::unsafe_code).count(), 1, "the counter is read in one place");
    let raw: Vec<_> =
        of_crate("phasemeter-gpu").into_iter().filter(|source| source.path.ends_with("/raw.rs")).collect();
    check(&raw, 1, risks::unwraps);
    assert_eq!(raw.iter().flat_map(risks::unsafe_code).count(), 7, "what the driver gave is held in one place");
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let packages = packages();
    let manifests = packages.values().map(|package| (package.name.as_str(), &*package.manifest));
    let mut count = 0;
    for (name, manifest) in manifests.chain([("workspace", &*workspace)]) {
        let (dependencies, missing) = reasons::missing(manifest);
        assert!(missing.is_empty(), "{name}: {missing:#?}");
        count += dependencies;
    }
    assert!(count >= 35, "only {count} dependencies");
}

fn metric_names() -> BTreeSet<String> {
    catalogue::ALL.iter().flat_map(|metric| [metric.otel.to_owned(), metric.prometheus_name()]).collect()
}

/// Fields of plain spans, which are called as the metric that they feed. They are an interface of their own: what users
/// write does not change its name when a metric does.
const FIELDS: [(&str, [&str; 2]); 1] = [("crates/phasemeter/src/fields.rs", ["phase.items", "phase.bytes"])];

#[test]
fn no_metric_name_is_written_twice() {
    let names = metric_names();
    assert!(names.len() > catalogue::ALL.len());
    let declared = below("crates/phasemeter-core/src/catalogue");
    let found: usize = declared.iter().map(|source| literals::names(source, &names).len()).sum();
    assert!(found >= catalogue::ALL.len(), "its names are not found");

    let mut sources = of_crates();
    sources.retain(|source| !source.path.starts_with("crates/phasemeter-core/src/catalogue/"));
    let field = |path: &str| FIELDS.iter().find(|(file, _)| *file == path).map_or(&[][..], |(_, names)| names);
    let mut fields = 0;
    for source in &sources {
        let own = literals::names(source, &names);
        fields += own.len();
        let others: Vec<_> = own
            .iter()
            .filter(|finding| !field(&source.path).iter().any(|name| finding.ends_with(&format!(": {name}"))))
            .collect();
        assert!(others.is_empty(), "{others:#?}");
    }
    assert_eq!(fields, 2, "an exception that nothing needs, or one that is used twice");
    assert!(sources.len() >= 40, "only {} sources", sources.len());
}

#[test]
fn what_the_page_is_made_of_holds_no_metric_name() {
    let names = metric_names();
    check(&below("crates/phasemeter-serve/src/page"), 6, |source| literals::names(source, &names));
    let others = other_files_of_crates();
    assert!(others.iter().any(|(path, _)| path.ends_with(".css")), "{others:?}");
    for (path, text) in others {
        assert_eq!(literals::names_in(&text, &names).collect::<Vec<_>>(), [""; 0], "{path}");
    }
}

#[test]
fn every_source_begins_by_saying_what_it_is() {
    let head = |source: &Source| match source.text.strip_prefix("//! ") {
        Some(_) => Vec::new(),
        None => vec![source.path.clone()],
    };
    assert_eq!(head(&Source::new("a.rs", "// a comment\nfn a() {}")), ["a.rs"]);
    check(&of_crates(), 40, head);
    for (folder, at_least) in [("examples", 10), ("tests", 10), ("xtask", 4)] {
        check(&below(folder), at_least, head);
    }
}

/// The tests that a page names, as `file.rs::function`.
fn named_tests(page: &str) -> Vec<(&str, &str)> {
    page.split('`').filter_map(|code| code.split_once("::").filter(|(file, _)| file.ends_with(".rs"))).collect()
}

#[test]
fn every_test_that_the_page_of_features_names_is_there() {
    let page = fs::read_to_string(root().join("docs/features.md")).expect("the page is there");
    let files: Vec<_> =
        ["crates", "tests", "examples"].into_iter().flat_map(|folder| files(&root().join(folder))).collect();
    let is_there = |file: &str, function: &str| {
        let of_this_name = files.iter().filter(|path| path.file_name().is_some_and(|name| name == file));
        let text = |path| fs::read_to_string(path).expect("it was just listed");
        of_this_name.map(text).any(|text| text.contains(&format!("fn {function}(")))
    };
    let named = named_tests(&page);
    assert!(named.len() >= 30, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|(file, function)| !is_there(file, function)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!is_there("exact.rs", "there_is_no_such_test"));
}
