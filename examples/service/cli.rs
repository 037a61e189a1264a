//! The command line.

use clap::Parser;

/// Takes documents and finds them again, over HTTP, and shows where the time goes.
///
/// Documents are kept in memory, and are gone when the service ends. Three phases are measured by phasemeter: ingest and
/// search are requests, index is the thread that makes documents findable. Open the address that it prints to watch them;
/// Prometheus may scrape /metrics there.
#[derive(Debug, Parser)]
#[command(name = "service", version, after_help = PATHS)]
pub(crate) struct Arguments {
    /// Answer on HOST:PORT; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,

    /// Show the phases on HOST:PORT [default: what OTEL_EXPORTER_PROMETHEUS_HOST and _PORT say, or else 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<String>,

    /// Documents that may wait to be indexed; where more come, their requests wait
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) queue: u16,

    /// Refuse documents larger than this
    #[arg(long, value_name = "N", default_value_t = 64 << 10)]
    pub(crate) max_document_bytes: u32,
}

const PATHS: &str = "\
Paths:
  POST /documents          takes the body, text in UTF-8, to be indexed
  GET  /search?q=WORDS     the documents that these words find, the best first
  GET  /healthz            200 while it runs

To see phases in flight, delay_ms=N, up to 60000, makes a search, or the indexing of a document, take that much longer.

RUST_LOG says what the log, on stdout, holds: error where it is unset. What is measured does not depend on it.

Exit status: 0 stopped by Ctrl-C or SIGTERM, once all requests were answered; 1 it broke; 2 an address or another \
argument cannot be used; 130 Ctrl-C twice.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[track_caller]
    fn check(line: &str, is_accepted: bool) {
        let parsed = Arguments::try_parse_from(line.split(' '));
        assert_eq!(parsed.is_ok(), is_accepted, "{line}: {parsed:?}");
    }

    #[test]
    fn arguments_within_their_bounds_are_accepted() {
        Arguments::command().debug_assert();
        check("service", true);
        check("service --listen [::1]:0 --metrics localhost:0 --queue 1 --max-document-bytes 0", true);
        check("service --queue 0", false);
        check("service --max-document-bytes -1", false);
        check("service 127.0.0.1:8080", false);
    }
}
