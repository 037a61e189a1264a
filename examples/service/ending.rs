//! What the span of a handler cannot see: to a span, an answer, a refusal and a client that hung up look the same.
//!
//! It names two fields and no crate: whoever measures spans may read them.

use tracing::{Span, debug};

use crate::refusal::Refusal;

/// Answers, and says on the current span how that ended: `phase.outcome` is `ok`, `error` with its `error.type`, or
/// `cancelled` where the client hung up, whereupon the handler is dropped.
pub(crate) async fn said<T>(answering: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let mut handler = Handler { span: Span::current(), outcome: None };
    let answer = answering.await;
    if let Err(refusal) = &answer {
        handler.span.record("error.type", refusal.error_type());
        debug!("refused: {refusal}");
    }
    handler.outcome = Some(if answer.is_ok() { "ok" } else { "error" });
    answer
}

struct Handler {
    span: Span,
    outcome: Option<&'static str>,
}

impl Drop for Handler {
    fn drop(&mut self) {
        // A panic is seen by whoever measures, and is no cancellation.
        if !std::thread::panicking() {
            self.span.record("phase.outcome", self.outcome.unwrap_or("cancelled"));
        }
    }
}
