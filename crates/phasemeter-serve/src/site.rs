//! What stands at which path. A panic of the source is answered with 500 and ends nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::Source;
use crate::page::{self, History, Shown, View};
use crate::request::{Method, Request};
use crate::response::{Response, Status};
use crate::scrapes::{Scrape, Scrapes};

/// The three paths, and what they are made of.
pub(crate) struct Site {
    source: Arc<dyn Source>,
    history: History,
    started: Instant,
    pub(crate) scrapes: Scrapes,
}

impl Site {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Self { source, history: History::default(), started: Instant::now(), scrapes: Scrapes::default() }
    }

    /// The answer to a request; with a scrape where one began, to be counted once its last byte is written.
    pub(crate) fn answer(&self, request: &Request) -> (Response, Option<Scrape>) {
        match (request.method, &*request.path) {
            (Method::Other, _) => (Response::wrong_method(), None),
            (Method::Get, "/metrics") => {
                let scrape = self.scrapes.begin();
                let response = self.metrics(request);
                let complete = response.status == Status::Ok;
                (response, complete.then_some(scrape))
            }
            (Method::Head, "/metrics") => (self.metrics(request), None),
            (Method::Get | Method::Head, "/") => (self.page(request), None),
            (Method::Get | Method::Head, "/healthz") => (Response::text(Status::Ok, "ok"), None),
            (Method::Get | Method::Head, _) => {
                (Response::text(Status::NotFound, "nothing here: try /metrics, /healthz or /"), None)
            }
        }
    }

    /// A connection beyond the limit was turned away.
    pub(crate) fn refused(&self) {
        // A source that panics here has lost a count, and nobody is there to be told.
        let _ = catch_unwind(AssertUnwindSafe(|| self.source.refused()));
    }

    fn metrics(&self, request: &Request) -> Response {
        guarded(|| {
            let (content_type, body) = self.source.render(&request.accept);
            Response::metrics(content_type, body).coded(request.coding)
        })
    }

    fn page(&self, request: &Request) -> Response {
        guarded(|| {
            let snapshot = self.source.snapshot();
            let now = Instant::now();
            let earlier = self.history.compare(now, page::tally(&snapshot));
            let view = View {
                unix: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO),
                since_start: now.duration_since(self.started),
                earlier: earlier.as_ref(),
                runs: Shown::asked(&request.query),
            };
            Response::page(page::render(&snapshot, view)).coded(request.coding)
        })
    }
}

/// The source is the host's code. What it leaves behind when it panics is behind its own locks, and ours are
/// entered through poison.
fn guarded(answer: impl FnOnce() -> Response) -> Response {
    catch_unwind(AssertUnwindSafe(answer))
        .unwrap_or_else(|_| Response::text(Status::InternalError, "the source of this endpoint panicked"))
}
