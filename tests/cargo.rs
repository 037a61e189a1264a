//! What cargo knows of the workspace: its packages, their dependencies, and what they pull in all.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::source::root;

/// A package of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The text of its Cargo.toml.
    pub manifest: String,
    /// What it and its build use, optional or not, on any platform; what only its tests use is not here.
    pub dependencies: BTreeSet<String>,
}

/// The packages of the workspace by name.
///
/// # Panics
/// Cargo fails.
#[must_use]
pub fn packages() -> BTreeMap<String, Package> {
    let json: Value = serde_json::from_str(&cargo("metadata --format-version 1 --no-deps")).expect("cargo prints JSON");
    let packages = json["packages"].as_array().expect("a list of packages");
    packages.iter().map(package).map(|package| (package.name.clone(), package)).collect()
}

/// What a package pulls with its default features on Linux, its macros' dependencies included: names and versions.
///
/// # Panics
/// Cargo fails.
#[must_use]
pub fn pulled_by(package: &str) -> BTreeSet<String> {
    let line = format!("tree --package {package} --edges normal --prefix none --target x86_64-unknown-linux-gnu");
    let tree = cargo(&line);
    let crates = tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    crates.filter(|line| !line.is_empty() && !line.starts_with(&format!("{package} "))).collect()
}

fn package(json: &Value) -> Package {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let dependencies = json["dependencies"].as_array().expect("a list of dependencies");
    let used = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    Package {
        name: text(&json["name"]),
        manifest: fs::read_to_string(text(&json["manifest_path"])).expect("a manifest is a text"),
        dependencies: used.map(|dependency| text(&dependency["name"])).collect(),
    }
}

/// Runs cargo by what is on this machine; only where that is not enough it may ask the network.
fn cargo(line: &str) -> String {
    let run = |more: &[&str]| {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(line.split(' ')).arg("--locked").args(more).current_dir(root()).output().expect("cargo starts")
    };
    let mut output = run(&["--offline"]);
    if !output.status.success() {
        output = run(&[]);
    }
    assert!(output.status.success(), "cargo {line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}
