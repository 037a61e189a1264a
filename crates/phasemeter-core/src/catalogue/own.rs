//! phasemeter itself, and the service that it measures.

use super::Unit::{Count, Seconds};
use super::{Metric, Origin, counter, gauge, info, up_down};

metrics! {
    origin: Origin::Ours("it is about phasemeter itself");

    /// Values that were refused or corrected, by reason.
    DROPPED = counter("phasemeter.dropped", Count("{event}"), &["reason"]);
    /// Runs, errors or units recorded under a collective label because the limit on names was reached.
    OVERFLOW = counter("phasemeter.overflow", Count("{event}"), &["limit"]);
    /// Phases that are kept, told apart by pipeline, name and further labels.
    SERIES = up_down("phasemeter.series", Count("{phase}"), &[]);
    /// How long the previous scrape took to read and encode.
    SCRAPE_DURATION = gauge("phasemeter.scrape.duration", Seconds, &[]);
    /// 0 where a filter of the subscriber hides plain phase spans from the layer, 1 where none does.
    SPANS_ENABLED = gauge("phasemeter.spans_enabled", Count("{flag}"), &[]);
    /// The level that is measured at.
    LEVEL_INFO = info("phasemeter.level_info", Count("{level}"), &["level"]);
    /// Where the endpoint listens, and where it was told to: they differ where that port was taken.
    ENDPOINT_INFO = info("phasemeter.endpoint_info", Count("{endpoint}"), &["address", "wanted"]);
    /// Pushes over OTLP, by what came of them: ok, partial where the receiver left points out, unavailable where it is
    /// tried again, refused, or failed where there was nothing to send.
    OTLP_EXPORTS = counter("phasemeter.otlp.exports", Count("{export}"), &["outcome"]);
    /// Points that the receiver of a push over OTLP said it left out.
    OTLP_REJECTED_POINTS = counter("phasemeter.otlp.rejected_points", Count("{point}"), &[]);
    /// When a push over OTLP last came through, in seconds since the Unix epoch; absent before the first.
    OTLP_LAST_SUCCESS_TIMESTAMP = gauge("phasemeter.otlp.last_success_timestamp", Seconds, &[]);
    /// Attributes of the service that is measured.
    TARGET_INFO = info("target.info", Count("{target}"), &[])
        .ours("OpenTelemetry's Prometheus compatibility specification names it");
}
