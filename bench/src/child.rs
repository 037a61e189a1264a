//! What a started process does: one subject of one workload, and one number about it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::results::median;
use crate::workload::{Pace, Prepared, Subject, Turns};
use crate::workloads;

/// Long enough to tell how many turns a slice takes.
const TRIED: Duration = Duration::from_millis(1);

/// More than fit in a slice where each took the tenth of a nanosecond.
const MOST_TURNS: u64 = 10_000_000;

/// Prints the nanoseconds of one operation: the median of slices of the process's CPU time. What finds its number by
/// itself prints that.
pub fn time(name: &str, slices: usize) -> Result<(), String> {
    let subject = subject(name)?;
    let mut turns = match subject.prepare() {
        Prepared::Turns(turns) => turns,
        Prepared::Number(number) => {
            println!("{number}");
            return Ok(());
        }
    };
    turns(subject.pace.warm_up());
    let count = turns_of_a_slice(&subject, &mut turns)?;
    let slices = 0..subject.pace.slices(slices);
    let timed = if subject.pace == Pace::Later { timed_to_the_end } else { timed };
    let mut per_turn: Vec<f64> = slices.map(|_| timed(&mut turns, count).as_nanos() as f64 / count as f64).collect();
    let median = median(&mut per_turn).ok_or("no slice was asked for")?;
    println!("{}", median / subject.operations_per_turn as f64);
    Ok(())
}

fn turns_of_a_slice(subject: &Subject, turns: &mut Turns) -> Result<u64, String> {
    let mut count = subject.pace.first_slice();
    let tried = loop {
        let taken = timed(turns, count);
        if taken >= TRIED {
            break taken;
        }
        count *= 2;
        if count > MOST_TURNS {
            return Err(format!("{} takes no time: the compiler left nothing of it", subject.name));
        }
    };
    // Longer on several threads: to wake them must not count.
    let slice = if subject.threads == 1 { subject.pace.slice() } else { subject.pace.slice().max(TRIED * 10) };
    let slices = slice.as_secs_f64() / tried.as_secs_f64();
    Ok(if slices > 1.0 { (count as f64 * slices) as u64 } else { count })
}

/// Does it so many times, in a function that callgrind knows by its name.
pub fn repeat(name: &str, count: u64) -> Result<(), String> {
    let (_, mut turns) = prepared(name)?;
    counted(&mut turns, count);
    Ok(())
}

/// Its name, as callgrind is told it.
pub const COUNTED: &str = "*phasemeter_bench::child::counted*";

#[inline(never)]
fn counted(turns: &mut Turns, count: u64) {
    turns(count);
    // Or else the call above would be its last act, and so be a jump out of it.
    std::hint::black_box(());
}

/// Prints the allocations of one operation.
pub fn allocate(name: &str, count: u64) -> Result<(), String> {
    let (subject, mut turns) = prepared(name)?;
    let allocations = || phasemeter_alloc::thread_counts().map(|counts| counts.allocations);
    let before = allocations().ok_or("this program does not count allocations: start bench-counting")?;
    turns(count);
    let after = allocations().unwrap_or(before);
    println!("{}", (after - before) as f64 / (count * subject.operations_per_turn) as f64);
    Ok(())
}

fn prepared(name: &str) -> Result<(Subject, Turns), String> {
    let subject = subject(name)?;
    match subject.prepare() {
        Prepared::Turns(mut turns) => {
            turns(subject.pace.warm_up());
            Ok((subject, turns))
        }
        Prepared::Number(_) => Err(format!("{name} has no turns to be counted")),
    }
}

fn subject(name: &str) -> Result<Subject, String> {
    workloads::find(name).ok_or_else(|| format!("there is no {name:?}: `list` names what there is"))
}

fn timed(turns: &mut Turns, count: u64) -> Duration {
    let before = cpu_time();
    turns(count);
    cpu_time().saturating_sub(before)
}

/// With what other threads do of it when the turns are over.
fn timed_to_the_end(turns: &mut Turns, count: u64) -> Duration {
    // What is left of the turns before is not of these.
    settled();
    let before = cpu_time();
    turns(count);
    settled().saturating_sub(before)
}

/// When nothing but some waking up has gone on for a while.
fn settled() -> Duration {
    let mut now = cpu_time();
    loop {
        // Longer than any of them sleeps between two looks.
        std::thread::sleep(Duration::from_millis(120));
        let before = std::mem::replace(&mut now, cpu_time());
        if now.saturating_sub(before) < Duration::from_micros(500) {
            return now;
        }
    }
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}
