//! What phasemeter costs, measured: nanoseconds of CPU, instructions and allocations per operation.
//!
//! ```text
//! driver ─→ a fresh process for each number ─→ child: one subject of one workload, again and again
//!   └─→ Results ─→ table, JSON, the document
//! ```
//!
//! Peers, in `peers`, are measured at the same work in the same session; what is held against something has a name in
//! [`summary`]. Out is what counts in another process, as the spanmetrics connector does, and `measured` from 0.1 on,
//! which needs a newer compiler.
//!
//! A workload is a file in `workloads`; its subjects are the ways to do the same. A new one is a line in
//! [`workloads::all`]. Nanoseconds are of the process's CPU, so that what else the machine does matters little;
//! conclusions are drawn from instructions and allocations, which do not depend on it.

pub mod agents;
pub mod child;
pub mod driver;
pub mod machine;
pub mod peers;
pub mod report;
pub mod results;
pub mod shares;
pub mod subscribers;
pub mod summary;
pub mod threads;
pub mod workload;
pub mod workloads;

mod arguments;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Task};

/// Both programs: the one that starts the others, and the ones that are started.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::All(wanted) => report::measure(&wanted),
        Task::List => {
            workloads::all().iter().flat_map(|workload| workload.names()).for_each(|name| println!("{name}"));
            Ok(())
        }
        Task::Time { name, slices } => child::time(&name, slices),
        Task::Repeat { name, turns } => child::repeat(&name, turns),
        Task::Allocate { name, turns } => child::allocate(&name, turns),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
