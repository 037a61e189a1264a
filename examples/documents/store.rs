//! Phase *store*: documents and chunks in one embedded database.
//!
//! A run writes a file of its own, and puts it in the place of the earlier one when all is in it: a run that fails or
//! is interrupted leaves what was there before, and a second one doubles nothing.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use phasemeter::Phase;
use redb::{
    Builder, Database, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata, TableDefinition,
};
use tempfile::{TempDir, TempPath};

use crate::embed::{DIMENSIONS, Vector};

/// One item a chunk, one run a transaction.
pub(crate) static STORE: Phase = Phase::new("store");

/// A document by its number: its path, as far as it can be shown.
const DOCUMENTS: TableDefinition<u64, &str> = TableDefinition::new("documents");

/// A chunk by its document and which one of it this is.
const CHUNKS: TableDefinition<(u64, u32), ChunkValue> = TableDefinition::new("chunks");

/// Where a chunk begins and ends in its document, its text, its vector.
type ChunkValue = (u64, u64, &'static str, [u8; VECTOR_BYTES]);

const VECTOR_BYTES: usize = DIMENSIONS * size_of::<f32>();

/// The database keeps this much in memory, however much it holds.
const CACHE_BYTES: usize = 32 << 20;

const FILE_NAME: &str = "documents.redb";
const UNFINISHED: &str = ".documents-";

/// A chunk on its way into the store.
#[derive(Debug, Clone)]
pub(crate) struct Record<'a> {
    pub(crate) document: u64,
    pub(crate) path: &'a Path,
    /// Which chunk of its document this is.
    pub(crate) index: u32,
    /// Where it stands in the document's text, in bytes.
    pub(crate) range: Range<usize>,
    pub(crate) text: &'a str,
    pub(crate) vector: &'a Vector,
}

/// A chunk from the store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredChunk {
    pub(crate) document: u64,
    pub(crate) index: u32,
    pub(crate) text: String,
    pub(crate) vector: Vector,
}

/// A store that is being written. Dropped before it is finished, it leaves nothing behind.
pub(crate) struct Writer {
    database: Database,
    file: TempPath,
    place: Place,
}

/// A complete store.
pub(crate) struct Store {
    database: ReadOnlyDatabase,
    _place: Place,
}

/// The folder of a store.
struct Place {
    folder: PathBuf,
    /// Removes the folder when it is dropped.
    _temporary: Option<TempDir>,
}

impl Writer {
    /// Begins a store in a folder, which is made where it is missing, or in a temporary one.
    pub(crate) fn begin(out: Option<&Path>) -> Result<Self, StoreError> {
        let temporary = match out {
            Some(folder) => fs::create_dir_all(folder).map(|()| None),
            None => tempfile::tempdir().map(Some),
        };
        let temporary = temporary.map_err(failed("make a folder for"))?;
        let folder = out.or(temporary.as_ref().map(TempDir::path)).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(failed("find the folder of"))?;
        let place = Place { folder, _temporary: temporary };
        let file = tempfile::Builder::new().prefix(UNFINISHED).suffix(".redb").tempfile_in(&place.folder);
        let file = file.map_err(failed("write"))?.into_temp_path();
        let database = Builder::new().set_cache_size(CACHE_BYTES).create(&file).map_err(failed("create"))?;
        let writer = Self { database, file, place };
        writer.write(&[]).map_err(failed("create"))?; // so that also a store of nothing has its tables
        Ok(writer)
    }

    /// Whether a file is one of this store, and so no document.
    pub(crate) fn is_own(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let is_named_so = name == FILE_NAME || (name.starts_with(UNFINISHED) && name.ends_with(".redb"));
        is_named_so && path.parent() == Some(&*self.place.folder)
    }

    /// Stores some chunks, and their documents, in one transaction: one run of the phase.
    pub(crate) fn commit(&self, records: &[Record<'_>]) -> Result<(), StoreError> {
        STORE.run(|phase| {
            phase.item(format_args!("{} chunks", records.len()));
            phase.items(records.len());
            phase.bytes(records.iter().map(|record| record.text.len() + VECTOR_BYTES).sum::<usize>());
            self.write(records).map_err(failed("write"))
        })
    }

    fn write(&self, records: &[Record<'_>]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut documents = transaction.open_table(DOCUMENTS)?;
            let mut chunks = transaction.open_table(CHUNKS)?;
            for Record { document, path, index, range, text, vector } in records {
                documents.insert(document, &*path.to_string_lossy())?;
                let (start, end) = (range.start as u64, range.end as u64);
                chunks.insert((*document, *index), (start, end, *text, to_bytes(vector)))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Makes this the store: from now on it stands where the earlier one did.
    pub(crate) fn finish(self) -> Result<Store, StoreError> {
        self.database.close().map_err(failed("finish"))?;
        let path = self.place.folder.join(FILE_NAME);
        self.file.persist(&path).map_err(|error| failed("finish")(error.error))?;
        Store::open_in(self.place)
    }
}

impl Store {
    /// Opens what an earlier run left in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_in(Place { folder: folder.to_owned(), _temporary: None })
    }

    fn open_in(place: Place) -> Result<Self, StoreError> {
        let database = Builder::new().set_cache_size(CACHE_BYTES).open_read_only(place.folder.join(FILE_NAME));
        Ok(Self { database: database.map_err(failed("open"))?, _place: place })
    }

    /// How many documents there are.
    pub(crate) fn documents(&self) -> Result<u64, StoreError> {
        let count = || -> Result<_, redb::Error> { Ok(self.database.begin_read()?.open_table(DOCUMENTS)?.len()?) };
        count().map_err(failed("read"))
    }

    /// The path of a document, as far as it can be shown.
    pub(crate) fn path(&self, document: u64) -> Result<Option<String>, StoreError> {
        let path = || -> Result<_, redb::Error> {
            let path = self.database.begin_read()?.open_table(DOCUMENTS)?.get(document)?;
            Ok(path.map(|path| path.value().to_owned()))
        };
        path().map_err(failed("read"))
    }

    /// One chunk.
    pub(crate) fn chunk(&self, document: u64, index: u32) -> Result<Option<StoredChunk>, StoreError> {
        self.chunks_between((document, index), (document, index))?.next().transpose()
    }

    /// Every chunk, by document, then by place.
    pub(crate) fn chunks(&self) -> Result<impl Iterator<Item = Result<StoredChunk, StoreError>>, StoreError> {
        self.chunks_between((0, 0), (u64::MAX, u32::MAX))
    }

    fn chunks_between(
        &self,
        first: (u64, u32),
        last: (u64, u32),
    ) -> Result<impl Iterator<Item = Result<StoredChunk, StoreError>> + use<>, StoreError> {
        let table =
            || -> Result<ReadOnlyTable<_, _>, redb::Error> { Ok(self.database.begin_read()?.open_table(CHUNKS)?) };
        let entries = table().and_then(|table| Ok(table.range(first..=last)?)).map_err(failed("read"))?;
        Ok(entries.map(|entry| {
            let (key, value) = entry.map_err(failed("read"))?;
            let ((document, index), (_, _, text, vector)) = (key.value(), value.value());
            Ok(StoredChunk { document, index, text: text.to_owned(), vector: from_bytes(&vector) })
        }))
    }
}

fn to_bytes(vector: &Vector) -> [u8; VECTOR_BYTES] {
    let mut bytes = [0; VECTOR_BYTES];
    let (places, _) = bytes.as_chunks_mut();
    places.iter_mut().zip(vector).for_each(|(place, number)| *place = number.to_le_bytes());
    bytes
}

fn from_bytes(bytes: &[u8; VECTOR_BYTES]) -> Vector {
    let mut vector = [0.0; DIMENSIONS];
    let (places, _) = bytes.as_chunks();
    vector.iter_mut().zip(places).for_each(|(number, place)| *number = f32::from_le_bytes(*place));
    vector
}

/// Why the store cannot be used.
#[derive(Debug)]
pub(crate) struct StoreError {
    doing: &'static str,
    source: Box<redb::Error>,
}

fn failed<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> StoreError {
    move |source| StoreError { doing, source: Box::new(source.into()) }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} the store: {}", self.doing, self.source)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::vector;

    /// Writes without measuring: tests of the phase count on being alone with it.
    fn write(writer: &Writer, document: u64, texts: &[&str]) {
        let path = PathBuf::from(format!("/tree/{document}"));
        for (index, text) in (0..).zip(texts) {
            let vector = vector(text);
            let record = Record { document, path: &path, index, range: 0..text.len(), text, vector: &vector };
            writer.write(&[record]).expect("it can be written");
        }
    }

    fn texts(store: &Store) -> Vec<String> {
        store.chunks().expect("it can be read").map(|chunk| chunk.expect("it can be read").text).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        entries.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_was_written_is_read_back_in_order() {
        let writer = Writer::begin(None).expect("a temporary store");
        write(&writer, 7, &["third"]);
        write(&writer, 2, &["first", "second"]);
        let store = writer.finish().expect("it can be finished");
        assert_eq!(texts(&store), ["first", "second", "third"]);
        assert_eq!(store.documents().expect("it can be read"), 2);
        assert_eq!(store.path(7).expect("it can be read").as_deref(), Some("/tree/7"));
        let second = store.chunk(2, 1).expect("it can be read");
        assert_eq!(second.map(|chunk| chunk.vector), Some(vector("second")));
        assert_eq!(store.chunk(2, 2).expect("it can be read"), None);
    }

    #[test]
    fn a_finished_run_replaces_the_store_and_an_unfinished_one_leaves_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("made/by/the run");
        for text in ["first run", "second run"] {
            let writer = Writer::begin(Some(&out)).expect("a store");
            write(&writer, 0, &[text]);
            assert_eq!(texts(&writer.finish().expect("it can be finished")), [text]);
        }
        let writer = Writer::begin(Some(&out)).expect("a store");
        write(&writer, 0, &["unfinished"]);
        drop(writer);
        assert_eq!(texts(&Store::open(&out).expect("it is there")), ["second run"]);
        assert_eq!(names(&out), [FILE_NAME]);
    }

    #[test]
    fn the_store_knows_its_own_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let writer = Writer::begin(Some(folder.path())).expect("a store");
        let folder = folder.path().canonicalize().expect("it is there");
        assert!(writer.is_own(&writer.file) && writer.is_own(&folder.join(FILE_NAME)));
        assert!(!writer.is_own(&folder.join("deeper").join(FILE_NAME)) && !writer.is_own(&folder.join("other")));
    }

    #[test]
    fn a_store_that_cannot_be_used_says_why() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("file");
        fs::write(&file, "text").expect("a file");
        let message = Writer::begin(Some(&file)).err().expect("it is no folder").to_string();
        assert!(message.starts_with("cannot make a folder for the store: "), "{message}");
        let message = Store::open(folder.path()).err().expect("nothing is there").to_string();
        assert!(message.starts_with("cannot open the store: "), "{message}");
        fs::write(folder.path().join(FILE_NAME), "no database at all").expect("a file");
        assert!(Store::open(folder.path()).is_err());
    }

    #[test]
    fn a_store_of_nothing_can_be_read() {
        let store = Writer::begin(None).and_then(Writer::finish).expect("a temporary store");
        assert_eq!((store.documents().expect("it can be read"), texts(&store).len()), (0, 0));
    }
}
