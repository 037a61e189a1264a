//! Whatever stands in `Accept`, there is an answer, and its content type is one of ours.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phasemeter_core::encode::{Format, Names, negotiate};

fuzz_target!(|accept: &str| {
    let negotiated = negotiate(accept);
    let content_type = negotiated.content_type();
    let begins = match negotiated.format {
        Format::Text => "text/plain; version=0.0.4;",
        Format::TextUtf8 => "text/plain; version=1.0.0;",
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0;",
        Format::OpenMetrics001 => "application/openmetrics-text; version=0.0.1;",
        Format::Protobuf => "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;",
    };
    assert!(content_type.starts_with(begins), "{content_type}");
    // Names are as the answer says: one that says nothing has classic names.
    assert_eq!(content_type.ends_with("escaping=allow-utf-8"), negotiated.names == Names::Utf8, "{content_type}");
    assert_eq!(negotiate(content_type).format, negotiated.format, "what we say we send, we understand");
    assert!(content_type.is_ascii() && !content_type.contains(['\r', '\n']));
});
