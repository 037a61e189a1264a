//! The two real runs that the analysis has to understand, told anew from what is known of them.

use phasemeter_analysis::event::{Counts, Flow, PhaseBeat, PhaseDeclared, Resources};
use phasemeter_core::Outcome;

use super::{S, Story, declared, on, phase_of};

/// A phase in a heartbeat: so many seconds at work, with so many workers of which each spends these shares.
pub fn beat(name: &str, ok: u64, worked_s: f64, workers: u32, shares: [f64; 3]) -> PhaseBeat {
    let [busy_ns, waiting_in_ns, waiting_out_ns] =
        shares.map(|share| (worked_s * f64::from(workers) * share * 1e9).round() as u64);
    PhaseBeat {
        phase: name.to_owned(),
        counts: Counts { ok, ..Counts::default() },
        busy_ns,
        waiting_in_ns,
        waiting_out_ns,
        ..PhaseBeat::default()
    }
}

/// 1000 papers: 36 workers extract for 5384 s, then 8 workers on 2 GPUs embed 14 617 chunks for 4287 s; 9680 s in all.
pub fn a() -> Story {
    let embed = PhaseDeclared { total_weight: Some(14_617), ..on("gpu", phase_of("embed", 1_000, 8)) };
    let run = phasemeter_analysis::event::Declared {
        pipeline: "papers".to_owned(),
        run: "workload-a".to_owned(),
        ..declared(&[on("cpu", phase_of("extract", 1_000, 36)), embed])
    };
    let mut story = Story::of(run);
    story = stage(story, "extract", 0.0, 5_384.0);
    story = stage(story, "embed", 5_393.0, 9_680.0);
    let mut moments: Vec<_> = (1..=161).map(|minute| f64::from(minute) * 60.0).collect();
    moments.extend([5_384.0, 5_393.0, 9_680.0]);
    moments.sort_by(f64::total_cmp);
    for at in moments {
        let extracted_s = at.min(5_384.0);
        let embedded_s = (at - 5_393.0).max(0.0);
        let extract = beat("extract", share(1_000, extracted_s / 5_384.0), extracted_s, 36, [0.97, 0.03, 0.0]);
        let mut embed = beat("embed", share(1_000, embedded_s / 4_287.0), embedded_s, 8, [0.96, 0.03, 0.01]);
        embed.counts.weight = share(14_617, embedded_s / 4_287.0);
        let machine = if at <= 5_384.0 {
            Resources { cpu: Some(0.75), gpu: Some(0.0), gpu_memory: Some(0.05), ..Resources::default() }
        } else {
            Resources { cpu: Some(0.20), gpu: Some(0.90), gpu_memory: Some(0.80), ..Resources::default() }
        };
        story = story.beat(at, &[extract, embed], Some(machine));
    }
    story.over(9_680.0, Outcome::Ok)
}

/// One run is the whole phase.
fn stage(mut story: Story, phase: &str, from: f64, to: f64) -> Story {
    story.spans += 1;
    let span = story.spans;
    let started = phasemeter_analysis::event::PhaseStarted { span, phase: phase.to_owned(), ..Default::default() };
    story.push(from, phasemeter_analysis::EventKind::PhaseStarted(started));
    story.end(span, to);
    story
}

fn share(of: u64, share: f64) -> u64 {
    (of as f64 * share.clamp(0.0, 1.0)).round() as u64
}

/// 2.82 million abstracts at 48 per second: a reader, two processes with a GPU each, and one thread that stores.
pub fn b() -> Story {
    let total = 2_820_000;
    let end_s = total as f64 / 48.0;
    let phases = [
        on("cpu", phase_of("read", total, 1)),
        on("gpu", phase_of("embed", total, 2)),
        on("disk", phase_of("store", total, 1)),
    ];
    let run = phasemeter_analysis::event::Declared {
        pipeline: "abstracts".to_owned(),
        run: "workload-b".to_owned(),
        flow: Some(Flow::Streaming),
        ..declared(&phases)
    };
    let mut story = Story::of(run);
    for number in 1..=235_u32 {
        let at = end_s * f64::from(number) / 235.0;
        let done = share(total, at / end_s) / 500 * 500;
        let depth = 50 + u64::from(number) * 7 % 450;
        let queued = |queue_depth: u64, beat: PhaseBeat| PhaseBeat { queue_depth: Some(queue_depth), ..beat };
        let beats = [
            beat("read", (done + 40_000).min(total), at, 1, [0.09, 0.0, 0.91]),
            queued(500, beat("embed", (done + 20_000).min(total), at, 2, [0.55, 0.02, 0.43])),
            queued(depth, beat("store", done, at, 1, [0.97, 0.03, 0.0])),
        ];
        let machine = Resources { cpu: Some(0.25), gpu: Some(0.55), gpu_memory: Some(0.60), ..Resources::default() };
        story = story.beat(at, &beats, Some(machine));
    }
    story.over(end_s, Outcome::Ok)
}

/// Loading for 10 s, embedding for 30 s, storing for 5 s.
pub fn seed() -> Story {
    Story::new(&[])
        .run("load", 0, 0.0, 10.0)
        .run("embed", 0, 10.0, 40.0)
        .run("store", 0, 40.0, 45.0)
        .over(45.0, Outcome::Ok)
}

/// A second of the run, as the state has it.
pub const fn second(second: u64) -> u64 {
    second * S
}
