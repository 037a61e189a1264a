//! A fake driver of the test's own, the collector under test, and the time.

use std::ffi::{CString, OsStr, c_char};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use phasemeter_collect::{Collector, Error, GpuOptions, Options};
use phasemeter_core::{Moment, Samples, Snapshot, encode};
use phasemeter_gpu::Gpu;

pub(crate) const SECOND_NS: u64 = 1_000_000_000;
pub(crate) const STARTED_UNIX_NS: u64 = 1_767_225_600 * SECOND_NS;

/// The UUIDs that the fake gives its GPUs.
pub(crate) const UUIDS: [&str; 3] = [
    "GPU-00000000-1111-2222-3333-444444444444",
    "GPU-00000001-1111-2222-3333-444444444444",
    "GPU-00000002-1111-2222-3333-444444444444",
];

/// What functions of the driver answer.
pub(crate) mod code {
    pub(crate) const OK: u32 = 0;
    pub(crate) const UNINITIALIZED: u32 = 1;
    pub(crate) const NOT_SUPPORTED: u32 = 3;
    pub(crate) const NO_PERMISSION: u32 = 4;
    pub(crate) const DRIVER_NOT_LOADED: u32 = 9;
    pub(crate) const VERSION_MISMATCH: u32 = 18;
    pub(crate) const UNKNOWN: u32 = 999;
}

/// A copy of the library's file, and so a driver of its own; removed at the end.
pub(crate) struct Fake {
    pub(crate) path: PathBuf,
    library: libloading::Library,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self::without(&[])
    }

    /// One that lacks these functions.
    pub(crate) fn without(functions: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("phasemeter-fake-nvml-{}-{number}.so", std::process::id()));
        let mut bytes = fs::read(built()).expect("it was just built");
        functions.iter().for_each(|function| rename(&mut bytes, function));
        fs::write(&path, bytes).expect("a writable temporary folder");
        #[allow(unsafe_code, reason = "loading a library runs what it begins with")]
        // SAFETY: it is our own, and begins with nothing.
        let library = unsafe { libloading::Library::new(&path) }.expect("it was just built for this machine");
        Self { path, library }
    }

    /// Gives an order, and returns the number that was asked for.
    #[track_caller]
    pub(crate) fn tell(&self, order: &str) -> u64 {
        let text = CString::new(order).expect("no zero inside");
        #[allow(unsafe_code, reason = "it is called as C is")]
        // SAFETY: the function has this type in its source, and takes a text that ends in zero.
        let answer = unsafe {
            let tell = self.library.get::<unsafe extern "C" fn(*const c_char) -> u64>(b"fake_nvml_tell\0");
            tell.expect("the fake exports it")(text.as_ptr())
        };
        assert_ne!(answer, u64::MAX, "not understood: {order}");
        answer
    }

    pub(crate) fn answer(&self, whom: &str, function: &str, code: u32) {
        self.tell(&format!("answer {whom} {function} {code}"));
    }

    pub(crate) fn calls(&self, function: &str) -> u64 {
        self.tell(&format!("calls {function}"))
    }

    pub(crate) fn options(&self) -> Options {
        let gpu = GpuOptions { library: Some(self.path.clone()), ..GpuOptions::default() };
        Options { gpu, ..Options::default() }
    }

    pub(crate) fn service(self) -> Rig {
        let options = self.options();
        Rig::new(self, &options)
    }

    pub(crate) fn agent(self) -> Rig {
        let options = Options { is_agent: true, ..self.options() };
        Rig::new(self, &options)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

/// Where the library is, which is built by the first test that wants it.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let line = "build --package phasemeter-fake-nvml --locked --message-format json-render-diagnostics";
        let run = |more: &[&str]| {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut command = Command::new(cargo);
            command.args(line.split(' ')).args(more).current_dir(env!("CARGO_MANIFEST_DIR"));
            command.output().expect("cargo starts")
        };
        let mut output = run(&["--offline"]);
        if !output.status.success() {
            output = run(&[]);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let is_it = |path: &&str| Path::new(path).extension() == Some(OsStr::new("so")) && path.contains("fake_nvml");
        let path = text.split('"').find(is_it);
        PathBuf::from(path.unwrap_or_else(|| panic!("not built: {}", String::from_utf8_lossy(&output.stderr))))
    })
}

/// Gives a function another name in the file, so that it is not found by its own.
fn rename(bytes: &mut [u8], function: &str) {
    let name = [&[0], function.as_bytes(), &[0]].concat();
    let mut renamed = 0;
    for start in 0..bytes.len() - name.len() {
        if bytes[start..].starts_with(&name) {
            bytes[start + 1] = b'x';
            renamed += 1;
        }
    }
    assert!(renamed > 0, "there is no {function}");
}

pub(crate) struct Rig {
    pub(crate) fake: Fake,
    pub(crate) gpu: Gpu,
}

impl Rig {
    pub(crate) fn new(fake: Fake, options: &Options) -> Self {
        Self { fake, gpu: Gpu::new(options) }
    }

    pub(crate) fn sample(&mut self, at: Moment) -> Result<Samples, Error> {
        let mut samples = Samples::default();
        self.gpu.sample(at, &mut samples).map(|()| samples)
    }

    /// Reads so many seconds after the start.
    #[track_caller]
    pub(crate) fn read(&mut self, seconds: f64) -> Page {
        Page::new(self.sample(at(seconds)).unwrap_or_else(|error| panic!("after {seconds} s: {error}")))
    }

    #[track_caller]
    pub(crate) fn error(&mut self, seconds: f64) -> Error {
        self.sample(at(seconds)).map(|samples| samples.len()).expect_err("it fails")
    }

    /// Whether it is no data, and the reason.
    #[track_caller]
    pub(crate) fn check_error(&mut self, seconds: f64, is_no_data: bool, reason: &str) {
        let error = self.error(seconds);
        assert_eq!((error.is_no_data(), &*error.to_string()), (is_no_data, reason));
    }
}

pub(crate) fn at(seconds: f64) -> Moment {
    let now_ns = (seconds * 1e9) as u64;
    Moment { now_ns, unix_ns: STARTED_UNIX_NS + now_ns }
}

/// A moment as the driver's samples have it.
pub(crate) fn unix_us(seconds: f64) -> u64 {
    at(seconds).unix_ns / 1_000
}

/// What a scrape shows.
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) snapshot: Snapshot,
}

impl Page {
    pub(crate) fn new(samples: Samples) -> Self {
        let snapshot = Snapshot::new(samples);
        let mut text = String::new();
        encode::text(&snapshot, &mut text);
        Self { text, snapshot }
    }

    /// The value of the one series whose line has all of these texts; `None` where there is none.
    #[track_caller]
    pub(crate) fn value(&self, texts: &[&str]) -> Option<&str> {
        let lines = self.lines(texts);
        assert!(lines.len() <= 1, "{texts:?}: {lines:#?}");
        lines.first().and_then(|line| line.rsplit(' ').next())
    }

    #[track_caller]
    pub(crate) fn check(&self, texts: &[&str], expected: Option<&str>) {
        assert_eq!(self.value(texts), expected, "{texts:?}");
    }

    /// The lines that have all of these texts, without comments.
    pub(crate) fn lines(&self, texts: &[&str]) -> Vec<&str> {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        lines.filter(|line| texts.iter().all(|text| line.contains(text))).collect()
    }

    /// The UUIDs of those that have any series of this name.
    pub(crate) fn uuids(&self, name: &str) -> Vec<&str> {
        let start = format!("{name}{{");
        let lines = self.text.lines().filter(|line| line.starts_with(&start));
        let mut uuids: Vec<_> =
            lines.filter_map(|line| line.split_once("hw_id=\"")?.1.split_once('"')).map(|(uuid, _)| uuid).collect();
        uuids.dedup();
        uuids
    }
}
