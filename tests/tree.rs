//! Trees of files, and what must become of them: worked out while they are written, from what the example promises.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The sizes that the example cuts texts to, in characters.
const CHUNK: u64 = 800;
const OVERLAP: u64 = 100;
/// What a chunk's vector takes in the store: 256 numbers of four bytes.
const VECTOR_BYTES: u64 = 256 * 4;

/// The size of the largest files that are read of a mixed tree: what to give as `--max-file-bytes`.
pub const MAX_FILE_BYTES: &str = "10000";

/// How many short texts a slow tree has: fewer than the 256 files that are found ahead of those that are read.
pub const SHORT: u64 = 200;

/// What each of them says.
pub const SHORT_TEXT: &str = "a short text";

/// A folder with files, removed when it is dropped.
#[derive(Debug)]
pub struct Tree {
    folder: TempDir,
    /// What must become of its files.
    pub expected: Expected,
    /// Folders that are closed to us, to be opened before they are removed.
    closed: Vec<PathBuf>,
}

/// What must become of files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Files with a text.
    pub ok: u64,
    /// Files too large to be read.
    pub skipped: u64,
    /// Files without a text, by why.
    pub failed: BTreeMap<&'static str, Failed>,
    /// The size of the ok files.
    pub bytes: u64,
    /// The size of their texts, as UTF-8 without a mark.
    pub text_bytes: u64,
    /// Texts in which there is anything but white space.
    pub documents: u64,
    /// What they are cut into.
    pub chunks: u64,
    /// The size of the chunks, which overlap.
    pub chunk_bytes: u64,
    /// What is no file.
    pub symlinks: u64,
    /// The same.
    pub special: u64,
    /// Folders that cannot be listed.
    pub unreadable: u64,
}

/// Files that fail in the same way.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Failed {
    /// How many.
    pub count: u64,
    /// What was read of them.
    pub bytes: u64,
    /// The first by name.
    pub example: PathBuf,
}

impl Tree {
    /// No file yet.
    ///
    /// # Panics
    /// There is no temporary folder; so do the other functions here.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("tree-").tempdir().expect("a temporary folder");
        Self { folder, expected: Expected::default(), closed: Vec::new() }
    }

    /// Something of everything: texts in each encoding, what is no text, files that are empty, large or closed, names
    /// of every kind, and what is no file.
    pub fn mixed() -> Self {
        let mut tree = Self::empty();
        for number in 0..120 {
            let text =
                format!("Document {number} holds marker{number}x, and many words that the others hold as well.\n");
            tree.text(format!("texts/{:02}/{number:03}.txt", number % 7), text.as_bytes(), &text);
        }
        tree.encodings();
        tree.no_texts();
        tree.sizes();
        tree.names();
        #[cfg(unix)]
        tree.no_files();
        tree
    }

    /// So many long texts, each of which a debug build embeds for half a second, and behind them short ones that are
    /// found at once and cannot be read before the long ones have moved on: there is no room for them.
    pub fn slow(long: u64) -> Self {
        let mut tree = Self::empty();
        (0..long).for_each(|number| tree.unbroken_text(&format!("a/{number}"), 'x', 1_000_000));
        for number in 0..SHORT {
            tree.text(format!("b/{number:03}"), SHORT_TEXT.as_bytes(), SHORT_TEXT);
        }
        tree
    }

    /// Where it is, in full.
    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there")
    }

    /// Writes a file of which nothing is expected.
    pub fn write(&self, name: impl AsRef<OsStr>, content: &[u8]) -> PathBuf {
        let path = self.root().join(Path::new(name.as_ref()));
        fs::create_dir_all(path.parent().expect("it lies below the root")).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }

    /// A file with a text that is one chunk, or none where it is blank.
    pub fn text(&mut self, name: impl AsRef<OsStr>, content: &[u8], text: &str) {
        self.write(name, content);
        let stored = text.trim();
        let chunks = u64::from(!stored.is_empty());
        self.expect_text(content.len() as u64, text.len() as u64, chunks, stored.len() as u64);
    }

    /// A file with a text without spaces, of so many times the same letter.
    pub fn unbroken_text(&mut self, name: &str, letter: char, letters: u64) {
        let text = String::from(letter).repeat(usize::try_from(letters).expect("it fits into memory"));
        self.write(name, text.as_bytes());
        let chunks = 1 + letters.saturating_sub(CHUNK).div_ceil(CHUNK - OVERLAP);
        let stored = (letters + OVERLAP * (chunks - 1)) * letter.len_utf8() as u64;
        self.expect_text(text.len() as u64, text.len() as u64, chunks, stored);
    }

    /// A file that fails, of which so many bytes are read before.
    pub fn fails(&mut self, name: &str, content: &[u8], kind: &'static str, bytes: u64) {
        let path = self.write(name, content);
        let failed =
            self.expected.failed.entry(kind).or_insert_with(|| Failed { example: path.clone(), ..Failed::default() });
        failed.count += 1;
        failed.bytes += bytes;
        failed.example = path.min(failed.example.clone());
    }

    /// A folder that nobody may list, but for users who may do everything.
    #[cfg(unix)]
    pub fn closed_folder(&mut self, name: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir(&path).expect("a folder");
        close(&path);
        self.closed.push(path.clone());
        path
    }

    fn expect_text(&mut self, bytes: u64, text_bytes: u64, chunks: u64, chunk_bytes: u64) {
        let expected = &mut self.expected;
        expected.ok += 1;
        expected.bytes += bytes;
        expected.text_bytes += text_bytes;
        expected.documents += u64::from(chunks > 0);
        expected.chunks += chunks;
        expected.chunk_bytes += chunk_bytes;
    }

    fn encodings(&mut self) {
        let text = "na\u{ef}ve \u{1F600} text";
        let utf_16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat()
        };
        self.text("encodings/utf-8", text.as_bytes(), text);
        self.text("encodings/utf-8 marked", &[b"\xEF\xBB\xBF", text.as_bytes()].concat(), text);
        self.text("encodings/utf-16 little", &utf_16([0xFF, 0xFE], u16::to_le_bytes), text);
        self.text("encodings/utf-16 big", &utf_16([0xFE, 0xFF], u16::to_be_bytes), text);
        self.unbroken_text("encodings/japanese", '\u{65E5}', 3000);
    }

    fn no_texts(&mut self) {
        let contents: [&[u8]; 6] = [
            b"\x7FELF\x02\x01\x01\0\0",
            b"\0",
            b"na\xEFve, in Latin-1",
            b"\xC3\x28",
            b"\xFF\xFEh\0i",        // an odd byte
            b"\xFF\xFE\x00\xD8a\0", // half a pair
        ];
        for (content, number) in contents.into_iter().zip(0..) {
            self.fails(&format!("no texts/{number}"), content, "not_text", content.len() as u64);
        }
    }

    fn sizes(&mut self) {
        let limit = MAX_FILE_BYTES.parse().expect("a number");
        self.text("sizes/empty", b"", "");
        self.text("sizes/blank", b" \n\t\n", " \n\t\n");
        self.unbroken_text("sizes/at the limit", 'x', limit);
        for name in ["sizes/one byte more", "sizes/as large again"] {
            let times = if name.ends_with("more") { 1 } else { limit };
            self.write(name, "x".repeat(usize::try_from(limit + times).expect("it fits into memory")).as_bytes());
            self.expected.skipped += 1;
        }
    }

    fn names(&mut self) {
        let names = ["\"quoted\"", "two\nlines", "back\\slash", "-o", "{a=\"b\"} 1", " ", "\u{202e}txt", "a/b/c/d/e/f"];
        for name in names {
            self.text(format!("names/{name}"), b"a text with a name", "a text with a name");
        }
    }

    #[cfg(unix)]
    fn no_files(&mut self) {
        use std::os::unix::ffi::OsStrExt as _;
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;

        self.text(OsStr::from_bytes(b"names/not \xFF UTF-8"), b"a text", "a text");
        let root = self.root();
        for (to, from) in [("texts", "to a folder"), ("sizes/blank", "to a file"), ("nowhere", "to nothing")] {
            symlink(root.join(to), root.join(from)).expect("a link");
        }
        self.expected.symlinks += 3;
        // What was bound stays a socket when nobody listens any more.
        drop(UnixListener::bind(root.join("socket")).expect("a socket"));
        self.expected.special += 1;
        self.closed_file();
        let closed = self.closed_folder("closed folder");
        self.expected.unreadable += u64::from(fs::read_dir(closed).is_err());
    }

    #[cfg(unix)]
    fn closed_file(&mut self) {
        let path = self.write("closed file", b"a secret");
        close(&path);
        if File::open(&path).is_ok() {
            eprintln!("no closed file in the tree: this user may read everything");
            fs::remove_file(path).expect("it is ours");
            return;
        }
        self.expected.failed.insert("permission_denied", Failed { count: 1, bytes: 0, example: path });
    }
}

/// Takes all rights to a file or folder away.
#[cfg(unix)]
fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("it is ours");
}

impl Drop for Tree {
    fn drop(&mut self) {
        #[cfg(unix)]
        for path in &self.closed {
            use std::os::unix::fs::PermissionsExt as _;
            let _is_open = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        }
    }
}

impl Expected {
    /// All files.
    pub fn files(&self) -> u64 {
        self.ok + self.skipped + self.errors()
    }

    /// All that fail.
    pub fn errors(&self) -> u64 {
        self.failed.values().map(|failed| failed.count).sum()
    }

    /// Bytes read of those that fail.
    pub fn error_bytes(&self) -> u64 {
        self.failed.values().map(|failed| failed.bytes).sum()
    }

    /// Bytes in the store.
    pub fn stored_bytes(&self) -> u64 {
        self.chunk_bytes + self.chunks * VECTOR_BYTES
    }

    /// What `--json` prints of a complete run, but for times, address, store and answers.
    pub fn summary(&self, root: &Path, workers: u64) -> Value {
        let failed = |failed: &Failed| json!({ "count": failed.count, "example": failed.example.to_string_lossy() });
        let failed: BTreeMap<_, _> = self.failed.iter().map(|(kind, files)| (*kind, failed(files))).collect();
        let phase = |phase, workers, ok, error, skipped| json!({ "phase": phase, "workers": workers, "items": { "ok": ok, "error": error, "skipped": skipped } });
        json!({
            "directory": root.to_string_lossy(),
            "complete": true,
            "files": { "total": self.files(), "ok": self.ok, "skipped": self.skipped, "bytes": self.bytes, "failed": failed },
            "not_files": { "symlinks": self.symlinks, "special": self.special, "own": 0, "unreadable": self.unreadable },
            "chunks": self.chunks,
            "lost": 0,
            "measured": true,
            "phases": [
                phase("extract", workers, self.ok, self.errors(), self.skipped),
                phase("chunk", workers, self.chunks, 0, 0),
                phase("embed", workers, self.chunks, 0, 0),
                phase("store", 1, self.chunks, 0, 0),
            ],
        })
    }
}
