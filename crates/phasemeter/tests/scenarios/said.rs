//! What a Meter measured, in words that a table can hold. What is 0 is left out.

use phasemeter::{CellReading, ItemOutcome, Outcome, PhaseReading, Value, catalogue};

use crate::trial::Trial;

impl Trial {
    /// Everything that was measured: `ok in 2 s, 3 items ok`; each phase by its name where it is not `work` alone.
    pub(crate) fn said(&self) -> String {
        let said = |reading: PhaseReading| Some((name(&reading), counts(&reading.counts, self.now_ns())?));
        let phases: Vec<_> = self.meter.phases().into_iter().filter_map(said).collect();
        let is_alone = matches!(&*phases, [(name, _)] if name == "work");
        let named = |(name, counts): (String, String)| if is_alone { counts } else { format!("{name}: {counts}") };
        let mut parts: Vec<String> = phases.into_iter().map(named).collect();
        if parts.is_empty() {
            parts.push("no run".to_owned());
        }
        parts.extend(self.dropped());
        parts.join("; ")
    }

    fn dropped(&self) -> Vec<String> {
        let snapshot = self.meter.snapshot();
        let dropped = snapshot.series(&catalogue::DROPPED).iter();
        let counted = dropped.filter(|series| series.value != Value::Count(0));
        counted
            .map(|series| format!("{} {}", series.value.as_f64(), series.labels.value("reason").unwrap_or("?")))
            .collect()
    }
}

/// The phase, with its labels, and its pipeline where that is not `test`.
fn name(reading: &PhaseReading) -> String {
    let mut name = reading.phase.to_string();
    for (label, value) in &reading.labels {
        name += &format!(" of {label} {value}");
    }
    if &*reading.pipeline != "test" {
        name += &format!(" of {}", reading.pipeline);
    }
    name
}

fn counts(counts: &CellReading, now_ns: u64) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(runs(counts));
    for outcome in ItemOutcome::ALL {
        let became = outcome.as_str();
        parts.extend(many(counts.items(outcome), "item").map(|items| format!("{items} {became}")));
        parts.extend(many(counts.bytes(outcome), "byte").map(|bytes| format!("{bytes} {became}")));
        let units = counts.units().filter(|unit| counts.count(unit, outcome) > 0);
        parts.extend(units.map(|unit| format!("{} {unit} {became}", counts.count(unit, outcome))));
    }
    parts.extend(many(counts.expected.max(0) as u64, "item").map(|items| format!("{items} expected")));
    if counts.active != 0 {
        let oldest_ns = counts.oldest_start_ns.map_or(0, |start| now_ns.saturating_sub(start));
        parts.push(format!("{} in flight for {}", counts.active, seconds(oldest_ns)));
    }
    if counts.held != 0 {
        parts.push(format!("{} held", counts.held));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `2 ok, error (panic) in 3 s`; errors of items alone stand behind.
fn runs(counts: &CellReading) -> Option<String> {
    let of = |(name, count): &(Box<str>, u64)| if *count == 1 { name.to_string() } else { format!("{count} {name}") };
    let errors = counts.errors.iter().map(of).collect::<Vec<_>>().join(" and ");
    let durations = Outcome::ALL.map(|outcome| (outcome, counts.durations(outcome)));
    let ended = durations.iter().filter(|(_, durations)| durations.count() > 0).map(|(outcome, durations)| {
        let many = if durations.count() == 1 { String::new() } else { format!("{} ", durations.count()) };
        let has_types = *outcome == Outcome::Error && !errors.is_empty();
        let types = if has_types { format!(" ({errors})") } else { String::new() };
        format!("{many}{}{types}", outcome.as_str())
    });
    let said = ended.collect::<Vec<_>>().join(", ");
    let elapsed_ns: u64 = durations.iter().map(|(_, durations)| durations.sum_ns).sum();
    let timed = if elapsed_ns == 0 { said } else { format!("{said} in {}", seconds(elapsed_ns)) };
    let has_failed = counts.durations(Outcome::Error).count() > 0;
    let items = if has_failed || errors.is_empty() { String::new() } else { format!(", errors of items: {errors}") };
    Some(timed + &items).filter(|said| !said.is_empty())
}

fn many(count: u64, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    }
}

fn seconds(nanos: u64) -> String {
    format!("{} s", nanos as f64 / 1e9)
}
