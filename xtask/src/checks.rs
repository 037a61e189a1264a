//! Which steps there are, in which order.

use std::process::{Command, Stdio};

use crate::servers;
use crate::steps::{Step, Verdict, run_command};

/// Features of `phasemeter`, each of which must stand alone.
const FEATURES: [&str; 13] = [
    "collect",
    "gpu",
    "host",
    "journal",
    "macros",
    "metrics",
    "profiling",
    "progress",
    "prometheus",
    "serve",
    "sysinfo",
    "testing",
    "tokio",
];

/// The steps; `full` adds those that take over a minute.
pub(crate) fn steps(full: bool) -> Vec<Step> {
    let mut steps = vec![
        Step::command("format", "rustfmt has nothing to change", "cargo fmt --all --check"),
        Step::command(
            "clippy",
            "no warning anywhere",
            "cargo clippy --workspace --all-targets --all-features --locked -- -D warnings",
        ),
        Step { name: "features", about: "each feature stands alone", check: Box::new(features) },
        Step { name: "servers", about: "the programs that the tests run are at hand", check: Box::new(bring_servers) },
        Step::command(
            "examples",
            "the examples build, for the end to end tests",
            "cargo build --package phasemeter-examples --examples --locked",
        ),
        Step { name: "tests", about: "unit, property, golden, attribute and end to end", check: Box::new(tests) },
        Step {
            name: "reference",
            about: "Python's reference parser reads our text formats",
            check: Box::new(reference),
        },
        Step { name: "docs", about: "the documentation has no broken link", check: Box::new(docs) },
    ];
    if full {
        steps.push(Step { name: "bench", about: "the benchmarks build, and their own tests", check: Box::new(bench) });
        steps.push(Step { name: "loom", about: "what threads may do to each other in core", check: Box::new(loom) });
        steps.push(Step { name: "asan", about: "no access that AddressSanitizer objects to", check: Box::new(asan) });
        steps.push(Step {
            name: "valgrind",
            about: "no wild access and no leak where threads go",
            check: Box::new(valgrind),
        });
        steps.push(Step {
            name: "miri",
            about: "no undefined behaviour that miri sees in core",
            check: Box::new(miri),
        });
        steps.push(Step { name: "slow", about: "tests that take over a minute", check: Box::new(slow) });
        steps.push(Step { name: "deny", about: "licences and sources of dependencies", check: Box::new(deny) });
    }
    steps
}

fn features() -> Result<Verdict, String> {
    let check = "cargo clippy --package phasemeter --locked --no-default-features";
    run_command(&format!("{check} -- -D warnings"), &[])?;
    for feature in FEATURES {
        run_command(&format!("{check} --features {feature} -- -D warnings"), &[])?;
    }
    for package in ["phasemeter-analysis", "phasemeter-collect", "phasemeter-otel"] {
        run_command(&format!("cargo clippy --package {package} --locked --all-targets -- -D warnings"), &[])?;
    }
    Ok(Verdict::Holds)
}

fn bring_servers() -> Result<Verdict, String> {
    println!("{}", servers::bring()?);
    Ok(Verdict::Holds)
}

fn tests() -> Result<Verdict, String> {
    test_command("cargo test --workspace --all-features --locked")
}

/// The test brings the package itself; beside the others, it passes where there is no Python.
fn reference() -> Result<Verdict, String> {
    if !answers("python3 -m pip --version") {
        return Ok(Verdict::Skipped("no python3 with pip: install `python3-pip`".into()));
    }
    run_command(
        "cargo test --package phasemeter-core --test reference_parser --locked",
        &[("PHASEMETER_REFERENCE_PARSER", "required")],
    )
}

/// A workspace of its own.
fn bench() -> Result<Verdict, String> {
    let folder = servers::target_folder().join("bench").to_string_lossy().into_owned();
    let variables = [("CARGO_TARGET_DIR", &*folder)];
    run_command("cargo clippy --manifest-path bench/Cargo.toml --all-targets --locked -- -D warnings", &variables)?;
    run_command("cargo test --manifest-path bench/Cargo.toml --locked", &variables)
}

/// In a target folder of its own: the flag makes every dependency another one.
fn loom() -> Result<Verdict, String> {
    let folder = servers::target_folder().join("loom").to_string_lossy().into_owned();
    let variables = [("RUSTFLAGS", "--cfg loom"), ("CARGO_TARGET_DIR", &*folder)];
    run_command("cargo test --package phasemeter-core --lib --release --locked models", &variables)
}

/// In a target folder of its own, as with loom. The target is named, so that macros and build scripts, which run inside
/// the compiler, go without. Leaks are left to valgrind: here a test takes thousands of names that are kept for good.
fn asan() -> Result<Verdict, String> {
    let folder = servers::target_folder().join("asan").to_string_lossy().into_owned();
    let variables = [
        ("RUSTC_BOOTSTRAP", "1"),
        ("RUSTFLAGS", "-Zsanitizer=address"),
        ("ASAN_OPTIONS", "detect_leaks=0"),
        ("CARGO_TARGET_DIR", &*folder),
    ];
    let test = |what: &str| format!("cargo test --target {} --locked {what}", host());
    // The smallest there is: where its tests cannot be linked, nothing can.
    if let Err(message) = run_command(&test("--package phasemeter-alloc --no-run"), &variables) {
        return Ok(Verdict::Skipped(format!("cannot be built here: {message}")));
    }
    run_command(&test("--package phasemeter-core --lib --tests"), &variables)?;
    run_command(&test("--package phasemeter --all-features --test stress"), &variables)
}

/// One thread runs at a time under valgrind: fairly, or the reader would take all of it. Lost memory is an error; what
/// may be lost is none, as the standard library keeps the main thread's handle by a pointer into its middle.
fn valgrind() -> Result<Verdict, String> {
    if !answers("valgrind --version") {
        return Ok(Verdict::Skipped("valgrind is not installed: install `valgrind`".into()));
    }
    let runner = format!("CARGO_TARGET_{}_RUNNER", host().to_uppercase().replace('-', "_"));
    let memcheck = "valgrind --quiet --fair-sched=yes --leak-check=full --show-leak-kinds=definite,indirect \
                    --errors-for-leak-kinds=definite,indirect --error-exitcode=1";
    run_command("cargo test --package phasemeter-core --test seats --locked", &[(&*runner, memcheck)])
}

fn miri() -> Result<Verdict, String> {
    if !answers("cargo miri --version") {
        let install = "rustup component add miri rust-src, with a nightly toolchain";
        return Ok(Verdict::Skipped(format!("cargo miri does not answer: {install}")));
    }
    run_command("cargo miri test --package phasemeter-core --lib --locked", &[])
}

/// The target that the compiler runs on.
fn host() -> String {
    let version = Command::new("rustc").arg("-vV").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned()
}

/// Those whose names end so; other ignored tests are parts of tests that start them.
fn slow() -> Result<Verdict, String> {
    test_command("cargo test --workspace --all-features --release --locked -- --ignored in_full")
}

/// Tests find the servers through the environment.
fn test_command(line: &str) -> Result<Verdict, String> {
    let servers = servers::bring()?;
    let variables = servers.variables();
    let variables: Vec<_> = variables.iter().map(|(name, path)| (*name, &**path)).collect();
    run_command(line, &variables)
}

fn docs() -> Result<Verdict, String> {
    run_command("cargo doc --workspace --no-deps --locked", &[("RUSTDOCFLAGS", "-D warnings")])
}

fn deny() -> Result<Verdict, String> {
    if answers("cargo deny --version") {
        run_command("cargo deny check bans licenses sources", &[])
    } else {
        Ok(Verdict::Skipped("cargo-deny is not installed: cargo install cargo-deny".into()))
    }
}

/// Whether this command can be run here.
fn answers(line: &str) -> bool {
    let mut words = line.split(' ');
    let program = words.next().expect("invariant: a line names its program");
    let status = Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
