//! What only a system call tells of the process.

use nix::sys::resource::{UsageWho, getrusage};

/// How often threads of the process left a CPU, by why.
pub(crate) fn context_switches() -> Option<[(&'static str, u64); 2]> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let count = |switches: nix::libc::c_long| u64::try_from(switches).ok();
    Some([
        ("voluntary", count(usage.voluntary_context_switches())?),
        ("involuntary", count(usage.involuntary_context_switches())?),
    ])
}
