//! One push: a snapshot becomes bytes, the bytes are sent, and what came of it is counted and said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use phasemeter_core::Snapshot;

use crate::answer::Answer;
use crate::counts::{Counts, Outcome};
use crate::delta;
use crate::encode::{Temporality, request};
use crate::http::Http;
use crate::notice::Notices;
use crate::settings::Settings;

/// What goes from push to push. It holds no more than the latest request and, for differences, the last snapshot that came
/// through; nothing is queued.
pub(crate) struct Pusher {
    settings: Settings,
    http: Http,
    counts: Arc<Counts>,
    notices: Notices,
    body: Vec<u8>,
    base: Option<(Snapshot, u64)>,
}

/// When a push is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) unix_ns: u64,
}

/// How a push went, and how long the receiver asked to be left alone.
pub(crate) type Pushed = (Outcome, Option<Duration>);

impl Pusher {
    pub(crate) fn new(settings: Settings, counts: Arc<Counts>) -> Self {
        let http = Http::new(&settings);
        Self { settings, http, counts, notices: Notices::default(), body: Vec::new(), base: None }
    }

    /// Pushes what was measured. It returns within the limit, or soon after.
    pub(crate) fn push(&mut self, snapshot: Snapshot, moment: Moment, limit: Duration) -> Pushed {
        self.body.clear();
        match (self.settings.form.temporality, &self.base) {
            (Temporality::Delta, Some((before, before_unix_ns))) => {
                let since = delta::since(before, *before_unix_ns, snapshot.clone());
                request(&since, &self.settings.form, moment.unix_ns, &mut self.body);
            }
            (Temporality::Delta, None) | (Temporality::Cumulative, _) => {
                request(&snapshot, &self.settings.form, moment.unix_ns, &mut self.body);
            }
        }
        let answer = self.http.send(&self.body, limit);
        let pushed = self.judge(answer, moment.now);
        self.counts.count(pushed.0, moment.unix_ns);
        if pushed.0.came_through() && self.settings.form.temporality == Temporality::Delta {
            self.base = Some((snapshot, moment.unix_ns));
        }
        pushed
    }

    /// There was no snapshot.
    pub(crate) fn failed(&mut self, moment: Moment) -> Pushed {
        self.counts.count(Outcome::Failed, moment.unix_ns);
        self.trouble(moment.now, "there was no snapshot to push: what was asked for it panicked");
        (Outcome::Failed, None)
    }

    fn judge(&mut self, answer: Answer, now: Instant) -> Pushed {
        match answer {
            Answer::Taken { rejected: 0, message } => {
                if message.is_empty() {
                    let said = self.notices.well(now, &self.receiver());
                    said.iter().for_each(|line| (self.settings.say)(line));
                } else {
                    // A warning: it has every point.
                    self.trouble(now, &format!("it took everything, and says: {message}"));
                }
                (Outcome::Ok, None)
            }
            Answer::Taken { rejected, message } => {
                self.counts.reject(rejected);
                self.trouble(now, &format!("it left out {rejected} points: {message}"));
                (Outcome::Partial, None)
            }
            Answer::Later { reason, wait } => {
                self.trouble(now, &format!("{reason}; it is tried again"));
                (Outcome::Unavailable, wait)
            }
            Answer::Refused { reason } => {
                self.trouble(now, &reason);
                (Outcome::Refused, None)
            }
        }
    }

    fn trouble(&mut self, now: Instant, reason: &str) {
        let said = self.notices.trouble(now, &self.receiver(), reason);
        said.iter().for_each(|line| (self.settings.say)(line));
    }

    /// The endpoint less its query, in which tokens may stand.
    fn receiver(&self) -> String {
        let endpoint = &self.settings.endpoint;
        let authority = endpoint.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}{}", endpoint.scheme_str().unwrap_or_default(), endpoint.path())
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }
}
