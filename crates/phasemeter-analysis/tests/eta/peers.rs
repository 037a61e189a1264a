//! The published estimators of others, as formulas, written anew.

/// The time that tqdm lets pass between two looks at its counter, in seconds.
const TQDM_MIN_INTERVAL_S: f64 = 0.1;
/// The most that it lets pass.
const TQDM_MAX_INTERVAL_S: f64 = 10.0;
const TQDM_SMOOTHING: f64 = 0.3;

/// An exponential mean that is corrected for its short past, as tqdm has it.
#[derive(Debug, Default)]
struct Ema {
    last: f64,
    calls: i32,
}

impl Ema {
    fn add(&mut self, value: f64) {
        self.last = TQDM_SMOOTHING * value + (1.0 - TQDM_SMOOTHING) * self.last;
        self.calls += 1;
    }

    fn value(&self) -> f64 {
        if self.calls == 0 { self.last } else { self.last / (1.0 - (1.0 - TQDM_SMOOTHING).powi(self.calls)) }
    }
}

/// tqdm 4 with its default smoothing: the quotient of two exponential means, of items and of seconds, over updates that
/// are at least so many items apart as are expected in a tenth of a second.
#[derive(Debug, Default)]
pub(crate) struct Tqdm {
    items: f64,
    min_items: f64,
    ema_min_items: Ema,
    seen_items: f64,
    seen_s: f64,
    ema_items: Ema,
    ema_seconds: Ema,
}

impl Tqdm {
    pub(crate) fn count(&mut self, at_s: f64, items: u64) {
        self.items += items as f64;
        let new_items = self.items - self.seen_items;
        let passed_s = at_s - self.seen_s;
        if new_items < self.min_items || passed_s < TQDM_MIN_INTERVAL_S {
            return;
        }
        self.ema_items.add(new_items);
        self.ema_seconds.add(passed_s);
        let expected = new_items * TQDM_MIN_INTERVAL_S / passed_s;
        self.min_items = if passed_s >= TQDM_MAX_INTERVAL_S {
            expected
        } else {
            self.ema_min_items.add(expected);
            self.ema_min_items.value()
        };
        (self.seen_items, self.seen_s) = (self.items, at_s);
    }

    pub(crate) fn eta_s(&self, now_s: f64, total: u64) -> f64 {
        let smoothed = self.ema_items.value() / self.ema_seconds.value();
        let rate = if smoothed > 0.0 { smoothed } else { self.items / now_s };
        (total as f64 - self.items) / rate
    }
}

/// What indicatif's window weighs after so many seconds.
fn indicatif_weight(age_s: f64) -> f64 {
    0.1_f64.powf(age_s / 15.0)
}

/// indicatif since 0.17.4: an exponential mean of the rate over time, smoothed once more, each corrected for the time
/// before the begin; a stall counts as an update without steps.
#[derive(Debug, Default)]
pub(crate) struct Indicatif {
    steps: f64,
    smoothed: f64,
    twice_smoothed: f64,
    seen_s: f64,
}

impl Indicatif {
    pub(crate) fn count(&mut self, at_s: f64, items: u64) {
        self.steps += items as f64;
        let passed_s = at_s - self.seen_s;
        if passed_s <= 0.0 {
            return;
        }
        let weight = indicatif_weight(passed_s);
        self.smoothed = self.smoothed * weight + items as f64 / passed_s * (1.0 - weight);
        let normalised = self.smoothed / (1.0 - indicatif_weight(at_s));
        self.twice_smoothed = self.twice_smoothed * weight + normalised * (1.0 - weight);
        self.seen_s = at_s;
    }

    pub(crate) fn eta_s(&self, now_s: f64, total: u64) -> f64 {
        let weight = indicatif_weight(now_s - self.seen_s);
        let whole = 1.0 - indicatif_weight(now_s);
        let once = self.smoothed * weight / whole;
        let twice = (self.twice_smoothed * weight + once * (1.0 - weight)) / whole;
        if twice == 0.0 { 0.0 } else { (total as f64 - self.steps) / twice }
    }
}
