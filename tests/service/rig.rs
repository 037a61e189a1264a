//! The example under load, and the Prometheus that scrapes it.

use phasemeter_core::catalogue::{
    DROPPED, PHASE_ACTIVE, PHASE_BYTES, PHASE_ERRORS, PHASE_HELD, PHASE_ITEMS, PHASE_RUNS, SPANS_ENABLED,
};
use phasemeter_tests::program::Ended;
use phasemeter_tests::prometheus::{Moment, Prometheus};

use crate::counted::{counts, expected, once_indexed};
use crate::hey::Load;
use crate::running::Running;

pub(crate) const STRAW: &str = "straw, and more straw";
const NEEDLE: &str = "a needle in a haystack";
const NO_WORDS: &str = "?!";

const QUEUE: u64 = 16;
const MAX_DOCUMENT_BYTES: u64 = 4096;

/// Longer than Prometheus needs to look, however busy the machine is.
const HELD_MS: u64 = 6_000;

/// What hey was answered.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Documents that were accepted, by what is in them.
    pub(crate) needles: u64,
    pub(crate) straw: u64,
    pub(crate) without_words: u64,
    /// Documents that were refused.
    pub(crate) empty: u64,
    pub(crate) too_large: u64,
    /// Searches that were answered.
    pub(crate) found: u64,
    /// Searches that were refused: without any q, and without a word in it.
    pub(crate) unasked: u64,
    pub(crate) wordless: u64,
    /// Searches whose client did not wait for the answer.
    pub(crate) hung_up: u64,
}

impl Told {
    pub(crate) fn accepted(&self) -> u64 {
        self.indexed() + self.without_words
    }

    fn indexed(&self) -> u64 {
        self.needles + self.straw
    }

    fn refused_documents(&self) -> u64 {
        self.empty + self.too_large
    }

    fn refused_searches(&self) -> u64 {
        self.unasked + self.wordless
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused_documents() + self.refused_searches()
    }
}

pub(crate) struct Rig {
    running: Running,
    prometheus: Prometheus,
    told: Told,
}

impl Rig {
    #[track_caller]
    pub(crate) fn start(log: Option<&str>) -> Self {
        let arguments = ["--queue", &QUEUE.to_string(), "--max-document-bytes", &MAX_DOCUMENT_BYTES.to_string()];
        let running = Running::start(log, &arguments);
        let prometheus = Prometheus::scraping(running.metrics);
        Self { running, prometheus, told: Told::default() }
    }

    fn search(&self, requests: u64, clients: u64, query: &str, options: &[&str]) -> Load {
        let url = self.running.url(&format!("/search{query}"));
        Load::start(requests, clients, &[options, &[&url]].concat())
    }

    fn post(&self, requests: u64, clients: u64, query: &str, body: &str) -> Load {
        let url = self.running.url(&format!("/documents{query}"));
        Load::start(requests, clients, &["-m", "POST", "-d", body, &url])
    }

    /// Everything at once: each of these is one phase's business, and none may count as another's.
    #[track_caller]
    pub(crate) fn all_at_once(&mut self) {
        self.told.needles = self.post(5, 5, "", NEEDLE).answers().only(202);
        // Searches are to find the same documents each time.
        drop(once_indexed(&self.prometheus, self.told.accepted(), "up"));

        let too_large = "a".repeat(MAX_DOCUMENT_BYTES as usize + 1);
        let search = self.search(2000, 20, "?q=needle", &[]);
        let straw = self.post(1000, 10, "", STRAW);
        let without_words = self.post(20, 2, "", NO_WORDS);
        let empty = self.post(40, 4, "", "");
        let too_large = self.post(30, 3, "", &too_large);
        let unasked = self.search(50, 5, "", &[]);
        let wordless = self.search(10, 2, "?q=%3F%21", &[]);
        let impatient = self.search(4, 4, "?q=needle&delay_ms=60000", &["-t", "1"]).answers();

        let told = &mut self.told;
        told.found = search.answers().only(200);
        told.straw = straw.answers().only(202);
        told.without_words = without_words.answers().only(202);
        told.empty = empty.answers().only(400);
        told.too_large = too_large.answers().only(413);
        told.unasked = unasked.answers().only(400);
        told.wordless = wordless.answers().only(400);
        assert!(impatient.statuses.is_empty(), "{impatient:?}");
        told.hung_up = impatient.failed;
        let sent =
            [told.found, told.straw, told.without_words, told.empty, told.too_large, told.unasked, told.wordless];
        assert_eq!((sent, told.hung_up), ([2000, 1000, 20, 40, 30, 50, 10], 4));
    }

    /// The indexer is held by one document and the queue full: what is in flight then is known.
    #[track_caller]
    pub(crate) fn in_flight(&mut self) {
        let (waiting, searching) = (8, 8);
        drop(once_indexed(&self.prometheus, self.told.accepted(), "up"));
        let indexed = self.told.accepted();

        self.told.straw += self.post(1, 1, &format!("?delay_ms={HELD_MS}"), STRAW).answers().only(202);
        let queued = self.post(QUEUE + waiting, QUEUE + waiting, "", STRAW);
        let search = self.search(searching, searching, "?q=needle&delay_ms=60000", &[]);
        let active = PHASE_ACTIVE.prometheus_name();
        let is_full = format!(
            "({active}{{phase=\"search\"}} == {searching}) and on() ({active}{{phase=\"ingest\"}} == {waiting})"
        );
        let moment = once_indexed(&self.prometheus, indexed, &is_full);
        let in_flight = [("index", [1]), ("ingest", [waiting]), ("search", [searching])];
        assert_eq!(counts(&moment, &PHASE_ACTIVE, ""), expected([""], in_flight));

        search.hang_up();
        self.told.hung_up += searching;
        self.told.straw += queued.answers().only(202);
    }

    /// Prometheus has all of it, and no more.
    #[track_caller]
    pub(crate) fn check(&self) {
        let active = PHASE_ACTIVE.prometheus_name();
        let moment = once_indexed(&self.prometheus, self.told.accepted(), &format!("sum({active}) == 0"));
        self.told.check_outcomes(&moment);
        self.told.check_errors(&moment);
        let none = expected([""], [("index", [0]), ("ingest", [0]), ("search", [0])]);
        assert_eq!(counts(&moment, &PHASE_ACTIVE, ""), none);
        assert_eq!(counts(&moment, &PHASE_HELD, ""), none);

        let (dropped, visible) = (DROPPED.prometheus_name(), SPANS_ENABLED.prometheus_name());
        let wrong = [format!("{dropped} > 0"), format!("{visible} < 1"), format!("min_over_time({active}[1h]) < 0")];
        for wrong in wrong {
            assert_eq!(moment.query(&wrong), [], "{wrong}");
        }
        assert_eq!(self.prometheus.complaints(), [""; 0]);
    }

    /// Ends it well, and gives its log.
    #[track_caller]
    pub(crate) fn log(self) -> (Told, String) {
        self.running.program.interrupt();
        let Ended { status, stdout, stderr } = self.running.program.ended();
        let (indexed, not_indexed) = (self.told.indexed(), self.told.without_words);
        let stopped = format!("service: stopped: {indexed} documents indexed, {not_indexed} could not be\n");
        assert_eq!(status, Some(0), "{stderr}");
        assert!(stderr.ends_with(&stopped), "{stderr} does not end with {stopped}");
        (self.told, stdout)
    }
}

impl Told {
    /// Runs, items and bytes: every series that there is.
    #[track_caller]
    fn check_outcomes(&self, moment: &Moment<'_>) {
        let documents = [
            ("index", [self.indexed(), self.without_words, 0]),
            ("ingest", [self.accepted(), self.refused_documents(), 0]),
        ];
        let with = |search| [documents[0], documents[1], ("search", search)];
        let runs = with([self.found, self.refused_searches(), self.hung_up]);
        assert_eq!(counts(moment, &PHASE_RUNS, "outcome"), expected(["ok", "error", "cancelled"], runs));
        let items = with([self.found * self.needles, 0, 0]);
        assert_eq!(counts(moment, &PHASE_ITEMS, "outcome"), expected(["ok", "error", "skipped"], items));

        let of = |documents: u64, text: &str| documents * text.len() as u64;
        let (indexed, not_indexed) =
            (of(self.needles, NEEDLE) + of(self.straw, STRAW), of(self.without_words, NO_WORDS));
        let bytes = [
            ("index", [indexed, not_indexed, 0]),
            ("ingest", [indexed + not_indexed, self.too_large * (MAX_DOCUMENT_BYTES + 1), 0]),
            ("search", [0, 0, 0]),
        ];
        assert_eq!(counts(moment, &PHASE_BYTES, "outcome"), expected(["ok", "error", "skipped"], bytes));
    }

    #[track_caller]
    fn check_errors(&self, moment: &Moment<'_>) {
        let errors = [
            ("index", "no_words", self.without_words),
            ("ingest", "empty", self.empty),
            ("ingest", "too_large", self.too_large),
            ("search", "no_words", self.wordless),
            ("search", "query", self.unasked),
        ];
        let errors = errors.map(|(phase, error_type, count)| ((phase.to_owned(), error_type.to_owned()), count));
        assert_eq!(counts(moment, &PHASE_ERRORS, "error_type"), errors.into());
    }
}
