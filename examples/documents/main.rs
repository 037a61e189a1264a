//! Makes a folder searchable: extract → chunk → embed → store, and `/metrics` that says where the time goes.
//!
//! ```text
//! cargo run --release --example documents -- DIR --listen 127.0.0.1:9464
//! cargo run --release --example documents -- DIR --once --query some words
//! ```
//!
//! How each phase is measured, and why so:
//!
//! | phase | module | by | because |
//! |---|---|---|---|
//! | extract | `extract` | `EXTRACT.run(…)` | it fails for a reason, and the reason is a label |
//! | chunk | `chunk` | a guard, `CHUNK.start()` | it cannot fail, and counts while it works |
//! | embed | `embed` | `#[phase(EMBED, …)]` | a whole function is the phase |
//! | store | `store` | `STORE.run(…)` | one transaction succeeds or fails as a whole |
//! | search | `query` | `.track(&SEARCH)` | one loop over all chunks |
//!
//! The rest knows nothing of measuring: `walk` finds files, `stage` moves things through queues, `pipeline` says what
//! follows what, `progress` and `summary` tell.

mod chunk;
mod cli;
mod embed;
mod extract;
mod pipeline;
mod progress;
mod query;
mod stage;
mod stop;
mod store;
mod summary;
mod walk;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use phasemeter::analysis::event::{Flow, PhaseDeclared};
use phasemeter::{Endpoint, Level, Meter};
use serde::Serialize;

use crate::chunk::CHUNK;
use crate::cli::{Arguments, url};
use crate::embed::EMBED;
use crate::extract::EXTRACT;
use crate::pipeline::Pipeline;
use crate::progress::Progress;
use crate::query::Query;
use crate::stop::{INTERRUPTED, Stop};
use crate::store::{STORE, Store, StoreError, Writer};
use crate::summary::{Answers, Files, Summary, phase_lines, printable};
use crate::walk::Walk;

/// Why the program ends early: its exit status, and what to tell.
struct Problem(u8, String);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = if arguments.query_only { answer(&arguments) } else { run(&arguments) };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem(status, message)) => {
            say(&message);
            ExitCode::from(status)
        }
    }
}

/// The whole: read, store, answer, tell, serve.
fn run(arguments: &Arguments) -> Result<(), Problem> {
    let query = query(arguments)?;
    let root = listable(&arguments.dir)?;
    let writer = Writer::begin(arguments.out.as_deref()).map_err(|error| not_writable(&error, arguments))?;
    let (stop, interrupt) = stop::on_interrupt().map_err(|error| Problem(1, error.to_string()))?;

    let meter = Meter::builder().pipeline("documents").phases([&EXTRACT, &CHUNK, &EMBED, &STORE]).build();
    let endpoint = serve(&meter, arguments)?;
    let url = endpoint.address().map(url);
    let watch = url.as_ref().map(|url| format!("; watch it on {url}")).unwrap_or_default();
    say(&format!("reading {}{watch}", printable(&root.to_string_lossy())));

    let mut summary = ingest(&root, arguments, &meter, &writer, &stop).map_err(broken)?;
    if summary.complete {
        let store = writer.finish().map_err(broken)?;
        summary.store = arguments.out.clone();
        summary.answers = query.map(|query| query.search(&store)).transpose().map_err(broken)?;
    }
    let stays = summary.complete && (!arguments.once || !arguments.linger().is_zero());
    summary.url = url.filter(|_| stays);
    print(&if arguments.json { json(&summary)? } else { summary.to_string() })?;

    if !summary.complete {
        return Err(Problem(INTERRUPTED, "interrupted: the store is as it was before".to_owned()));
    }
    if summary.url.is_some() {
        stay(endpoint, arguments, interrupt);
    }
    Ok(())
}

/// Answers from what an earlier run stored.
fn answer(arguments: &Arguments) -> Result<(), Problem> {
    let Some((query, folder)) = query(arguments)?.zip(arguments.out.as_deref()) else { return Ok(()) };
    let store = Store::open(folder).map_err(|error| {
        let folder = printable(&folder.to_string_lossy());
        unusable(&format!("{error}; --out {folder} should be where an earlier run left one"))
    })?;
    let answers = query.search(&store).map_err(broken)?;
    print(&if arguments.json { json(&answers)? } else { Answers(&answers).to_string() })
}

/// Brings all files into the store, and tells how that went.
fn ingest(
    root: &Path,
    arguments: &Arguments,
    meter: &Meter,
    writer: &Writer,
    stop: &Stop,
) -> Result<Summary, StoreError> {
    let (workers, sequential, max_file_bytes) = (arguments.workers(), arguments.sequential, arguments.max_file_bytes);
    let mut begun = meter.run("documents").flow(if sequential { Flow::Sequential } else { Flow::Streaming });
    let threads = [("extract", workers), ("chunk", workers), ("embed", workers), ("store", 1)];
    for (name, workers) in threads {
        let workers = u32::try_from(workers).ok();
        // A restart reads every file anew: what an earlier attempt did is not carried on.
        let resumed = Some(0);
        begun = begun.phase(PhaseDeclared { name: name.to_owned(), workers, resumed, ..PhaseDeclared::default() });
    }
    if let Some(folder) = &arguments.run_dir {
        begun = begun.journal(folder);
    }
    let progress = Progress::new(begun.start());
    let pipeline = Pipeline { workers, sequential, max_file_bytes, progress: &progress, stop };
    let is_own = |path: &Path| writer.is_own(path);
    let mut walk = Walk::new(root, &is_own);

    let begun = Instant::now();
    let tally = thread::scope(|scope| {
        let (working, over) = mpsc::channel();
        scope.spawn(|| progress.set_total(count(Walk::new(root, &is_own), stop)));
        scope.spawn(|| progress.report(meter, over));
        let tally = pipeline.ingest(&mut walk, writer);
        drop(working);
        tally
    })?;
    let elapsed = begun.elapsed();
    if !stop.is_set() {
        progress.set_total(tally.files()); // files may have come and gone since they were counted
    }
    progress.finish(!stop.is_set());

    Ok(Summary {
        directory: root.to_string_lossy().into_owned(),
        complete: !stop.is_set(),
        seconds: elapsed.as_secs_f64(),
        files: Files::new(&tally),
        not_files: walk.left_out,
        chunks: tally.chunks,
        lost: tally.lost,
        measured: meter.level() > Level::Off,
        phases: phase_lines(&meter.phases(), &threads, elapsed),
        store: None,
        url: None,
        answers: None,
    })
}

/// How many files there are, counted beside the work so that progress soon knows.
fn count(walk: Walk<'_>, stop: &Stop) -> u64 {
    walk.take_while(|_| !stop.is_set()).count() as u64
}

fn query(arguments: &Arguments) -> Result<Option<Query>, Problem> {
    let Some(words) = &arguments.query else { return Ok(None) };
    let text = words.join(" ");
    match Query::new(&text) {
        Some(query) => Ok(Some(query)),
        None => Err(unusable(&format!("--query {text:?} holds no word: letters or digits are needed"))),
    }
}

/// The folder in full, if it can be listed.
fn listable(folder: &Path) -> Result<PathBuf, Problem> {
    let full = folder.canonicalize().and_then(|full| fs::read_dir(&full).map(|_| full));
    full.map_err(|error| {
        let folder = printable(&folder.to_string_lossy());
        unusable(&format!("cannot read the folder {folder}: {error}; DIR names one that you may read"))
    })
}

fn serve(meter: &Meter, arguments: &Arguments) -> Result<Endpoint, Problem> {
    match &arguments.listen {
        Some(address) => {
            meter.server().listen(address).start().map_err(|error| unusable(&format!("--listen: {error}")))
        }
        None => Ok(meter.serve()), // where nothing can be listened on, it says so and goes on without
    }
}

/// Keeps the endpoint open until Ctrl-C or, with --once, for one more scrape.
fn stay(endpoint: Endpoint, arguments: &Arguments, interrupt: Receiver<()>) {
    let limit = arguments.linger();
    if !arguments.once {
        say("serving until Ctrl-C");
        let _interrupted = interrupt.recv();
        return;
    }
    say(&format!("waiting up to {} s for a last scrape", limit.as_secs()));
    // Lingering cannot be interrupted, so it gets a thread that may be left behind.
    let (sender, lingered) = mpsc::channel();
    thread::spawn(move || sender.send(endpoint.linger(limit)));
    loop {
        match lingered.recv_timeout(Duration::from_millis(50)) {
            Ok(true) => return say("scraped"),
            Ok(false) => return say("nobody came"),
            Err(RecvTimeoutError::Timeout) if interrupt.try_recv().is_err() => {}
            Err(_) => return,
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map(|json| json + "\n").map_err(|error| Problem(1, error.to_string()))
}

fn unusable(message: &str) -> Problem {
    Problem(2, message.to_owned())
}

fn not_writable(error: &StoreError, arguments: &Arguments) -> Problem {
    let out =
        arguments.out.as_ref().map_or_else(String::new, |out| format!(" in {}", printable(&out.to_string_lossy())));
    unusable(&format!("{error}{out}; --out FOLDER names one that you may write to"))
}

fn broken(error: StoreError) -> Problem {
    Problem(1, error.to_string())
}

/// Prints what was asked for. A reader that went away, as `head` does, has seen enough.
fn print(text: &str) -> Result<(), Problem> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Problem(1, format!("cannot print: {error}"))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells how it goes. Nobody has to listen.
fn say(text: &str) {
    let _closed = writeln!(io::stderr(), "documents: {text}");
}
