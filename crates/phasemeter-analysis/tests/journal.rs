//! Journals: what is written is read, what is broken is passed over, what is not ours is refused.
#![cfg(feature = "json")]

mod story;

use std::io::{BufRead, BufReader};

use phasemeter_analysis::event::{
    Counts, Declared, Flow, Heartbeat, PhaseBeat, PhaseDeclared, PhaseEnded, PhaseStarted, Resources, Role, RunEnded,
};
use phasemeter_analysis::journal::{self, Journal, JournalWriter, MAX_LINE_BYTES};
use phasemeter_analysis::thinning::Policy;
use phasemeter_analysis::{Error, Event, EventKind, RunState, Status};
use phasemeter_core::Outcome;
use proptest::prelude::*;
use story::{S, Story, declared, phase, phase_of};

const HEAD: &str = "{\"phasemeter_journal\":1}\n";

fn written(events: &[Event]) -> String {
    let mut journal = JournalWriter::begin(Vec::new(), "w1.jsonl", Policy::default()).expect("memory takes it");
    for event in events {
        assert!(journal.write(event).expect("memory takes it"));
    }
    String::from_utf8(journal.into_inner()).expect("it is text")
}

fn refused(text: &str) -> Error {
    journal::fold(text.as_bytes(), "w1.jsonl").expect_err("it is refused")
}

fn story() -> Story {
    let mut story = Story::new(&[phase_of("embed", 100, 2)]);
    story.begin("embed", 0, 1.0, Some("paper \"7\"\n"));
    story.counted(5.0, "embed", 12)
}

#[test]
fn what_is_written_is_read() {
    let events = story().over(9.0, Outcome::Error).events();
    let text = written(&events);
    let read: Vec<_> =
        Journal::open(text.as_bytes(), "w1.jsonl").expect("ours").map(|event| event.expect("in memory")).collect();
    assert_eq!(read, events);
    let (state, reading) = journal::fold(text.as_bytes(), "w1.jsonl").expect("ours");
    assert_eq!((state, reading.lines, reading.bad_lines), (RunState::of(&events), 5, 0));
    assert_eq!(reading.complaint(), None);
}

#[test]
fn a_journal_torn_anywhere_says_what_is_before() {
    let text = written(&story().events());
    for length in HEAD.len()..text.len() {
        let (state, reading) = journal::fold(&text.as_bytes()[..length], "w1.jsonl").expect("the first line is whole");
        let whole = text[..length].matches('\n').count() as u64;
        assert_eq!(reading.bad_lines, 0, "{length}");
        // A line that lacks nothing but its newline is an event.
        assert!(reading.is_torn || reading.lines - whole <= 1, "{length}");
        assert_eq!(reading.complaint().is_some(), reading.is_torn);
        assert_ne!(state.status(), Status::Completed);
    }
    for length in 0..HEAD.len() {
        let error = refused(&text[..length]);
        assert!(error.is_empty(), "{length}: {error}");
    }
}

#[test]
fn a_torn_line_in_the_middle_costs_that_line() {
    let text = written(&story().events());
    let torn = format!("{}{{\"at_ns\":17672760\n\0\0\n{}", HEAD, &text[HEAD.len()..]);
    let (state, reading) = journal::fold(torn.as_bytes(), "w1.jsonl").expect("ours");
    assert_eq!((reading.bad_lines, state.phases[0].processed()), (2, 12));
    let complaint = reading.complaint().expect("there is one");
    assert!(complaint.starts_with("line 2 and 1 more cannot be read: EOF while parsing"), "{complaint}");
    assert!(complaint.contains("{\\\"at_ns\\\":17672760"), "{complaint}");
}

#[test]
fn an_attempt_that_goes_on_closes_the_line_that_was_torn() {
    let mut file = written(&story().events()).into_bytes();
    file.truncate(file.len() - 10);
    let mut journal = JournalWriter::resume(&mut file, "w1.jsonl", Policy::default());
    journal.close_torn_line().expect("memory takes it");
    let second = Declared { attempt: 2, ..declared(&[phase("embed")]) };
    journal.write(&Event { at_ns: story::unix_ns(60.0), event: EventKind::Declared(second) }).expect("memory takes it");
    let (state, reading) = journal::fold(file.as_slice(), "w1.jsonl").expect("ours");
    assert_eq!((state.attempt, reading.bad_lines), (2, 1));
}

#[test]
fn what_is_empty_not_ours_or_newer_is_refused_with_a_way_out() {
    let error = refused("");
    assert!(error.is_empty() && error.to_string().contains("look again in 5 s"), "{error}");
    for text in ["hello\nworld\n", "{\"level\":\"info\"}\n", "\u{1F980}", "[]\n", "\n\n"] {
        let error = refused(text);
        assert!(error.is_not_ours() && error.to_string().contains("w1.jsonl") && !error.is_io(), "{error}");
    }
    let error = refused("{\"phasemeter_journal\":2,\"new\":{}}\n{\"other\":1}\n");
    let words = "w1.jsonl says in line 1 that it is of version 2, and this program reads up to 1: update phasemeter";
    assert!(error.is_newer() && error.to_string().starts_with(words), "{error}");
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let line =
        "{\"at_ns\":5,\"event\":{\"phase_started\":{\"span\":1,\"phase\":\"embed\",\"colour\":\"red\"}},\"x\":1}\n";
    let unknown = "{\"at_ns\":6,\"event\":{\"danced\":{}}}\n";
    let (state, reading) = journal::fold(format!("{HEAD}{line}{unknown}").as_bytes(), "w1.jsonl").expect("ours");
    assert_eq!((state.phases.len(), reading.bad_lines), (1, 1));
}

#[test]
fn a_line_without_end_takes_no_memory() {
    // Ten times as long as a line may be, without a newline.
    let endless = std::io::Read::take(std::io::repeat(b'x'), 10 * MAX_LINE_BYTES as u64);
    let text = std::io::Read::chain(HEAD.as_bytes(), endless);
    let rest = written(&story().events());
    let text = std::io::Read::chain(std::io::Read::chain(text, &b"\n"[..]), &rest.as_bytes()[HEAD.len()..]);
    let (state, reading) = journal::fold(BufReader::new(text), "w1.jsonl").expect("ours");
    assert_eq!((state.phases[0].processed(), reading.bad_lines), (12, 1));
    assert!(reading.first_bad.expect("one").1.contains("longer than"));
}

#[test]
fn a_reader_that_fails_is_said_with_the_line() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("stale file handle"))
        }
    }
    let text = BufReader::new(std::io::Read::chain(HEAD.as_bytes(), Failing));
    let error = journal::fold(text, "w1.jsonl").expect_err("it fails");
    assert!(error.is_io(), "{error}");
    assert_eq!(error.to_string(), "cannot read w1.jsonl behind line 1: stale file handle");
}

fn any_event() -> impl Strategy<Value = Event> {
    let name = || "[a-z\"\\\\\n\u{0}ß🦀]{0,6}";
    let opt = |range: std::ops::Range<u64>| prop::option::of(range);
    let phases = (name(), opt(0..9), opt(0..9), prop::option::of(name())).prop_map(|(name, total, resumed, device)| {
        PhaseDeclared { name, total, resumed, device, role: Role::Initialisation, ..PhaseDeclared::default() }
    });
    let declared = (name(), 0..9_u32, prop::collection::vec(phases, 0..3), opt(0..9)).prop_map(
        |(run, attempt, phases, deadline_unix_ns)| {
            let flow = (attempt % 2 == 0).then_some(Flow::Streaming);
            EventKind::Declared(Declared { run, attempt, phases, deadline_unix_ns, flow, ..Declared::default() })
        },
    );
    let beat = (name(), any::<u64>(), opt(0..5), prop::option::of(0..9_000_u32)).prop_map(|(phase, ok, depth, cpu)| {
        // Binary fractions: the last digit of others may differ.
        let cpu = cpu.map(|cpu| f64::from(cpu) / 8.0);
        let counts = Counts { ok, ..Counts::default() };
        let phases = vec![PhaseBeat { phase, counts, queue_depth: depth, ..PhaseBeat::default() }];
        EventKind::Heartbeat(Heartbeat {
            phases,
            resources: cpu.map(|cpu| Resources { cpu: Some(cpu), ..Resources::default() }),
        })
    });
    let started = (any::<u64>(), name(), prop::option::of(name())).prop_map(|(span, phase, item)| {
        EventKind::PhaseStarted(PhaseStarted { span, phase, item, ..PhaseStarted::default() })
    });
    let outcome = prop::sample::select(Outcome::ALL.to_vec());
    let ended =
        (outcome.clone(), any::<u64>()).prop_map(|(outcome, span)| EventKind::PhaseEnded(PhaseEnded { span, outcome }));
    let over = (outcome, prop::option::of(name()))
        .prop_map(|(outcome, reason)| EventKind::RunEnded(RunEnded { outcome, reason }));
    let plain = prop::sample::select(vec![EventKind::Paused, EventKind::Resumed]);
    let kind = prop_oneof![declared, beat, started, ended, over, plain, name().prop_map(EventKind::Note)];
    (any::<u64>(), kind).prop_map(|(at_ns, event)| Event { at_ns, event })
}

proptest! {
    #[test]
    fn any_event_is_read_as_it_was_written(events in prop::collection::vec(any_event(), 0..20)) {
        // Reading is told apart from thinning here: everything is written.
        let mut text = HEAD.to_owned();
        for event in &events {
            text += &serde_json::to_string(event).expect("it is plain data");
            text.push('\n');
        }
        let read = Journal::open(text.as_bytes(), "w1.jsonl").expect("ours").collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(read.expect("in memory"), events);
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = [HEAD.as_bytes(), &bytes].concat();
        let (_, reading) = journal::fold(text.as_slice(), "w1.jsonl").expect("the first line is ours");
        prop_assert!(reading.lines as usize <= bytes.len() + 2);
    }

    #[test]
    fn no_events_break_the_state(events in prop::collection::vec(any_event(), 0..40), now: u64) {
        let state = RunState::of(&events);
        prop_assert!(state.elapsed_ns(now) >= state.clock.run_ns);
    }
}

/// `cargo test --release -p phasemeter-analysis --all-features --test journal -- --ignored --nocapture in_full`
#[test]
#[ignore = "takes seconds, and only in release"]
fn ten_million_lines_take_at_most_twice_as_long_as_json_alone_in_full() {
    let lines = many_lines();
    let count = 10_000_000 / lines.matches('\n').count();
    let text = || BufReader::with_capacity(1 << 16, Repeated { text: lines.as_bytes(), place: 0, left: count });
    let (plain, values) = timed(text(), |line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    let (skipping, _) = timed(text(), |line| serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok());
    let begun = std::time::Instant::now();
    let (state, reading) =
        journal::fold(BufReader::new(std::io::Read::chain(HEAD.as_bytes(), text())), "w1.jsonl").expect("ours");
    let ours = begun.elapsed();
    let ratio = plain.as_secs_f64() / ours.as_secs_f64();
    println!("{values} lines: serde_json alone {plain:.2?}, analysed {ours:.2?}: {ratio:.2} of its speed");
    println!("where JSON is only checked, not kept: {skipping:.2?}");
    println!("{} items, resident at most {} MB", state.phases[0].processed(), peak_resident_bytes() / 1_000_000);
    assert_eq!((reading.lines, reading.bad_lines), (values + 1, 0));
    assert!(ratio >= 0.5, "{ratio}");
    assert!(peak_resident_bytes() <= 256_000_000);
}

/// How long a pass over all lines takes, and how many there are.
fn timed(text: impl BufRead, is_json: impl Fn(&str) -> bool) -> (std::time::Duration, u64) {
    let begun = std::time::Instant::now();
    let mut lines = 0_u64;
    for line in text.lines() {
        lines += u64::from(is_json(&line.expect("in memory")));
    }
    (begun.elapsed(), lines)
}

/// The same text, so many times: ten million lines need not lie in memory.
struct Repeated<'a> {
    text: &'a [u8],
    place: usize,
    left: usize,
}

impl std::io::Read for Repeated<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let rest = &self.text[self.place..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.place += length;
        if self.place == self.text.len() {
            (self.place, self.left) = (0, self.left - 1);
        }
        Ok(length)
    }
}

/// 100 000 lines: begins, ends, counts and heartbeats.
fn many_lines() -> String {
    let mut story = Story::new(&[phase_of("embed", 100_000_000, 8), phase_of("store", 100_000_000, 1)]);
    for number in 0..24_000_u64 {
        let at = number as f64 / 10.0;
        let item = format!("paper-{number}");
        let span = story.begin(["embed", "store"][number as usize % 2], (number % 8) as u32, at, Some(&item));
        story.end(span, at + 0.09);
        story = story.counted(at + 0.095, "embed", number * 3);
        let beat = |phase: &str| PhaseBeat {
            phase: phase.to_owned(),
            counts: story::counts(number * 3),
            runs: number / 2,
            busy_ns: number * S / 12,
            ..PhaseBeat::default()
        };
        let resources = Resources { cpu: Some(0.53), gpu: Some(0.91), ..Resources::default() };
        story = story.beat(at + 0.098, &[beat("embed"), beat("store")], Some(resources));
    }
    let mut text = String::new();
    for event in story.events().iter().skip(1) {
        text += &serde_json::to_string(event).expect("plain data");
        text.push('\n');
    }
    text
}

fn peak_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    peak.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1_024
}
