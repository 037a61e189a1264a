//! The page for users, `docs/metrics.md`. Names, numbers and meanings come from the catalogue, the constants, the
//! documentation of the enums and the encoder itself; only what connects them is written here.

use std::fmt::Debug;

use phasemeter_core::buckets::SLOTS;
use phasemeter_core::catalogue::{
    ALL, DROPPED, OVERFLOW, PHASE_BYTES, PHASE_DURATION, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_ITEMS,
    PHASE_PROGRESS, PHASE_RUNS,
};
use phasemeter_core::{
    DropReason, Histogram, ItemOutcome, Kind, Limits, MAX_ERROR_TYPES, MAX_VALUE_BYTES, Metric, Origin, Outcome,
    Registry, Samples, Snapshot, Stability, Value, encode,
};

use crate::exposition::{Family, Reading, parse};

const CATALOGUE: &str = include_str!("../../src/catalogue.rs");
const DROPS: &str = include_str!("../../src/drops.rs");
const OUTCOMES: &str = include_str!("../../src/outcome.rs");

/// The whole page.
pub(crate) fn render() -> String {
    [head(), labels(), counters(), durations(), dropped(), metrics()].join("\n")
}

fn head() -> String {
    let phase_lines = scrape_lines(2) - scrape_lines(1);
    let phases = Limits::default().phases;
    format!(
        "\
# Metrics

<!-- Written by `UPDATE_GOLDEN=1 cargo test -p phasemeter-core`, from `src/catalogue.rs` there. -->

What phasemeter puts on `/metrics`. A *phase* is a named step of a pipeline, a *run* of it is one time from its start
to its end, and *items* are what it works on.

A phase costs {phase_lines} lines of a scrape, one more for each type of error that it met, and two more where it is
known how many items it expects. Up to {phases} phases are kept, unless the program sets another limit.
"
    )
}

fn labels() -> String {
    let [runs, durations, items, bytes] = [&PHASE_RUNS, &PHASE_DURATION, &PHASE_ITEMS, &PHASE_BYTES].map(name);
    let [overflow, errors] = [&OVERFLOW, &PHASE_ERRORS].map(name);
    let run_outcomes = table(
        ["`outcome` of a run", "meaning"],
        Outcome::ALL.map(|outcome| [code(outcome.as_str()), meaning(OUTCOMES, "Outcome", outcome)]),
    );
    let item_outcomes = table(
        ["`outcome` of an item", "meaning"],
        ItemOutcome::ALL.map(|outcome| [code(outcome.as_str()), meaning(OUTCOMES, "ItemOutcome", outcome)]),
    );
    format!(
        "\
## Labels

- `pipeline` and `phase` are the names that the program gave. A value of more than {MAX_VALUE_BYTES} bytes keeps its
  beginning and ends in a hash of the whole.
- `outcome` says how a run ended (`{runs}`, `{durations}`), or what became of items and bytes
  (`{items}`, `{bytes}`).
- `error_type` is the Rust type of the error, or what the program called it. A phase tells {MAX_ERROR_TYPES} of them apart;
  the rest is `other`, and counted in `{overflow}{{limit=\"error_types\"}}`.
- `otel_metric_overflow=\"true\"` stands in place of `pipeline` and `phase` on the series of all phases beyond the limit;
  their runs are counted in `{overflow}{{limit=\"phases\"}}`.

{run_outcomes}
{item_outcomes}
The exact grade is what is measured by a `Phase` in the code, as against plain spans of `tracing`. An item that failed is
an item dealt with: it counts as progress. Its error counts in `{errors}`, as that of a failed run does.
"
    )
}

fn counters() -> String {
    let [runs, items, errors] = [&PHASE_RUNS, &PHASE_ITEMS, &PHASE_ERRORS].map(name);
    let [expected, progress, dropped, overflow] =
        [&PHASE_EXPECTED_ITEMS, &PHASE_PROGRESS, &DROPPED, &OVERFLOW].map(name);
    format!(
        "\
## Born at 0

A phase that is declared has its counters at once, at 0 for every outcome, so that `increase()` sees the first event as
well; so have `{dropped}` and `{overflow}` for every reason and limit. Types of errors are
not known beforehand: `{errors}` begins with the first error of its type, and an alert is better built on
`{runs}{{outcome=\"error\"}}` or `{items}{{outcome=\"error\"}}`.

`{expected}` and `{progress}` stand only where the program said how many items it expects.
"
    )
}

fn durations() -> String {
    let name = name(&PHASE_DURATION);
    let family = encoded(&PHASE_DURATION);
    let slots = match &family.series[..] {
        [series] => match &series.reading {
            Reading::Histogram { slots, .. } => slots,
            Reading::Plain(text) => panic!("a histogram was written as {text}"),
        },
        several => panic!("one series was written as {several:?}"),
    };
    let bounds: Vec<_> = slots.iter().map(|(le, _)| code(le)).collect();
    // Three bounds a decade, so three in a line.
    let bounds: Vec<_> = bounds.chunks(3).map(|decade| decade.join(", ")).collect();
    format!(
        "\
## Durations

`{name}` is a classic histogram. The sum of its durations is exact to the nanosecond, and its count is
always the bucket `+Inf`. The bounds in seconds, each belonging to its own bucket:

{}.
",
        bounds.join(",\n")
    )
}

fn dropped() -> String {
    let reasons = table(
        ["`reason`", "meaning"],
        DropReason::ALL.map(|reason| [code(reason.as_str()), meaning(DROPS, "DropReason", reason)]),
    );
    format!(
        "\
## What is refused or corrected

Nothing is lost in silence, and nothing that is measured can fail the program. `{}` counts what could
not be taken as it came, by reason:

{reasons}",
        name(&DROPPED)
    )
}

fn metrics() -> String {
    let kinds = variants(CATALOGUE, "Kind").into_iter().map(|(kind, meaning)| {
        let metric = ALL.into_iter().find(|metric| format!("{:?}", metric.kind) == kind);
        let metric = metric.unwrap_or_else(|| panic!("no metric of the kind {kind}"));
        [kind, code(&encoded(metric).kind), meaning]
    });
    let stabilities = [Stability::Stable, Stability::Development]
        .map(|stability| [stability_name(stability).to_owned(), meaning(CATALOGUE, "Stability", stability)]);
    let mut page = format!(
        "\
## All metrics

{}
{}
Units are written as OpenTelemetry writes them: `s` is seconds, `By` bytes, `1` a ratio, and braces hold what is counted.
Prometheus names are derived from OpenTelemetry's, except where Prometheus had one before; that one is kept.
",
        table(["kind", "`TYPE` in Prometheus", "meaning"], kinds),
        table(["stability", "meaning"], stabilities)
    );
    let groups = ALL.chunk_by(|one, next| group(one) == group(next));
    for metrics in groups {
        let head = ["Prometheus", "OpenTelemetry", "kind", "unit", "labels", "meaning", "stability", "source"];
        let title = metrics.first().map_or("", |metric| group(metric));
        page += &format!("\n### {title}\n\n{}", table(head, metrics.iter().map(|metric| row(metric))));
    }
    page
}

fn row(metric: &Metric) -> [String; 8] {
    let labels: Vec<_> = metric.labels.iter().map(|label| code(label)).collect();
    let source = match metric.origin {
        Origin::SemanticConventions => "semantic conventions".to_owned(),
        Origin::Ours(reason) => format!("ours: {reason}"),
    };
    [
        code(&metric.prometheus_name()),
        code(metric.otel),
        format!("{:?}", metric.kind),
        code(metric.unit.otel()),
        labels.join(", "),
        metric.help.to_owned(),
        stability_name(metric.stability).to_owned(),
        source,
    ]
}

const fn stability_name(stability: Stability) -> &'static str {
    match stability {
        Stability::Stable => "stable",
        Stability::Development => "development",
    }
}

/// The first part of a metric's name says what it is about.
fn group(metric: &Metric) -> &'static str {
    metric.otel.split('.').next().unwrap_or(metric.otel)
}

fn name(metric: &Metric) -> String {
    metric.prometheus_name()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        table += &format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    table
}

/// What the documentation of this variant says.
fn meaning(source: &str, of: &str, variant: impl Debug) -> String {
    let found = variants(source, of).into_iter().find(|(name, _)| *name == format!("{variant:?}"));
    found.unwrap_or_else(|| panic!("{of}::{variant:?} is not documented")).1
}

/// The variants of an enum as its source has them, each with its documentation: a meaning is written once.
fn variants(source: &str, of: &str) -> Vec<(String, String)> {
    let (_, body) = source.split_once(&format!("pub enum {of} {{\n")).unwrap_or_else(|| panic!("no enum {of}"));
    let body = body.split("\n}").next().unwrap_or(body);
    let (mut variants, mut sentences) = (Vec::new(), Vec::new());
    for line in body.lines().map(str::trim) {
        match line.strip_prefix("/// ") {
            Some(sentence) => sentences.push(sentence),
            None => {
                variants.push((line.trim_end_matches(',').to_owned(), sentences.join(" ")));
                sentences.clear();
            }
        }
    }
    variants
}

/// One series of this metric, as an exposition has it.
fn encoded(metric: &'static Metric) -> Family {
    let value = match metric.kind {
        Kind::Histogram => Value::Histogram(Box::new(Histogram { slots: [0; SLOTS], sum_ns: 0 })),
        Kind::Counter | Kind::UpDownCounter | Kind::Gauge | Kind::Info => Value::Count(0),
    };
    let mut samples = Samples::default();
    samples.push_plain(metric, value);
    let mut families = parse(&text(samples)).expect("well formed");
    families.pop().expect("one metric was written")
}

/// How many lines a registry of so many phases has.
fn scrape_lines(phases: usize) -> usize {
    let registry = Registry::new(Limits::default());
    for number in 0..phases {
        let _born = registry.phase(None, &number.to_string());
    }
    let mut samples = Samples::default();
    registry.sample(&mut samples);
    text(samples).lines().count()
}

fn text(samples: Samples) -> String {
    let mut text = String::new();
    encode::text(&Snapshot::new(samples), &mut text);
    text
}
