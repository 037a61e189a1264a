//! One file a workload, or a few that belong together.

mod agent;
mod background;
mod exact;
mod exposition;
mod floor;
mod future;
mod items;
mod metric;
mod one_phase;
mod other_callsites;
mod plain_span;
mod record;
mod shapes;
mod track;
mod wait;

use crate::workload::{Subject, Workload};

pub use agent::OURS as AGENT;
pub use items::SHAPES;

/// Everything that is measured, in the order in which it is shown.
#[must_use]
pub fn all() -> Vec<Workload> {
    let mut workloads = Vec::new();
    workloads.extend(floor::workloads());
    workloads.extend(plain_span::workloads());
    workloads.extend(other_callsites::workloads());
    workloads.extend(exact::workloads());
    workloads.extend(future::workloads());
    workloads.extend(track::workloads());
    workloads.extend(wait::workloads());
    workloads.extend(metric::workloads());
    workloads.extend(background::workloads());
    workloads.extend(items::workloads());
    workloads.extend(one_phase::workloads());
    workloads.extend(record::workloads());
    workloads.extend(shapes::workloads());
    workloads.extend(exposition::workloads());
    workloads.extend(agent::workloads());
    workloads
}

/// The subject of this name, which is its workload's and its own.
#[must_use]
pub fn find(name: &str) -> Option<Subject> {
    let (workload, subject) = name.split_once('/')?;
    let workload = all().into_iter().find(|known| known.name == workload)?;
    workload.subjects.into_iter().find(|known| known.name == subject)
}
