//! Phase *index*: makes documents findable, one after the other, behind the back of those who sent them.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use phasemeter::Phase;
use tokio::sync::mpsc::Receiver;
use tracing::warn;

use crate::index::{Index, NoWords};

/// One item a document.
pub(crate) static INDEX: Phase = Phase::new("index");

/// A document on its way into the index.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) number: u64,
    pub(crate) text: String,
    /// How much longer than needed it is to take.
    pub(crate) delay: Duration,
}

/// What became of the documents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    indexed: u64,
    failed: u64,
}

/// Indexes whatever comes, until nobody sends any more and the queue is empty.
pub(crate) fn run(mut documents: Receiver<Document>, index: &RwLock<Index>) -> Tally {
    let mut tally = Tally::default();
    while let Some(document) = documents.blocking_recv() {
        let number = document.number;
        match add(document, index) {
            Ok(()) => tally.indexed += 1,
            Err(error) => {
                warn!(document = number, "not indexed: {error}");
                tally.failed += 1;
            }
        }
    }
    tally
}

/// Indexes one document. Every call is one run of the phase, and one item: ok or error.
fn add(document: Document, index: &RwLock<Index>) -> Result<(), NoWords> {
    INDEX.run(|phase| {
        phase.item(format_args!("document {}", document.number));
        phase.items(1);
        phase.bytes(document.text.len());
        thread::sleep(document.delay);
        let added = index.write().unwrap_or_else(PoisonError::into_inner).add(document.number, document.text);
        // Without this the label would say `service::index::NoWords`.
        added.inspect_err(|NoWords| phase.fail("no_words"))
    })
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} documents indexed, {} could not be", self.indexed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn what_was_queued_is_indexed_though_nobody_sends_any_more() {
        let (queue, documents) = mpsc::channel(3);
        for (number, text) in [(1, "some words"), (2, "?!"), (3, "words")] {
            queue.try_send(Document { number, text: text.to_owned(), delay: Duration::ZERO }).expect("there is room");
        }
        drop(queue);
        let index = RwLock::default();
        assert_eq!(run(documents, &index), Tally { indexed: 2, failed: 1 });
        assert_eq!(index.into_inner().expect("no panic").search("words", 10).len(), 2);
    }
}
