//! What cannot be used is refused with status 2 and a message that names it, before anything is read.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use phasemeter_tests::example::{Serving, documents, run, run_with};
use phasemeter_tests::program::{Ended, Program};
use phasemeter_tests::tree::Tree;

#[track_caller]
fn check(ended: &Ended, named: &[&str]) {
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""), "{}", ended.stderr);
    for name in named {
        assert!(ended.stderr.contains(name), "{name:?} is not in {:?}", ended.stderr);
    }
}

#[track_caller]
fn ended(command: &mut Command) -> Ended {
    Program::start(command).ended()
}

#[test]
fn a_folder_that_is_missing_or_a_file_is_named() {
    let tree = Tree::empty();
    let missing = tree.root().join("missing\nfolder");
    check(&run(&missing, &["--once"]), &["cannot read the folder", "missing\\nfolder", "No such file", "DIR"]);
    let file = tree.write("file", b"text");
    check(&run(&file, &["--once"]), &["cannot read the folder", &*file.to_string_lossy(), "Not a directory", "DIR"]);
}

#[test]
#[cfg(unix)]
fn a_folder_that_may_not_be_read_is_named() {
    let mut tree = Tree::empty();
    let folder = tree.closed_folder("closed");
    if fs::read_dir(&folder).is_ok() {
        eprintln!("not tested: this user may read everything");
        return;
    }
    let name = folder.to_string_lossy();
    check(&run(&folder, &["--once"]), &["cannot read the folder", &name, "Permission denied"]);
}

#[test]
fn an_address_that_is_none_is_quoted() {
    let tree = Tree::empty();
    for address in ["127.0.0.1:http", "127.0.0.1:70000", "http://127.0.0.1:9464", "a b:1", ""] {
        check(
            &run(&tree.root(), &["--once", "--listen", address]),
            &["--listen", &format!("{address:?}"), "HOST:PORT"],
        );
    }
    // Of a network that documentation alone uses: no machine has this address.
    check(&run(&tree.root(), &["--once", "--listen", "192.0.2.1:80"]), &["--listen", "192.0.2.1:80"]);
}

#[test]
fn a_port_that_is_taken_is_left_for_a_free_one_and_both_are_named() {
    let tree = Tree::empty();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let mut serving = Serving::start_command(documents().arg(tree.root()).args(["--listen", &address]));
    serving.wait_done();
    let told = serving.program.stderr();
    assert!(told.contains(&format!("{address} is taken, listening on {} instead", serving.address)), "{told}");
    assert_eq!(serving.get("/healthz").status, 200);
}

#[test]
fn a_store_that_cannot_be_used_is_named() {
    let tree = Tree::empty();
    let file = tree.write("file", b"text");
    let name = &*file.to_string_lossy();
    check(&run(&tree.root(), &["--once", "--out", name]), &["cannot make a folder for the store", name, "--out"]);

    let query = |folder: &Path| ended(documents().args(["--query-only", "--query", "word", "--out"]).arg(folder));
    check(&query(&tree.root()), &["cannot open the store", &*tree.root().to_string_lossy(), "--out"]);
    tree.write("documents.redb", b"no database at all");
    check(&query(&tree.root()), &["cannot open the store", &*tree.root().to_string_lossy(), "--out"]);
}

#[test]
fn other_arguments_are_refused_before_anything_is_read() {
    let tree = Tree::empty();
    check(&run(&tree.root(), &["--once", "--query", " ?! "]), &["--query", "\" ?! \"", "word"]);
    check(&run(&tree.root(), &["--once", "--workers", "0"]), &["--workers", "0"]);
    check(&run(&tree.root(), &["--linger", "1"]), &["--once"]);
    check(&run(&tree.root(), &["--once", "--max-file-bytes", "-1"]), &["-1"]);
    check(&ended(documents().args(["--query-only", "--query", "word"])), &["--out"]);
}

#[test]
fn variables_that_cannot_be_understood_are_named_and_ignored() {
    let tree = Tree::empty();
    let variables = [("OTEL_EXPORTER_PROMETHEUS_PORT", "http"), ("MONITORING_ENABLED", "maybe")];
    let ended = run_with(&tree.root(), ["--once", "--listen", "127.0.0.1:0"], &variables);
    assert_eq!(ended.status, Some(0));
    for (name, value) in variables {
        assert!(ended.stderr.contains(&format!("{name}={value:?} is ignored")), "{}", ended.stderr);
    }
}
