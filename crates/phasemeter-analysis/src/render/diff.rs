//! `diff`: one run against another.

use std::fmt::Write as _;

use crate::compare::{Comparison, PhaseChange};
use crate::render::Form;
use crate::render::table::{Table, in_line};
use crate::words::{change, duration, percent};

/// All of a comparison.
#[must_use]
pub fn diff(comparison: &Comparison, form: Form) -> String {
    let mut out = String::new();
    let name = |text: &str| in_line(text, form);
    let mark = if form == Form::Markdown { "## " } else { "" };
    let _ = writeln!(out, "{mark}{} against {}\n", name(&comparison.head), name(&comparison.base));
    let _ = writeln!(out, "{}.\n", name(&comparison.verdict));
    let mut table = Table::new(["phase", "before", "after", "change", "noise", "cause"]);
    for phase in &comparison.phases {
        table.row(row(phase));
    }
    let whole = change(comparison.change);
    let (base, head) = (duration(comparison.base_ns), duration(comparison.head_ns));
    table.row(["whole run".to_owned(), base, head, whole, String::new(), String::new()]);
    table.write(form, &mut out);
    let limit = percent(comparison.limit);
    let _ = writeln!(out, "\nTime per item where items are counted; changes below {limit} or within noise are none.");
    out
}

fn row(phase: &PhaseChange) -> [String; 6] {
    let took = |ns: Option<f64>| ns.map_or("–".to_owned(), |ns| duration(ns as u64));
    let shown = match phase.change {
        Some(share) if phase.is_real => change(share),
        Some(share) => format!("({})", change(share)),
        None if phase.base_ns.is_none() => "new".to_owned(),
        None => "gone".to_owned(),
    };
    let cause = phase.cause.clone().unwrap_or_default();
    let name = phase.name.clone();
    [name, took(phase.base_ns), took(phase.head_ns), shown, format!("±{}", percent(phase.noise)), cause]
}
