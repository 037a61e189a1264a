//! Whatever stands in `Accept`, there is an answer, and its content type is one line of ASCII.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phasemeter_core::encode::negotiate;

fuzz_target!(|accept: &str| {
    let content_type = negotiate(accept).content_type();
    assert!(content_type.is_ascii() && !content_type.contains(['\r', '\n']));
    assert_eq!(negotiate(content_type).format, negotiate(accept).format, "what we say we send, we understand");
});
