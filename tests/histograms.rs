//! A thousand durations that are known, in the histograms that Prometheus has of them: classic, native, and both.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use phasemeter::{Endpoint, ManualClock, Meter, TraceIds};
use phasemeter_core::catalogue::PHASE_DURATION;
use phasemeter_core::slots::BOUNDS_NS;
use phasemeter_tests::prometheus::{Exemplar, Histograms, Moment, Prometheus};

const RUNS: usize = 1_000;
const QUANTILES: [f64; 4] = [0.05, 0.5, 0.95, 0.99];
/// From the start of a native bucket to its end.
const NATIVE_STEP: f64 = 1.090_507_732_665_257_7;

thread_local! {
    /// Which run this thread is in, from 1.
    static RUN: Cell<u64> = const { Cell::new(0) };
}

fn trace_of_run() -> Option<TraceIds> {
    let number = RUN.get();
    Some(TraceIds { trace_id: u128::from(number).to_be_bytes(), span_id: number.to_be_bytes() })
}

/// From 1 ms to 100 s, as many in each decade; the same every time.
fn durations_ns() -> Vec<u64> {
    let mut state: u64 = 7;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (1e6 * 1e5_f64.powf(part)) as u64
    };
    std::iter::repeat_with(next).take(RUNS).collect()
}

/// An endpoint with these runs of one phase, each in a trace of its own; the last one ends now.
fn serving(durations_ns: &[u64]) -> Endpoint {
    let clock = ManualClock::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
    clock.advance(now - Duration::from_nanos(durations_ns.iter().sum()));
    let meter = Meter::builder().clock(clock.clone()).environment([]).pipeline("known").exemplars(trace_of_run).build();
    let phase = meter.phase("run");
    for (number, duration_ns) in (1..).zip(durations_ns) {
        RUN.set(number);
        let _running = phase.start();
        clock.advance(Duration::from_nanos(*duration_ns));
    }
    meter.server().listen("127.0.0.1:0").start().expect("a free port")
}

struct Scraped {
    sorted_ns: Vec<u64>,
    durations_ns: Vec<u64>,
    prometheus: Prometheus,
    _endpoint: Endpoint,
}

impl Scraped {
    /// Nothing where this Prometheus is too old, and whoever runs the tests has said that he knows.
    #[track_caller]
    fn by(histograms: Histograms) -> Option<Self> {
        let durations_ns = durations_ns();
        let endpoint = serving(&durations_ns);
        let address = endpoint.address().expect("it listens");
        match Prometheus::taking(histograms, address) {
            Ok(prometheus) => {
                let mut sorted_ns = durations_ns.clone();
                sorted_ns.sort_unstable();
                Some(Self { sorted_ns, durations_ns, prometheus, _endpoint: endpoint })
            }
            Err(reason) => {
                let is_known = std::env::var_os("PHASEMETER_OLD_PROMETHEUS").is_some_and(|value| value == "accept");
                assert!(is_known, "{reason}: PHASEMETER_OLD_PROMETHEUS=accept leaves this untested");
                None
            }
        }
    }

    fn exact_ns(&self, quantile: f64) -> u64 {
        let rank = (quantile * self.sorted_ns.len() as f64).ceil() as usize;
        self.sorted_ns[rank - 1]
    }

    fn sum(&self) -> f64 {
        self.durations_ns.iter().sum::<u64>() as f64 / 1e9
    }

    #[track_caller]
    fn check_classic(&self, moment: &Moment<'_>) {
        let bucket = series("_bucket");
        assert_eq!(numbers(moment, &series("_count")), [RUNS as f64]);
        assert_eq!(numbers(moment, &series("_sum")), [self.sum()]);
        assert_eq!(numbers(moment, &format!("count({bucket})")), [BOUNDS_NS.len() as f64 + 1.0]);
        for quantile in QUANTILES {
            let (exact, found) = (self.exact_ns(quantile), self.quantile(moment, quantile, &bucket));
            let place = BOUNDS_NS.partition_point(|bound| *bound < exact);
            let [lower, upper] = [place - 1, place].map(|place| BOUNDS_NS[place] as f64 / 1e9);
            assert!(lower < found && found <= upper, "{quantile}: {found} is not within {lower} and {upper}");
        }
    }

    #[track_caller]
    fn check_native(&self, moment: &Moment<'_>) {
        let native = series("");
        assert_eq!(numbers(moment, &format!("histogram_count({native})")), [RUNS as f64]);
        assert_eq!(numbers(moment, &format!("histogram_sum({native})")), [self.sum()]);
        for quantile in QUANTILES {
            let (exact, found) = (self.exact_ns(quantile) as f64 / 1e9, self.quantile(moment, quantile, &native));
            let step = (found / exact).max(exact / found);
            assert!(step <= NATIVE_STEP, "{quantile}: {found} is {step} times off {exact}");
        }
    }

    #[track_caller]
    fn quantile(&self, moment: &Moment<'_>, quantile: f64, series: &str) -> f64 {
        match numbers(moment, &format!("histogram_quantile({quantile}, {series})")).as_slice() {
            [one] => *one,
            others => panic!("{quantile} of {series}: {others:?}"),
        }
    }

    /// The first run of each classic bucket has its exemplar; no other has, since nothing was scraped in between.
    #[track_caller]
    fn check_exemplars(&self, selector: &str) -> Vec<Exemplar> {
        let mut expected = BTreeMap::new();
        for (number, duration_ns) in (1_u64..).zip(&self.durations_ns) {
            let place = BOUNDS_NS.partition_point(|bound| bound < duration_ns);
            expected.entry(place).or_insert((format!("{number:032x}"), format!("{number:016x}"), *duration_ns));
        }
        let found = self.prometheus.exemplars(selector);
        let ids = found.iter().map(|one| {
            let value: f64 = one.value.parse().expect("a number");
            (one.labels["trace_id"].clone(), one.labels["span_id"].clone(), (value * 1e9).round() as u64)
        });
        let (mut ids, mut expected): (Vec<_>, Vec<_>) = (ids.collect(), expected.into_values().collect());
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{selector}: found, and expected");
        found
    }

    #[track_caller]
    fn check_classic_exemplars(&self) {
        for one in self.check_exemplars(&series("_bucket")) {
            let [bound, value] = [&one.series["le"], &one.value].map(|text| text.parse::<f64>().expect("a number"));
            assert!(value <= bound, "{one:?}");
        }
    }

    #[track_caller]
    fn check_native_exemplars(&self) {
        if self.prometheus.version < (3, 0) {
            eprintln!("not tested: exemplars of native histograms, of which old versions keep one of a scrape");
        } else {
            drop(self.check_exemplars(&series("")));
            self.check_complaints();
        }
    }

    /// Later scrapes bring the same exemplars again.
    #[track_caller]
    fn check_complaints(&self) {
        drop(self.prometheus.scraped("count_over_time(up[1m]) > 3"));
        assert_eq!(self.prometheus.complaints(), [""; 0]);
    }
}

/// The runs that ended well, of a histogram or of a part of it.
fn series(part: &str) -> String {
    format!("{}{part}{{outcome=\"ok\"}}", PHASE_DURATION.prometheus_name())
}

#[track_caller]
fn numbers(moment: &Moment<'_>, expression: &str) -> Vec<f64> {
    moment.query(expression).iter().map(|sample| sample.value.parse().expect("a number")).collect()
}

#[test]
fn classic_histograms_alone() {
    let Some(scraped) = Scraped::by(Histograms::Classic) else { return };
    let moment = scraped.prometheus.scraped("up");
    scraped.check_classic(&moment);
    assert_eq!(moment.query(&format!("histogram_count({})", series(""))), []);
    scraped.check_classic_exemplars();
    scraped.check_complaints();
}

#[test]
fn native_histograms_alone() {
    let Some(scraped) = Scraped::by(Histograms::Native) else { return };
    let moment = scraped.prometheus.scraped("up");
    scraped.check_native(&moment);
    for part in ["_bucket", "_count", "_sum"] {
        assert_eq!(moment.query(&series(part)), []);
    }
    scraped.check_native_exemplars();
}

#[test]
fn both_kinds_of_histograms_at_once() {
    let Some(scraped) = Scraped::by(Histograms::Both) else { return };
    let moment = scraped.prometheus.scraped("up");
    scraped.check_native(&moment);
    scraped.check_classic(&moment);
    scraped.check_classic_exemplars();
    scraped.check_native_exemplars();
}
