//! One push: a snapshot becomes bytes, the bytes are sent, and what came of it is counted and said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use phasemeter_core::Snapshot;

use crate::answer::Answer;
use crate::counts::{Counts, Outcome};
use crate::delta;
use crate::encode::{Temporality, request};
use crate::notice::Notices;
use crate::settings::Settings;
use crate::transport::Transport;

/// What goes from push to push. It holds no more than the latest request and, for differences, the last snapshot that came
/// through; nothing is queued.
pub(crate) struct Pusher {
    settings: Settings,
    transport: Transport,
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
        let transport = Transport::new(&settings);
        Self { settings, transport, counts, notices: Notices::default(), body: Vec::new(), base: None }
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
        let answer = self.transport.send(&self.body, limit);
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
        let endpoint = self.settings.endpoint();
        let authority = endpoint.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}{}", endpoint.scheme_str().unwrap_or_default(), endpoint.path())
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }
}

#[cfg(test)]
#[path = "../tests/receiver/mod.rs"]
mod receiver;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::receiver::{LIMIT, Receiver, Reply, nobody};
    use super::*;
    use crate::Builder;

    const SECOND: Duration = Duration::from_secs(1);

    fn pusher(url: &str, say: fn(&str)) -> Pusher {
        let settings = Builder::default().endpoint(url).say(say).settings;
        Pusher::new(settings, Arc::new(Counts::new(0)))
    }

    fn at(now: Instant) -> Moment {
        Moment { now, unix_ns: 7 }
    }

    #[track_caller]
    fn check(status: u16, head: &'static str, expected: Pushed) {
        let receiver = Receiver::start([Reply::Status(status, head, Vec::new())]);
        let mut pusher = pusher(&receiver.url(), |_| {});
        assert_eq!(pusher.push(Snapshot::default(), at(Instant::now()), LIMIT), expected);
    }

    #[test]
    fn how_long_a_receiver_wants_to_be_left_alone_is_handed_on() {
        check(429, "Retry-After: 7\r\n", (Outcome::Unavailable, Some(7 * SECOND)));
        check(503, "Retry-After: Thu, 01 Jan 1970 00:01:00 GMT\r\n", (Outcome::Unavailable, Some(Duration::ZERO)));
        check(503, "Retry-After: tomorrow\r\n", (Outcome::Unavailable, None));
        check(400, "Retry-After: 7\r\n", (Outcome::Refused, None));
    }

    /// An hour of it, in which a push is tried each second.
    #[test]
    fn a_receiver_that_is_away_takes_no_memory_and_a_line_a_minute() {
        static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let url = format!("http://{}/v1/metrics?token=secret", nobody());
        let mut pusher = pusher(&url, |line| SAID.lock().expect("no test panics with it").push(line.to_owned()));
        let start = Instant::now();
        let mut push = |second: u32| {
            let pushed = pusher.push(Snapshot::default(), at(start + second * SECOND), LIMIT);
            assert_eq!(pushed, (Outcome::Unavailable, None));
            pusher.body.capacity()
        };
        let first = push(0);
        assert!((1..3_600).all(|second| push(second) == first));
        assert_eq!(pusher.counts.exports(Outcome::Unavailable), 3_600);
        let said = SAID.lock().expect("no test panics with it");
        assert_eq!(said.len(), 60);
        assert!(said.iter().all(|line| !line.contains("secret")), "{}", said[0]);
    }
}
