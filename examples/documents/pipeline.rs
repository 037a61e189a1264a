//! The pipeline: extract → chunk → embed → store, each stage with workers of its own, bounded queues between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender};

use crate::chunk::chunks;
use crate::embed::{Vector, embed};
use crate::extract::{Extracted, extract};
use crate::progress::Progress;
use crate::stage::Stages;
use crate::stop::Stop;
use crate::store::{Record, StoreError, Writer};

/// How files become a store.
pub(crate) struct Pipeline<'a> {
    /// Threads of each stage but store.
    pub(crate) workers: usize,
    /// One stage after the other, rather than all at once.
    pub(crate) sequential: bool,
    /// Larger files are skipped.
    pub(crate) max_file_bytes: u64,
    pub(crate) progress: &'a Progress,
    pub(crate) stop: &'a Stop,
}

/// What became of the files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) ok: u64,
    pub(crate) skipped: u64,
    /// By type of error.
    pub(crate) failed: BTreeMap<&'static str, Failures>,
    /// How large the ok files are.
    pub(crate) bytes: u64,
    /// Chunks in the store.
    pub(crate) chunks: u64,
    /// What a panic after extract lost: whole documents, or some chunks of one.
    pub(crate) lost: u64,
}

/// Files that failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    /// One of them: the first by name.
    pub(crate) example: PathBuf,
}

/// A file on its way. It is done when the last that holds it lets go of it: where it failed or was skipped at once, or
/// when all of its chunks are stored.
struct File<'p> {
    /// Tells documents apart.
    number: u64,
    path: PathBuf,
    pipeline: &'p Pipeline<'p>,
}

struct Document<'p> {
    file: Arc<File<'p>>,
    text: String,
}

/// Some chunks of a document, in a row.
struct Batch<'p> {
    document: Arc<Document<'p>>,
    /// Which chunk of the document the first one is.
    first: u32,
    chunks: Vec<Range<usize>>,
}

struct Embedded<'p> {
    batch: Arc<Batch<'p>>,
    /// One for each chunk.
    vectors: Vec<Vector>,
}

/// Files that are found ahead of those that are read.
const FILES_AHEAD: usize = 256;

/// Chunks that are embedded together.
const BATCH: usize = 64;

/// Chunks in a transaction, at least.
const TRANSACTION: usize = 256;

impl Pipeline<'_> {
    /// Brings files into a store. Each counts once, whatever becomes of it; only a stop, or the store's own failure,
    /// ends the whole early. The calling thread is the one that stores.
    pub(crate) fn ingest(
        &self,
        files: impl Iterator<Item = PathBuf> + Send,
        store: &Writer,
    ) -> Result<Tally, StoreError> {
        let tally = Mutex::new(Tally::default());
        let files = (0..).zip(files).map(|(number, path)| Arc::new(File { number, path, pipeline: self }));
        thread::scope(|scope| {
            let Self { workers, sequential, stop, .. } = *self;
            let stages = Stages { scope, stop, workers, sequential };
            let lost = || with(&tally, |tally| tally.lost += 1);

            let files = stages.source(FILES_AHEAD, files);
            let documents = stages.stage(
                2 * workers,
                files,
                |file, next| self.extract(file, next, &tally),
                |file| with(&tally, |tally| tally.fail("panic", &file.path)),
            );
            let batches = stages.stage(4 * workers, documents, chunk_document, move |_| lost());
            let embedded = stages.stage(4 * workers, batches, embed_batch, move |_| lost());
            self.store(&embedded, store, &tally)
        })?;
        Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn extract<'p>(&self, file: &Arc<File<'p>>, next: &Sender<Arc<Document<'p>>>, tally: &Mutex<Tally>) {
        let extracted = extract(&file.path, self.max_file_bytes);
        with(tally, |tally| match &extracted {
            Ok(Extracted::Text { bytes, .. }) => {
                tally.ok += 1;
                tally.bytes += bytes;
            }
            Ok(Extracted::TooLarge) => tally.skipped += 1,
            Err(error) => tally.fail(error.kind(), &file.path),
        });
        if let Ok(Extracted::Text { text, .. }) = extracted {
            send(next, Arc::new(Document { file: file.clone(), text }));
        }
    }

    fn store(&self, embedded: &Receiver<Embedded<'_>>, store: &Writer, tally: &Mutex<Tally>) -> Result<(), StoreError> {
        let mut pending = Vec::new();
        let mut chunks = 0;
        let commit = |pending: &mut Vec<Embedded<'_>>| {
            let records: Vec<_> = pending.iter().flat_map(Embedded::records).collect();
            // Without its store the rest is of no use.
            store.commit(&records).inspect_err(|_| self.stop.set())?;
            with(tally, |tally| tally.chunks += records.len() as u64);
            pending.clear();
            Ok(())
        };
        for one in embedded.iter().take_while(|_| !self.stop.is_set()) {
            chunks += one.vectors.len();
            pending.push(one);
            if chunks >= TRANSACTION {
                commit(&mut pending)?;
                chunks = 0;
            }
        }
        if chunks > 0 && !self.stop.is_set() { commit(&mut pending) } else { Ok(()) }
    }
}

fn chunk_document<'p>(document: &Arc<Document<'p>>, next: &Sender<Arc<Batch<'p>>>) {
    for (first, chunks) in (0..).step_by(BATCH).zip(chunks(&document.file.path, &document.text).chunks(BATCH)) {
        send(next, Arc::new(Batch { document: document.clone(), first, chunks: chunks.to_vec() }));
    }
}

fn embed_batch<'p>(batch: &Arc<Batch<'p>>, next: &Sender<Embedded<'p>>) {
    let texts: Vec<_> = batch.chunks.iter().map(|range| &batch.document.text[range.clone()]).collect();
    send(next, Embedded { batch: batch.clone(), vectors: embed(&batch.document.file.path, &texts) });
}

/// Waits until there is room. Sending fails only once everything was stopped; then nobody misses what is dropped.
fn send<T>(next: &Sender<T>, item: T) {
    let _is_taken = next.send(item);
}

impl Embedded<'_> {
    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let Batch { document, first, chunks } = &*self.batch;
        let Document { file, text } = &**document;
        (*first..).zip(chunks).zip(&self.vectors).map(|((index, range), vector)| Record {
            document: file.number,
            path: &file.path,
            index,
            range: range.clone(),
            text: &text[range.clone()],
            vector,
        })
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        // After a stop, files that nobody worked on are dropped as well.
        if !self.pipeline.stop.is_set() {
            self.pipeline.progress.done();
        }
    }
}

impl Tally {
    /// Every file that was dealt with.
    pub(crate) fn files(&self) -> u64 {
        self.ok + self.skipped + self.failed()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.values().map(|failures| failures.count).sum()
    }

    fn fail(&mut self, kind: &'static str, path: &Path) {
        let failures = self.failed.entry(kind).or_insert_with(|| Failures { count: 0, example: path.to_owned() });
        failures.count += 1;
        if path < failures.example {
            failures.example = path.to_owned();
        }
    }
}

fn with(tally: &Mutex<Tally>, change: impl FnOnce(&mut Tally)) {
    change(&mut tally.lock().unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use phasemeter::{ItemOutcome, Meter, PhaseReading};

    use super::*;
    use crate::query::Query;
    use crate::store::Store;

    /// The phases are statics of this process: their counts are compared by one test at a time.
    static ALONE: Mutex<()> = Mutex::new(());

    struct Ran {
        tally: Tally,
        store: Store,
        before: Vec<PhaseReading>,
        after: Vec<PhaseReading>,
    }

    impl Ran {
        /// What a phase counted during the run.
        fn items(&self, phase: &str, outcome: ItemOutcome) -> u64 {
            let count = |phases: &[PhaseReading]| {
                phases
                    .iter()
                    .filter(|reading| &*reading.phase == phase)
                    .map(|one| one.counts.items(outcome))
                    .sum::<u64>()
            };
            count(&self.after) - count(&self.before)
        }
    }

    fn ingest(paths: Vec<PathBuf>, sequential: bool) -> Ran {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = Meter::builder().pipeline("documents").build();
        let before = meter.phases();
        let (progress, stop) = (Progress::new(meter.run("test").start()), Stop::default());
        let pipeline = Pipeline { workers: 3, sequential, max_file_bytes: 10_000, progress: &progress, stop: &stop };
        let files = paths.len() as u64;
        let writer = Writer::begin(None).expect("a temporary store");
        let tally = pipeline.ingest(paths.into_iter(), &writer).expect("the store works");
        assert_eq!((tally.files(), progress.files_done()), (files, files));
        Ran { tally, store: writer.finish().expect("the store works"), before, after: meter.phases() }
    }

    /// A tree with something of everything, and a path of it that leads nowhere.
    fn mixed_tree(root: &Path) -> Vec<PathBuf> {
        let long: String = (0..500).map(|number| format!("word{number} ")).collect();
        let contents: [(&str, &[u8]); 8] = [
            ("empty", b""),
            ("short", b"a short text"),
            ("long", long.as_bytes()),
            ("utf-16", b"\xFE\xFF\0h\0i"),
            ("binary 1", b"\x7FELF\0\0"),
            ("binary 2", b"\0\x01"),
            ("latin-1", b"na\xEFve"),
            ("large", &[b'x'; 10_001]),
        ];
        contents.iter().for_each(|(name, content)| fs::write(root.join(name), content).expect("a file"));
        contents.iter().map(|(name, _)| root.join(name)).chain([root.join("vanished")]).collect()
    }

    #[test]
    fn every_file_counts_once_and_no_failure_takes_another_file_along() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        for sequential in [false, true] {
            let ran = ingest(mixed_tree(tree.path()), sequential);
            assert_eq!((ran.tally.ok, ran.tally.skipped, ran.tally.lost), (4, 1, 0));
            let failures: Vec<_> = ran.tally.failed.iter().map(|(kind, one)| (*kind, one.count)).collect();
            assert_eq!(failures, [("not_found", 1), ("not_text", 3)]);
            assert!(ran.tally.failed["not_text"].example.ends_with("binary 1"));

            let [ok, error, skipped] = ItemOutcome::ALL.map(|outcome| ran.items("extract", outcome));
            assert_eq!((ok, error, skipped), (4, 4, 1));
            assert!(ran.tally.chunks > 5);
            for phase in ["chunk", "embed", "store"] {
                assert_eq!(ran.items(phase, ItemOutcome::Ok), ran.tally.chunks, "{phase}");
            }
            assert_eq!(ran.store.chunks().expect("it can be read").count() as u64, ran.tally.chunks);
            assert_eq!(ran.store.documents().expect("it can be read"), 3, "the empty file has no chunks");
        }
    }

    #[test]
    fn many_files_stream_through_and_each_is_found_by_its_own_word() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        let paths: Vec<_> = (0..300).map(|number| tree.path().join(format!("{number}.txt"))).collect();
        for (number, path) in paths.iter().enumerate() {
            fs::write(path, format!("a common text {} with mark{number}here", "and more ".repeat(number)))
                .expect("a file");
        }
        let ran = ingest(paths.clone(), false);
        for (number, path) in paths.iter().enumerate().step_by(37) {
            let query = Query::new(&format!("mark{number}here common")).expect("it holds a word");
            let answers = query.search(&ran.store).expect("it can be read");
            assert_eq!(answers.first().map(|answer| Path::new(&answer.path)), Some(&**path), "{answers:?}");
            assert!(answers[0].snippet.contains(&format!("mark{number}here")), "{answers:?}");
        }
    }

    #[test]
    fn no_files_make_an_empty_store() {
        let ran = ingest(Vec::new(), false);
        assert_eq!(ran.tally, Tally::default());
    }

    #[test]
    fn a_stop_ends_it_early_and_in_order() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = tempfile::tempdir().expect("a temporary folder");
        let path = tree.path().join("file");
        fs::write(&path, "text").expect("a file");
        let stop = Stop::default();
        let progress = Progress::new(Meter::builder().isolated().build().run("test").start());
        let pipeline = Pipeline { workers: 2, sequential: false, max_file_bytes: 10, progress: &progress, stop: &stop };
        let endless = (0_u64..).map(|number| {
            if number == 1000 {
                stop.set();
            }
            path.clone()
        });
        let writer = Writer::begin(None).expect("a temporary store");
        let tally = pipeline.ingest(endless, &writer).expect("the store works");
        assert!((1..=1001).contains(&tally.files()), "{}", tally.files());
    }
}
