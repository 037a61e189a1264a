//! `analyze`: where the time went, and what would help.

use std::fmt::Write as _;

use crate::analysis::{Advice, Analysis, Answer, PhaseUsage};
use crate::event::Flow;
use crate::render::Form;
use crate::render::table::{Table, heading, in_line, point};
use crate::state::Problem;
use crate::words::{duration, items, percent, rate};

/// All of an analysis.
#[must_use]
pub fn analysis(analysis: &Analysis, form: Form) -> String {
    let mut out = String::new();
    let name = |text: &str| in_line(text, form);
    if form == Form::Markdown {
        let _ = writeln!(out, "## {}: {}\n", name(&analysis.pipeline), name(&analysis.run));
    } else {
        let _ = writeln!(out, "{}: {}", name(&analysis.pipeline), name(&analysis.run));
    }
    let _ = writeln!(out, "{}.", name(&analysis.verdict));
    let put_out =
        analysis.items_per_s.map_or(String::new(), |per_s| format!(", {}, {}", items(analysis.items), rate(per_s)));
    let flow = match analysis.flow {
        Flow::Sequential => "one phase after the other",
        Flow::Streaming => "phases at the same time",
    };
    let status = if analysis.is_lost { "broke off" } else { analysis.status.as_str() };
    let _ = writeln!(out, "{status} after {}{put_out}; {flow}.", duration(analysis.wall_ns));
    heading("Where the time went", form, &mut out);
    phases(analysis, form).write(form, &mut out);
    notes(analysis, form, &mut out);
    if !analysis.advice.is_empty() {
        heading("What would help", form, &mut out);
        analysis.advice.iter().for_each(|advice| point(&in_line(&advice_line(advice), form), form, &mut out));
    }
    problems(&analysis.problems, form, &mut out);
    out
}

fn phases(analysis: &Analysis, form: Form) -> Table<9> {
    let head = ["phase", "time", "share", "busy", "waits in", "waits out", "full", "items", "capacity"];
    let mut table = Table::new(head);
    // Where all time is work, in all phases, nobody has looked for waiting.
    let waits = |phase: &PhaseUsage| phase.waiting_in_ns > 0 || phase.waiting_out_ns > 0 || phase.busy_share() < 1.0;
    let is_waiting_seen = analysis.phases.iter().any(|phase| phase.at_work_ns > 0 && waits(phase));
    for phase in &analysis.phases {
        let is_seen = phase.at_work_ns > 0;
        let waited = |share: f64| if is_seen && is_waiting_seen { percent(share) } else { "–".to_owned() };
        let of_seen = |text: String| if is_seen { text } else { "–".to_owned() };
        table.row([
            if form == Form::Plain { indented(phase) } else { phase.name.clone() },
            if is_seen { duration(phase.at_work_ns) } else { phase.status.as_str().to_owned() },
            of_seen(percent(phase.time_share)),
            of_seen(percent(phase.busy_share())),
            waited(phase.waiting_in_share()),
            waited(phase.waiting_out_share()),
            phase.utilisation.map_or("–".to_owned(), percent),
            phase.items.to_string(),
            phase.capacity_per_s.map_or("–".to_owned(), rate),
        ]);
    }
    if analysis.outside_ns > 0 {
        let share = percent(analysis.outside_ns as f64 / analysis.wall_ns.max(1) as f64);
        let none = String::new;
        let name = "(no phase)".to_owned();
        table.row([name, duration(analysis.outside_ns), share, none(), none(), none(), none(), none(), none()]);
    }
    table
}

fn indented(phase: &PhaseUsage) -> String {
    if phase.parent.is_some() { format!("  {}", phase.name) } else { phase.name.clone() }
}

fn notes(analysis: &Analysis, form: Form, out: &mut String) {
    let mut lines = Vec::new();
    if let Some(efficiency) = analysis.overlap_efficiency {
        lines.push(format!("overlap efficiency {efficiency:.3}: the longest phase, as a share of the run"));
    }
    if let Some(bound) = &analysis.bound {
        let at_most = bound.capacity_per_s.map_or(String::new(), |capacity| format!(", {} at most", rate(capacity)));
        let shortest = duration(bound.shortest_ns);
        lines.push(format!("bound: {}{at_most}; no shorter than {shortest}, were all to overlap", bound.phase));
    }
    if let Some(share) = analysis.initialisation_share {
        lines.push(format!("getting ready took {} of the busy time", percent(share)));
    }
    lines.extend(analysis.phases.iter().filter_map(machine_line));
    let little = |phase: &PhaseUsage| {
        let little = phase.little.filter(|little| !(0.8..=1.25).contains(&little.ratio()))?;
        Some(format!(
            "{}: {:.1} workers at work, but rate × latency says {:.1}: something is not measured",
            phase.name, little.at_work, little.rate_times_latency
        ))
    };
    lines.extend(analysis.phases.iter().filter_map(little));
    if !lines.is_empty() {
        out.push('\n');
        lines.iter().for_each(|line| point(&in_line(line, form), form, out));
    }
}

/// What the machine did meanwhile, where somebody looked.
fn machine_line(phase: &PhaseUsage) -> Option<String> {
    let (mean, most) = (&phase.machine, &phase.machine_at_most);
    let shares = [
        ("CPU", mean.cpu, most.cpu),
        ("iowait", mean.io_wait, most.io_wait),
        ("disk", mean.disk_busy, most.disk_busy),
        ("GPU", mean.gpu, most.gpu),
        ("GPU memory", mean.gpu_memory, most.gpu_memory),
    ];
    let shown = shares
        .into_iter()
        .filter_map(|(name, mean, most)| Some(format!("{name} {} (at most {})", percent(mean?), percent(most?))));
    let shown: Vec<_> = shown.collect();
    (!shown.is_empty()).then(|| format!("while {} worked: {}", phase.name, shown.join(", ")))
}

fn advice_line(advice: &Advice) -> String {
    let phase = advice.phase.as_deref().map_or(String::new(), |phase| format!("{phase}: "));
    let gain = advice.gain.map_or(String::new(), |gain| format!(" (up to {} shorter)", percent(gain)));
    format!("{phase}{}{gain} – {} [{}]", advice.action, advice.evidence, advice.threshold)
}

pub(super) fn problems(problems: &[Problem], form: Form, out: &mut String) {
    if problems.is_empty() {
        return;
    }
    heading("What is wrong with its events", form, out);
    for problem in problems {
        let phase = problem.phase.as_deref().map_or(String::new(), |phase| format!("{phase}: "));
        let times = if problem.count > 1 { format!(" ({} times)", problem.count) } else { String::new() };
        point(&in_line(&format!("{phase}{}{times}", problem.message), form), form, out);
    }
}

/// What would be, in one line.
#[must_use]
pub fn answer(answer: &Answer) -> String {
    let rate = answer.items_per_s.map_or(String::new(), |per_s| format!(", at most {}", rate(per_s)));
    let (word, share) = if answer.shorter >= 0.0 { ("shorter", answer.shorter) } else { ("longer", -answer.shorter) };
    format!(
        "{}: {} instead of {}, {} {word} (×{:.2}){rate}; supposing that {}",
        answer.question,
        duration(answer.after_ns),
        duration(answer.before_ns),
        percent(share),
        answer.speedup,
        answer.assumption
    )
}
