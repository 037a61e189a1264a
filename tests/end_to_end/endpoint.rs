//! What the run shows, to whom, and how long: the page, the last scrape, Ctrl-C, the switch that turns it off.

use std::fs;
use std::net::TcpStream;

use phasemeter_tests::example::{Serving, documents, run_with};
use phasemeter_tests::program::Program;
use phasemeter_tests::tree::{MAX_FILE_BYTES, Tree};

/// What somebody reads of a row of the page, its cells apart.
#[track_caller]
fn row(page: &str, phase: &str) -> String {
    let row = page.split("<tr").find(|row| row.contains(&format!(">{phase}</bdi>")));
    let mut rest = row.unwrap_or_else(|| panic!("no row for {phase} in\n{page}"));
    let mut text = String::new();
    while let Some((before, behind)) = rest.split_once('<') {
        text.push_str(before);
        let tag;
        (tag, rest) = behind.split_once('>').unwrap_or((behind, ""));
        if matches!(tag, "br" | "/td" | "/th") {
            text.push('|');
        }
    }
    text
}

#[test]
fn the_page_shows_every_phase_with_its_counts() {
    let tree = Tree::mixed();
    let mut serving = Serving::start(&tree.root(), &["--max-file-bytes", MAX_FILE_BYTES]);
    serving.wait_done();
    let page = serving.get("/");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("text/html"), "{}", page.head);
    let of = &tree.expected;
    let ok = |count: u64| format!("|{count} ok|");
    let extract = row(&page.body, "extract");
    for wanted in [ok(of.ok), format!("|{} failed|", of.errors()), format!("|{} skipped|", of.skipped)] {
        assert!(extract.contains(&wanted), "{wanted} is not in {extract}");
    }
    for kind in of.failed.keys() {
        assert!(extract.contains(kind), "{kind} is not in {extract}");
    }
    for phase in ["chunk", "embed", "store"] {
        let row = row(&page.body, phase);
        assert!(row.contains(&ok(of.chunks)), "{} is not in {row}", ok(of.chunks));
    }
    assert_eq!(serving.get("/healthz").status, 200);
    assert_eq!(serving.get("/elsewhere").status, 404);
}

#[test]
fn after_the_last_scrape_it_does_not_linger() {
    let tree = Tree::empty();
    let mut serving = Serving::start(&tree.root(), &["--once", "--linger", "3600"]);
    serving.program.wait_told("linger", |told| told.contains("waiting up to 3600 s").then_some(()));
    // Looking at the page is no scrape.
    assert_eq!(serving.get("/").status, 200);
    assert!(!serving.metrics().is_empty());
    let ended = serving.program.ended();
    assert_eq!(ended.status, Some(0));
    assert!(ended.stderr.ends_with("documents: scraped\n"), "{}", ended.stderr);
}

#[test]
fn where_nobody_scrapes_it_says_so_and_ends() {
    let tree = Tree::empty();
    let ended = Serving::start(&tree.root(), &["--once", "--linger", "1"]).program.ended();
    assert_eq!(ended.status, Some(0));
    assert!(ended.stderr.ends_with("documents: nobody came\n"), "{}", ended.stderr);
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_serving_and_lingering_well() {
    let tree = Tree::empty();
    let mut serving = Serving::start(&tree.root(), &[]);
    serving.wait_done();
    let mut lingering = Serving::start(&tree.root(), &["--once", "--linger", "3600"]);
    lingering.program.wait_told("linger", |told| told.contains("waiting up to 3600 s").then_some(()));
    for waiting in [serving, lingering] {
        waiting.program.interrupt();
        let ended = waiting.program.ended();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        assert!(!ended.stdout.is_empty());
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_during_the_run_is_status_130_and_leaves_the_store_as_it_was() {
    let tree = Tree::slow(4);
    let store = tempfile::tempdir().expect("a temporary folder");
    fs::write(store.path().join("documents.redb"), "an earlier one").expect("a file");
    let mut command = documents();
    command.arg(tree.root()).args(["--workers", "1", "--listen", "127.0.0.1:0", "--out"]).arg(store.path());
    let running = Serving::start_command(&mut command);
    running.program.interrupt();
    let ended = running.program.ended();
    assert_eq!(ended.status, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("interrupted: the store is as it was before"), "{}", ended.stderr);
    assert!(ended.stdout.contains("and was then interrupted"), "{}", ended.stdout);
    let names = fs::read_dir(store.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["documents.redb"]);
    let earlier = fs::read_to_string(store.path().join("documents.redb"));
    assert_eq!(earlier.ok().as_deref(), Some("an earlier one"));
}

#[test]
fn by_default_nobody_else_on_the_network_is_answered() {
    let tree = Tree::empty();
    let mut command = documents();
    let mut serving = Serving::start_command(command.arg(tree.root()).env("OTEL_EXPORTER_PROMETHEUS_PORT", "0"));
    serving.wait_done();
    assert_eq!(serving.address.ip().to_string(), "127.0.0.1");
    assert_eq!(serving.get("/healthz").status, 200);
    // Linux has all of 127/8: whoever listens on every address answers here as well.
    #[cfg(target_os = "linux")]
    assert!(TcpStream::connect(("127.0.0.2", serving.address.port())).is_err());
}

#[test]
fn switched_off_it_runs_all_the_same_without_an_endpoint_and_says_so() {
    let tree = Tree::mixed();
    for switch in [("MONITORING_ENABLED", "false"), ("OTEL_SDK_DISABLED", "true")] {
        // Without --once: there is nothing to serve, so it ends.
        let ended = run_with(&tree.root(), ["--max-file-bytes", MAX_FILE_BYTES], &[switch]);
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains(&format!("{} files in ", tree.expected.files())), "{}", ended.stdout);
        assert!(ended.stdout.contains("Measuring is switched off"), "{}", ended.stdout);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("http://"), "{}", ended.stderr);
    }
    let mut command = documents();
    command.arg(tree.root()).args(["--json", "--listen", "127.0.0.1:0"]).env("MONITORING_ENABLED", "false");
    let ended = Program::start(&mut command).ended();
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one object");
    assert_eq!((&summary["phases"], summary.get("url")), (&serde_json::json!([]), None));
}
