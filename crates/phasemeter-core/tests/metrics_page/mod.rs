//! The page for users, `docs/metrics.md`. Names, numbers and meanings come from the catalogue, the constants, the
//! documentation of the enums and the encoder itself; only what connects them is written here.

use std::collections::BTreeSet;
use std::fmt::Debug;

use phasemeter_core::catalogue::{
    ALL, DROPPED, LEVEL_INFO, OVERFLOW, PHASE_ALLOCATED, PHASE_ALLOCATIONS, PHASE_BUSY_TIME, PHASE_BYTES,
    PHASE_CPU_TIME, PHASE_DURATION, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_HELD, PHASE_ITEMS,
    PHASE_LAST_ACTIVITY_TIMESTAMP, PHASE_OLDEST_START_TIMESTAMP, PHASE_PROGRESS, PHASE_RUNS, PHASE_UNITS,
    PHASE_WAITING_TIME, SUBJECTS,
};
use phasemeter_core::{
    Allocated, DropReason, Effort, HELD_AFTER_NS, ItemOutcome, Kind, Limits, MAX_ERROR_TYPES, MAX_UNITS,
    MAX_VALUE_BYTES, Metric, Moment, Origin, Outcome, PhaseCell, Profile, Registry, Samples, Snapshot, Stability,
    Value, Verdict, WaitingFor, encode, is_free_label,
};

use crate::exposition::{Family, Reading, parse};

const CATALOGUE: &str = include_str!("../../src/catalogue/mod.rs");
const EFFORT: &str = include_str!("../../src/effort.rs");
const DROPS: &str = include_str!("../../src/drops.rs");
const OUTCOMES: &str = include_str!("../../src/outcome.rs");

/// The whole page.
pub(crate) fn render() -> String {
    [head(), labels(), counters(), levels(), durations(), dropped(), metrics()].join("\n")
}

fn head() -> String {
    let Limits { phases, label_sets, idle: None } = Limits::default() else {
        panic!("by default phases are kept for good")
    };
    let all = lines(2) - lines(1);
    let more = |tell: &dyn Fn(&PhaseCell)| lines_of(tell) - lines_of(&|_| ());
    let activity = lines_of(&|_| ()) - lines(1);
    let in_flight = more(&|cell| _ = cell.begin(0));
    let error_type = more(&|cell| cell.add_errors("io", 1));
    let unit = more(&|cell| assert!(cell.add_units("tokens", ItemOutcome::Ok, 1)));
    let expected = more(&|cell| cell.set_expected(1));
    let detailed = more(&|cell| cell.add_effort(&Effort::default()));
    let profile = |allocated| Effort { profile: Some(Profile { cpu_ns: Some(0), allocated }), ..Effort::default() };
    let cpu = more(&|cell| cell.add_effort(&profile(None))) - detailed;
    let allocated = more(&|cell| cell.add_effort(&profile(Some(Allocated::default())))) - detailed - cpu;
    format!(
        "\
# Metrics

<!-- Written by `UPDATE_GOLDEN=1 cargo test -p phasemeter-core`, from `src/catalogue` there. -->

What phasemeter puts on `/metrics`. A *phase* is a named step of a pipeline, a *run* of it is one time from its start
to its end, and *items* are what it works on. What a program says with `metric!` stands beside it.

A phase costs {all} lines of a scrape, and as many again for each set of further labels. To these come:

| lines | for |
|---|---|
| {activity} | when it last did something, once it did |
| {in_flight} | when the oldest run in flight started, while one is |
| {error_type} | each type of error that it met |
| {unit} | each named unit |
| {expected} | how many items it expects, and its progress, where that is known |
| {detailed} | busy and waiting time, from level detailed on |
| {cpu} | CPU time, at level profiling |
| {allocated} | allocations, at level profiling with the counting allocator |

Up to {phases} phases are kept, where each set of further labels counts as one, and up to {label_sets} such sets of one phase,
unless the program sets other limits.
"
    )
}

fn labels() -> String {
    let [runs, durations, items, bytes, units] =
        [&PHASE_RUNS, &PHASE_DURATION, &PHASE_ITEMS, &PHASE_BYTES, &PHASE_UNITS].map(name);
    let [overflow, errors, dropped, waiting] = [&OVERFLOW, &PHASE_ERRORS, &DROPPED, &PHASE_WAITING_TIME].map(name);
    let run_outcomes = table(
        ["`outcome` of a run", "meaning"],
        Outcome::ALL.map(|outcome| [code(outcome.as_str()), meaning(OUTCOMES, "Outcome", outcome)]),
    );
    let item_outcomes = table(
        ["`outcome` of an item", "meaning"],
        ItemOutcome::ALL.map(|outcome| [code(outcome.as_str()), meaning(OUTCOMES, "ItemOutcome", outcome)]),
    );
    let directions = table(
        ["`direction` of waiting", "what was waited for"],
        WaitingFor::ALL.map(|waiting_for| [code(waiting_for.as_str()), meaning(EFFORT, "WaitingFor", waiting_for)]),
    );
    let taken = taken_labels().map(code).collect::<Vec<_>>().join(", ");
    let invalid_label = DropReason::InvalidLabel.as_str();
    format!(
        "\
## Labels

- `pipeline` and `phase` are the names that the program gave. A value of more than {MAX_VALUE_BYTES} bytes keeps its
  beginning and ends in a hash of the whole.
- `outcome` says how a run ended (`{runs}`, `{durations}`), or what became of items, bytes and
  units (`{items}`, `{bytes}`, `{units}`).
- `error_type` is the type of the error, or what the program called it. A phase tells {MAX_ERROR_TYPES} of them apart;
  the rest is `other`, and counted in `{overflow}{{limit=\"error_types\"}}`.
- `unit` is what the program counts in `{units}`, as tokens or pages. A phase tells {MAX_UNITS} of them apart; the
  rest is `other`, and counted in `{overflow}{{limit=\"units\"}}`.
- `direction` says what `{waiting}` was waited for.
- Further labels stand on all series of a phase: the fields of its plain spans that the program named to become labels.
  Beyond the limit of label sets, every further label has the value `other`, and the runs are counted in
  `{overflow}{{limit=\"label_sets\"}}`. A field that cannot be a label, or is called as one that phases
  have already ({taken}), is left out, and the program told so
  when it builds its Meter. Where two fields become the same label, the first one stands, and the other one counts in
  `{dropped}{{reason=\"{invalid_label}\"}}`.
- `otel_metric_overflow=\"true\"` stands in place of `pipeline` and `phase` on the series of all phases beyond the limit;
  their runs are counted in `{overflow}{{limit=\"phases\"}}`.

{run_outcomes}
{item_outcomes}
{directions}
The exact grade is what is measured by a `Phase` in the code, as against plain spans of `tracing`. An item that failed is
an item dealt with: it counts as progress. Its error counts in `{errors}`, as that of a failed run does.
"
    )
}

/// The labels that a catalogue of phases has, which no further one may be called as.
fn taken_labels() -> impl Iterator<Item = &'static str> {
    let of_phases = ALL.iter().filter(|metric| metric.labels.contains(&"phase"));
    let declared = of_phases.flat_map(|metric| metric.labels);
    let sorted: BTreeSet<_> = declared.copied().collect();
    assert!(sorted.iter().all(|label| !is_free_label(label)));
    sorted.into_iter()
}

fn counters() -> String {
    let [runs, items, errors, units] = [&PHASE_RUNS, &PHASE_ITEMS, &PHASE_ERRORS, &PHASE_UNITS].map(name);
    let [expected, progress, dropped, overflow] =
        [&PHASE_EXPECTED_ITEMS, &PHASE_PROGRESS, &DROPPED, &OVERFLOW].map(name);
    let [oldest, last] = [&PHASE_OLDEST_START_TIMESTAMP, &PHASE_LAST_ACTIVITY_TIMESTAMP].map(name);
    let [held, minutes] = [name(&PHASE_HELD), (HELD_AFTER_NS / 60_000_000_000).to_string()];
    format!(
        "\
## Born at 0

A phase that is declared has its counters at once, at 0 for every outcome, so that `increase()` sees the first event as
well; so have `{dropped}` and `{overflow}` for every reason and limit. Types of errors,
units and sets of further labels are not known beforehand: `{errors}` begins with the first error of its
type, `{units}` with the first count of its unit, and an alert is better built on
`{runs}{{outcome=\"error\"}}` or `{items}{{outcome=\"error\"}}`.

`{expected}` and `{progress}` stand only where the program said how many items it expects,
`{oldest}` only while a run is in flight, `{last}`
from the first activity on. `{held}` counts plain spans from {minutes} min after they exited.
"
    )
}

/// What only some levels measure says so in its help.
fn levels() -> String {
    let named = |metrics: &[&Metric]| metrics.iter().map(|metric| code(&name(metric))).collect::<Vec<_>>().join(", ");
    let measured = |level: &str| -> Vec<_> { ALL.into_iter().filter(|metric| metric.help.contains(level)).collect() };
    let (detailed, profiling) = (measured("from level detailed on"), measured("at level profiling"));
    assert_eq!(detailed, [&PHASE_BUSY_TIME, &PHASE_WAITING_TIME]);
    assert_eq!(profiling, [&PHASE_CPU_TIME, &PHASE_ALLOCATIONS, &PHASE_ALLOCATED]);
    format!(
        "\
## Levels

Some series are there only once a run of the exact grade ended that was measured at their level. They stay when the
level is lowered; `{}` shows which one is set now.

| level | measures as well |
|---|---|
| detailed | {} |
| profiling | {} |
",
        name(&LEVEL_INFO),
        named(&detailed),
        named(&profiling)
    )
}

fn durations() -> String {
    let name = name(&PHASE_DURATION);
    let family = encoded(&PHASE_DURATION);
    let slots = match &family.series[..] {
        [series] => match &series.reading {
            Reading::Histogram { slots, .. } => slots,
            other @ (Reading::Plain(_) | Reading::Summary { .. }) => panic!("a histogram was written as {other:?}"),
        },
        several => panic!("one series was written as {several:?}"),
    };
    let bounds: Vec<_> = slots.iter().map(|(le, _)| code(le)).collect();
    // Three bounds a decade, so three in a line.
    let bounds: Vec<_> = bounds.chunks(3).map(|decade| decade.join(", ")).collect();
    format!(
        "\
## Durations

`{name}` is a classic histogram, and in protobuf a native one as well ([formats](formats.md)). The
sum of its durations is exact to the nanosecond, and its count is always the bucket `+Inf`. The classic bounds in
seconds, each belonging to its own bucket:

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
    // Of the others, only the metrics of other libraries are.
    let kinds = variants(CATALOGUE, "Kind").into_iter().filter_map(|(kind, meaning)| {
        let metric = ALL.into_iter().find(|metric| format!("{:?}", metric.kind) == kind)?;
        Some([kind, code(&encoded(metric).kind), meaning])
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
    for (title, metrics) in SUBJECTS {
        let head = ["Prometheus", "OpenTelemetry", "kind", "unit", "labels", "meaning", "stability", "source"];
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
        Kind::Histogram => Value::Histogram(Box::default()),
        Kind::Summary => Value::Quantiles(Box::default()),
        Kind::Counter | Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Unknown => Value::Count(0),
    };
    let mut samples = Samples::default();
    samples.push_plain(metric, value);
    let mut families = parse(&text(samples)).expect("well formed");
    families.pop().expect("one metric was written")
}

/// How many lines a registry of so many phases has.
fn lines(phases: usize) -> usize {
    let registry = Registry::new(Limits::default(), Moment::default);
    for number in 0..phases {
        let _born = registry.phase(None, &number.to_string());
    }
    series_lines(&registry)
}

/// How many lines a registry has in which a phase that did something was told this as well.
fn lines_of(tell: &dyn Fn(&PhaseCell)) -> usize {
    let registry = Registry::new(Limits::default(), Moment::default);
    let cell = registry.phase(None, "embed");
    let flight = cell.begin(0);
    flight.end(Verdict::Ok, 0, 0);
    tell(&cell);
    series_lines(&registry)
}

/// Lines that cost each phase: those without comment.
fn series_lines(registry: &Registry) -> usize {
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    text(samples).lines().filter(|line| !line.starts_with('#')).count()
}

fn text(samples: Samples) -> String {
    let mut text = String::new();
    encode::text(&Snapshot::new(samples), &mut text);
    text
}
