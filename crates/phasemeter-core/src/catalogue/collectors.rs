//! The collectors themselves.

use super::Unit::{Count, Seconds};
use super::{Metric, Origin, counter, gauge, info};

metrics! {
    origin: Origin::Ours("it is about phasemeter itself");

    /// 1 where the collector's last reading succeeded, 0 where it failed or is stuck; absent where it has nothing to read.
    COLLECTOR_SUCCESS = gauge("phasemeter.collector.success", Count("{flag}"), &["collector"]);
    /// How long the collector's last reading took.
    COLLECTOR_DURATION = gauge("phasemeter.collector.duration", Seconds, &["collector"]);
    /// When the collector last succeeded, in seconds since the Unix epoch.
    COLLECTOR_LAST_SUCCESS_TIMESTAMP =
        gauge("phasemeter.collector.last_success_timestamp", Seconds, &["collector"]);
    /// How the collector is: ok, no_data where its source is not there, failed, or stuck in a reading beyond its deadline.
    COLLECTOR_INFO = info("phasemeter.collector.info", Count("{collector}"), &["collector", "state"]);
    /// Readings of the collector that failed, or were beyond their deadline.
    COLLECTOR_FAILURES = counter("phasemeter.collector.failures", Count("{reading}"), &["collector"]);
}
