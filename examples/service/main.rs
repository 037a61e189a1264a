//! A small service that takes documents and finds them again, with axum, tower-http and a log as services have them;
//! phasemeter is three added lines.
//!
//! ```text
//! cargo run --release --example service -- --listen 127.0.0.1:8080
//! curl --data 'some words' http://127.0.0.1:8080/documents
//! curl 'http://127.0.0.1:8080/search?q=words'
//! ```
//!
//! How each phase is measured, and why so:
//!
//! | phase | module | by | because |
//! |---|---|---|---|
//! | ingest, search | `api` | plain spans with a field `phase.name` | handlers have spans already, and know nothing of us |
//! | index | `indexer` | `INDEX.run(…)` | what fails in the background is answered to nobody: it has to be counted |
//!
//! The rest knows nothing of measuring: `index` finds, `refusal` says why a request got no answer, `stop` waits for
//! Ctrl-C. `ending` says on a handler's span what the span cannot see.

mod api;
mod cli;
mod ending;
mod index;
mod indexer;
mod refusal;
mod stop;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::thread;

use clap::Parser;
use phasemeter::{Endpoint, Meter};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::api::Service;
use crate::cli::Arguments;
use crate::index::Index;
use crate::indexer::INDEX;

/// Why the program ends early: its exit status, and what to tell.
struct Problem(u8, String);

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem(status, message)) => {
            say(&message);
            ExitCode::from(status)
        }
    }
}

/// The whole: log, listen, answer, and index on a thread of its own what was taken in.
async fn run(arguments: &Arguments) -> Result<(), Problem> {
    // Colours are for people: a log that goes elsewhere stays plain.
    let log = fmt::layer().with_ansi(io::stdout().is_terminal());
    // phasemeter, line 1 of 3: what measures. INDEX is named so that it is seen, at 0, before anything is indexed.
    let meter = Meter::builder().pipeline("service").phases([&INDEX]).build();
    tracing_subscriber::registry()
        // The log has a filter of its own, so that RUST_LOG says what is written and not what is measured.
        .with(log.with_filter(EnvFilter::from_default_env()))
        // phasemeter, line 2 of 3: handlers' spans are measured.
        .with(meter.layer())
        .init();
    // phasemeter, line 3 of 3: `/metrics` and the page. Without an option for it, this is `meter.serve()`.
    let endpoint = serve(&meter, arguments)?;

    let stop = stop::on_interrupt().map_err(|error| Problem(1, error.to_string()))?;
    let listener = TcpListener::bind(&arguments.listen).await.map_err(|error| not_listening(&error, arguments))?;
    let address = listener.local_addr().map_err(|error| not_listening(&error, arguments))?;
    if let Some(metrics) = endpoint.address() {
        say(&format!("phases on http://{metrics}"));
    }
    say(&format!("listening on http://{address}"));

    let index = Arc::new(RwLock::new(Index::default()));
    let (queue, documents) = mpsc::channel(arguments.queue.into());
    let indexing = {
        let index = index.clone();
        thread::spawn(move || indexer::run(documents, &index))
    };
    let router = api::router(Service::new(index, queue, arguments.max_document_bytes));
    let stopped = async move {
        stop.notified().await;
        say("stopping: requests are answered and documents indexed first; Ctrl-C again exits at once");
    };
    // It returns when the last request is answered. With its handlers goes the last sender of the queue.
    let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    served.map_err(|error| Problem(1, format!("cannot serve: {error}")))?;
    let tally = indexing.join().map_err(|_| Problem(1, "the indexer broke off".to_owned()))?;
    say(&format!("stopped: {tally}"));
    Ok(())
}

fn serve(meter: &Meter, arguments: &Arguments) -> Result<Endpoint, Problem> {
    match &arguments.metrics {
        Some(address) => {
            meter.server().listen(address).start().map_err(|error| Problem(2, format!("--metrics: {error}")))
        }
        None => Ok(meter.serve()),
    }
}

fn not_listening(error: &io::Error, arguments: &Arguments) -> Problem {
    Problem(2, format!("cannot listen on {:?}: {error}; --listen HOST:PORT names another address", arguments.listen))
}

/// Tells how it goes, beside the log. Nobody has to listen.
fn say(text: &str) {
    let _closed = writeln!(io::stderr(), "service: {text}");
}
