//! Where it was measured, in the general words that a ratio needs.

use std::fmt;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A class of machines, and the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Whether a hypervisor is below.
    pub is_virtual: bool,
    /// The architecture and the operating system.
    pub platform: String,
    /// What `rustc --version` says, without its revision.
    pub compiler: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let compiler = Command::new("rustc").arg("--version").output();
        let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            is_virtual: is_virtual(&processor),
            platform: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            compiler: without_revision(&compiler),
        }
    }
}

fn is_virtual(processor: &str) -> bool {
    let flags = processor.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

fn without_revision(compiler: &str) -> String {
    let words: Vec<_> = compiler.split_whitespace().take(2).collect();
    if words.is_empty() { "an unknown rustc".to_owned() } else { words.join(" ") }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, is_virtual, platform, compiler } = self;
        let kind = if *is_virtual { "virtual machine" } else { "machine" };
        write!(f, "a {kind} of {cores} cores ({platform}), {compiler}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hypervisor_and_a_revision_are_seen() {
        assert!(is_virtual("model name : x\nflags : fpu hypervisor sse\n"));
        assert!(!is_virtual("flags : fpu sse\n") && !is_virtual(""));
        assert_eq!(without_revision("rustc 1.95.0 (59807616e 2026-04-14)\n"), "rustc 1.95.0");
        assert_eq!(without_revision(""), "an unknown rustc");
    }
}
