//! What Prometheus has of the three phases, in numbers that can be compared.

use std::collections::BTreeMap;
use std::time::SystemTime;

use phasemeter_core::Metric;
use phasemeter_core::catalogue::PHASE_RUNS;
use phasemeter_tests::prometheus::{Moment, Prometheus, Sample};

/// The value of each phase and, where there is a further label, of each of its values.
pub(crate) type Counts = BTreeMap<(String, String), u64>;

/// Every series that a metric has at a moment; nothing is summed up or left out.
#[track_caller]
pub(crate) fn counts(moment: &Moment<'_>, metric: &Metric, further_label: &str) -> Counts {
    let mut counts = Counts::new();
    for Sample { mut labels, value } in moment.query(&metric.prometheus_name()) {
        let key = [labels.remove("phase"), labels.remove(further_label)].map(Option::unwrap_or_default);
        let others: Vec<_> = labels.iter().filter(|(name, _)| !OF_TARGET.contains(&&***name)).collect();
        assert_eq!(others, [(&"pipeline".to_owned(), &"service".to_owned())]);
        let count = value.parse().unwrap_or_else(|_| panic!("{key:?} is no count: {value}"));
        assert_eq!(counts.insert(key.into(), count), None, "two series are one");
    }
    counts
}

const OF_TARGET: [&str; 3] = ["__name__", "instance", "job"];

/// What is expected of each phase, in the order of `further`: values of a label, or nothing.
pub(crate) fn expected<const N: usize>(further: [&str; N], phases: [(&str, [u64; N]); 3]) -> Counts {
    let of_phase = |(phase, counts): (&str, [u64; N])| {
        further.map(|value| (phase.to_owned(), value.to_owned())).into_iter().zip(counts).collect::<Vec<_>>()
    };
    phases.into_iter().flat_map(of_phase).collect()
}

/// The first scrape from now on in which so many documents went through the index, as whatever, and a condition holds.
#[track_caller]
pub(crate) fn once_indexed<'a>(prometheus: &'a Prometheus, documents: u64, condition: &str) -> Moment<'a> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock behind 1970").as_secs_f64();
    let runs = PHASE_RUNS.prometheus_name();
    prometheus.scraped(&format!(
        "timestamp(up) > {now} and on() (sum({runs}{{phase=\"index\"}}) == {documents}) and on() ({condition})"
    ))
}
