//! The one sentence that is read first.

use crate::analysis::{Analysis, PhaseUsage, WhatIf};
use crate::event::Flow;
use crate::words::{duration, items, percent, rate};

pub(super) fn verdict(analysis: &Analysis) -> String {
    if analysis.has_too_little() {
        let most = analysis.phases.iter().map(|phase| phase.items).max().unwrap_or(0);
        return format!("not enough data ({})", items(most));
    }
    let sentence = match analysis.flow {
        Flow::Sequential => sequential(analysis),
        Flow::Streaming => streaming(analysis),
    };
    sentence.unwrap_or_else(|| "nothing was at work yet".to_owned())
}

fn sequential(analysis: &Analysis) -> Option<String> {
    let longest = analysis.phases.iter().filter(|phase| phase.on_path_ns > 0).max_by_key(|phase| phase.on_path_ns)?;
    let outside = analysis.outside_ns as f64 / analysis.wall_ns.max(1) as f64;
    if analysis.outside_ns > longest.on_path_ns {
        return Some(format!("for {} of the time no phase was at work: measure what happens there", percent(outside)));
    }
    let twice: WhatIf = format!("{}=2x", longest.name).parse().ok()?;
    let gain = analysis.what_if(&twice).ok()?.shorter;
    Some(format!(
        "{} takes {} of the time ({} of {}): twice as fast, the run is {} shorter",
        longest.name,
        percent(longest.time_share),
        duration(longest.on_path_ns),
        duration(analysis.wall_ns),
        percent(gain)
    ))
}

fn streaming(analysis: &Analysis) -> Option<String> {
    let bound = analysis.bound.as_ref()?;
    let slowest = analysis.phase(&bound.phase)?;
    let full = slowest.utilisation.map_or(String::new(), |share| format!(", full for {} of the time", percent(share)));
    let at_most = bound.capacity_per_s.map_or(String::new(), |capacity| format!(" to at most {}", rate(capacity)));
    Some(format!("{} ({}{full}) limits the run{at_most}", slowest.name, crew(slowest)))
}

fn crew(phase: &PhaseUsage) -> String {
    match phase.workers {
        1 => "one worker".to_owned(),
        workers => format!("{workers} workers"),
    }
}
