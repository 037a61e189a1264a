//! What was measured. Plain data: it is printed, written as JSON, and made into the document.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::summary::{Peers, Summary};

/// One session of measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where.
    pub machine: Machine,
    /// How many processes each number of nanoseconds comes from.
    pub rounds: usize,
    /// What the order of the processes was drawn from.
    pub seed: u64,
    /// Why there are no instructions, where there are none.
    pub no_instructions: Option<String>,
    /// Ours that are held against something, by name.
    pub summary: Summary,
    /// The same of each peer.
    pub peers: Peers,
    /// The numbers, in the order of the workloads.
    pub rows: Vec<Row>,
}

/// One subject of one workload, per operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The workload.
    pub workload: String,
    /// What one operation is.
    pub operation: String,
    /// The subject.
    pub subject: String,
    /// What the value is in: `ns` are nanoseconds of the process's CPU.
    pub unit: String,
    /// The value, over all rounds.
    pub value: Spread,
    /// Instructions, as callgrind counts them: none of the kernel's.
    pub instructions: Option<f64>,
    /// Allocations; none where several threads do it, or where it is no matter of turns.
    pub allocations: Option<f64>,
}

/// What several processes said of the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of them said less.
    pub lower_quartile: f64,
    /// Half of them said less.
    pub median: f64,
    /// A quarter of them said more.
    pub upper_quartile: f64,
}

impl Spread {
    /// Of these values; nothing where there are none.
    pub fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Self {
            lower_quartile: part(values, 0.25)?,
            median: part(values, 0.5)?,
            upper_quartile: part(values, 0.75)?,
        })
    }
}

/// The median; nothing where there are no values.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    part(values, 0.5)
}

/// The value that this part of the sorted ones is below, between two of them where it falls between.
fn part(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

impl Results {
    /// One line of them.
    #[must_use]
    pub fn row(&self, workload: &str, subject: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload == workload && row.subject == subject)
    }

    /// Writes them as JSON.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| format!("results as JSON: {error}"))?;
        std::fs::write(path, text + "\n").map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_where_they_should() {
        let spread = Spread::of(&mut [5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(spread, Some(Spread { lower_quartile: 2.0, median: 3.0, upper_quartile: 4.0 }));
        assert_eq!(median(&mut [1.0, 2.0]), Some(1.5));
        assert_eq!((Spread::of(&mut []), median(&mut [])), (None, None));
    }
}
