//! Without the feature `grpc` there is no such way; settings that want it were refused.

use std::time::Duration;

use crate::answer::Answer;
use crate::settings::Settings;

pub(crate) const IS_BUILT_IN: bool = false;

/// The way that is not there.
pub(crate) struct Grpc;

impl Grpc {
    pub(crate) fn new(_: &Settings) -> Self {
        Self
    }

    pub(crate) fn send(&mut self, _: &[u8], _: Duration) -> Answer {
        Answer::Refused { reason: "gRPC is not built in".to_owned() }
    }
}
