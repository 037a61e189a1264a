//! What stands around the tables, and what nothing may break.

use phasemeter_core::catalogue::{
    CGROUP_MEMORY_LIMIT, COLLECTOR_INFO, CONTAINER_MEMORY_WORKING_SET, HW_GPU_UTILIZATION, HW_POWER, HW_STATUS,
    LEVEL_INFO, PHASE_BUSY_TIME, PHASE_OLDEST_START_TIMESTAMP, PIPELINE_ETA, PIPELINE_FINISHED, PIPELINE_PROGRESS,
    PIPELINE_RUN_INFO, PIPELINE_START_TIMESTAMP, PROCESS_CPU_SECONDS, PROCESS_MEMORY_USAGE, PROCESS_START_TIMESTAMP,
    SCRAPE_DURATION, SPANS_ENABLED, SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_UTILIZATION, SYSTEM_LOAD_1M, TARGET_INFO,
};
use phasemeter_core::{Effort, ItemOutcome, MAX_COUNT, Outcome, Value, WaitingFor};

use super::*;

#[test]
fn nothing_declared_is_explained() {
    check(&page(Samples::default()), &["phasemeter", "endpoint up 1 m 40 s", "No phase has been declared yet:"]);
}

#[test]
fn the_run_stands_above_its_phases_and_waiting_comes_first() {
    let registry = registry();
    let _declared = (registry.phase(Some("aaa"), "x"), registry.phase(None, "embed"));
    let pipeline = [("pipeline", "acid")];
    let read = with(samples(&registry), &PIPELINE_PROGRESS, &pipeline, Value::Real(0.5));
    let read = with(read, &PIPELINE_START_TIMESTAMP, &pipeline, Value::Nanos(9_940 * SECOND_NS));
    let read = with(read, &PIPELINE_RUN_INFO, &[("pipeline", "acid"), ("run", "nightly")], Value::Count(1));
    let read = with(read, &PIPELINE_ETA, &pipeline, Value::Nanos(90 * SECOND_NS));
    let running = page(with(read.clone(), &PIPELINE_FINISHED, &pipeline, Value::Level(0)));
    check(&running, &["run nightly running started 1 m 00 s ago", "50 % done in about 1 m 30 s"]);
    assert!(running.find(">acid<") < running.find(">aaa<"));
    let finished = page(with(read, &PIPELINE_FINISHED, &pipeline, Value::Level(1)));
    check(&finished, &["run nightly finished"]);
    assert!(!finished.contains("done in about"));
}

#[test]
fn a_service_that_nobody_named_is_called_by_its_executable() {
    let unnamed =
        with(samples(&registry()), &TARGET_INFO, &[("service_name", "unknown_service:acid")], Value::Level(1));
    assert!(page(unnamed).contains("<title>acid · phases</title>"));
}

#[test]
fn the_foot_tells_of_the_process_and_of_ourselves() {
    let read = with(samples(&registry()), &PROCESS_MEMORY_USAGE, &[], Value::Level(412_000_000));
    let read = with(read, &SCRAPE_DURATION, &[], Value::Nanos(1_200_000));
    let read = with(read, &COLLECTOR_INFO, &[("collector", "cgroup"), ("state", "failed")], Value::Level(1));
    let read = with(read, &COLLECTOR_INFO, &[("collector", "gpu"), ("state", "no_data")], Value::Level(1));
    let read = with(read, &LEVEL_INFO, &[("level", "basic")], Value::Level(1));
    let read = with(read, &SPANS_ENABLED, &[], Value::Level(1));
    let page = page(with(read, &COLLECTOR_INFO, &[("collector", "process"), ("state", "ok")], Value::Level(1)));
    check(&page, &["memory 412 MB", "scrape 1.2 ms", "failed cgroup"]);
    assert!(!page.contains("dropped"), "nothing was");
    assert!(!page.contains("level"), "it is the usual one");
    assert!(!page.contains("filter"), "there is none");
    assert!(!page.contains("<b>process</b>") && !page.contains("<b>gpu</b>"), "they work, or have nothing to read");
    assert!(!page.contains("control group") && !page.contains("<em>host"), "nobody read them");
}

#[test]
fn names_of_anybody_stay_text() {
    let registry = registry();
    let hostile = "</title><script>alert('1')</script>\"onmouseover=\"x";
    let cell = registry.phase(Some(hostile), hostile);
    cell.add_errors(hostile, 1);
    let labelled = registry.labelled_phase(None, "labelled", &[("model", hostile)]);
    assert!(labelled.add_units(hostile, ItemOutcome::Ok, 1));
    let _flight = registry.phase(None, &"x".repeat(256)).begin(0);
    let labels = [("service_name", hostile), ("service_version", hostile)];
    let read = with(samples(&registry), &TARGET_INFO, &labels, Value::Count(1));
    let read = with(read, &PIPELINE_RUN_INFO, &[("pipeline", hostile), ("run", hostile)], Value::Count(1));
    let page = page(with(read, &COLLECTOR_INFO, &[("collector", hostile), ("state", "failed")], Value::Level(1)));
    assert!(!page.contains("<script") && !page.contains("\"onmouseover"));
    assert!(page.matches("&lt;script&gt;alert(&#39;1&#39;)").count() >= 16);
    assert!(page.contains(&"x".repeat(256)));
}

#[test]
fn what_is_not_as_usual_is_said_at_the_foot() {
    let at = |level| page(with(samples(&registry()), &LEVEL_INFO, &[("level", level)], Value::Level(1)));
    check(&at("detailed"), &["level detailed"]);
    let off = at("off");
    check(&off, &["level off"]);
    assert!(off.contains("nothing is measured now"));
    let hidden = page(with(samples(&registry()), &SPANS_ENABLED, &[], Value::Level(0)));
    check(&hidden, &["plain phase spans are hidden by a filter"]);
}

#[test]
fn no_value_breaks_the_page() {
    const EMBED: [(&str, &str); 2] = [("phase", "embed"), ("pipeline", "acid")];
    for real in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
        let registry = registry();
        let _flight = registry.phase(None, "embed").begin(NOW.now_ns);
        let started = with(samples(&registry), &PROCESS_START_TIMESTAMP, &[], Value::Real(real));
        let read = with(started, &PIPELINE_PROGRESS, &[("pipeline", "acid")], Value::Real(real));
        let read = with(read, &PROCESS_CPU_SECONDS, &[], Value::Real(real));
        let read = with(read, &PHASE_BUSY_TIME, &EMBED, Value::Real(real));
        let read = with(read, &PHASE_OLDEST_START_TIMESTAMP, &EMBED, Value::Real(real));
        let page = page(with(read, &PROCESS_MEMORY_USAGE, &[], Value::Real(real)));
        assert!(page.ends_with("</html>\n"));
    }
}

#[test]
fn no_total_breaks_the_page() {
    let registry = registry();
    for pipeline in [None, Some("acid")] {
        let cell = registry.phase(pipeline, "embed");
        for outcome in ItemOutcome::ALL {
            while cell.add_items(outcome, MAX_COUNT) && cell.add_bytes(outcome, MAX_COUNT) {}
            while cell.add_units("tokens", outcome, MAX_COUNT) {}
        }
        cell.record(Outcome::Ok, u64::MAX);
        let waiting_ns = [u64::MAX; WaitingFor::ALL.len()];
        cell.add_effort(&Effort { busy_ns: u64::MAX, waiting_ns, profile: None });
    }
    let cells = row(&page(samples(&registry)), "embed");
    assert_eq!(
        cells.get(2).map(String::as_str),
        Some("18.4 E ok 18.4 E failed 18.4 E skipped 18.4 E tokens 18.4 E failed 18.4 E skipped")
    );
}

#[test]
fn the_foot_tells_of_what_the_program_runs_on() {
    let mut read = samples(&registry());
    for (metric, labels, value) in [
        (&CONTAINER_MEMORY_WORKING_SET, &[][..], Value::Level(950_000_000)),
        (&CGROUP_MEMORY_LIMIT, &[], Value::Level(1_000_000_000)),
        (&SYSTEM_CPU_UTILIZATION, &[], Value::Real(0.5)),
        (&SYSTEM_CPU_LOGICAL_COUNT, &[], Value::Level(4)),
        (&SYSTEM_LOAD_1M, &[], Value::Real(1.25)),
        (&HW_STATUS, &[("hw_id", "GPU-a"), ("hw_name", "0"), ("hw_state", "ok"), ("hw_type", "gpu")], Value::Level(1)),
        (
            &HW_STATUS,
            &[("hw_id", "GPU-b"), ("hw_name", "1"), ("hw_state", "failed"), ("hw_type", "gpu")],
            Value::Level(1),
        ),
        (&HW_GPU_UTILIZATION, &[("hw_gpu_task", "general"), ("hw_id", "GPU-a"), ("hw_name", "0")], Value::Real(0.9)),
        (&HW_POWER, &[("hw_id", "GPU-a"), ("hw_name", "0"), ("hw_type", "gpu")], Value::Real(250.4)),
    ] {
        read = with(read, metric, labels, value);
    }
    let page = page(read);
    check(&page, &["memory 950 MB of 1 GB", "CPU 50 % of 4 CPUs", "load 1.25", "0 90 %, 250 W", "1 failed"]);
    assert!(page.matches("class=\"bad\"").count() >= 2, "memory is short, and a GPU is lost");
}
