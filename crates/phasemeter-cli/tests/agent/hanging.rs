//! A file system that never answers: FUSE, with nobody on the other side, in a mount namespace of the test's own.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use phasemeter::catalogue::{COLLECTOR_SUCCESS, HOST_FILESYSTEM_ERROR, SYSTEM_FILESYSTEM_LIMIT};
use phasemeter_tests::waiting::wait_for;
use tempfile::TempDir;

use crate::rig::{Scrape, Serving, has};

/// The mount. Whoever asks it waits, until this is dropped.
struct Hanging {
    folder: TempDir,
    _nobody_answers: File,
}

impl Hanging {
    /// The calling thread, and what it starts, has mounts of its own from here on.
    fn mount() -> Result<Self, String> {
        let asked = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let asked = asked.map_err(|error| format!("/dev/fuse: {error}"))?;
        unshare(CloneFlags::CLONE_NEWNS).map_err(|error| format!("a mount namespace: {error}"))?;
        // Or else it would be seen outside as well.
        let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(|error| format!("private: {error}"))?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // What is below it is local, and would be asked by the same path.
        mount(Some("below"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some("size=4k"))
            .map_err(|error| format!("mount: {error}"))?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", asked.as_raw_fd());
        mount(Some("nobody"), folder.path(), Some("fuse"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(&*options))
            .map_err(|error| format!("mount: {error}"))?;
        Ok(Self { folder, _nobody_answers: asked })
    }

    fn point(&self) -> &str {
        self.folder.path().to_str().expect("its name is text")
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        for _ in 0..2 {
            let _detached = umount2(self.folder.path(), MntFlags::MNT_DETACH);
        }
    }
}

/// Runs it on a thread of its own, which takes its mounts with it. Where this machine lets nobody do that, it says so.
#[track_caller]
fn beside_a_hanging_mount(test: fn(&Hanging)) {
    let outcome = std::thread::spawn(move || Hanging::mount().map(|hanging| test(&hanging))).join();
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => {
            // Not by the macro, whose lines the harness keeps to itself where a test passes.
            let line = format!("NOT TESTED: no file system can be mounted here that never answers: {reason}\n");
            std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Threads of the agent that wait for a file system's answer; one that has nothing to ask waits for us, on a futex.
fn asking(id: u32) -> usize {
    let tasks = fs::read_dir(Path::new("/proc").join(id.to_string()).join("task")).expect("it runs");
    let of_task = |task: &fs::DirEntry, file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
    let asks = |task: &fs::DirEntry| {
        of_task(task, "comm").starts_with("phasemeter-stat") && !of_task(task, "wchan").contains("futex")
    };
    tasks.flatten().filter(asks).count()
}

fn error_of(scrape: &Scrape, point: &str) -> Option<f64> {
    scrape.of(&HOST_FILESYSTEM_ERROR, &[("system_filesystem_mountpoint", point)])
}

/// File systems that told their space.
fn answered(scrape: &Scrape) -> usize {
    scrape.named(&SYSTEM_FILESYSTEM_LIMIT.prometheus_name()).filter(|(_, bytes)| *bytes > 0.0).count()
}

#[test]
fn a_file_system_that_never_answers_stops_no_scrape_and_is_asked_once() {
    beside_a_hanging_mount(|hanging| {
        let serving =
            Serving::start(&["--remote-file-systems", "--collectors", "filesystem,load", "--interval", "100ms"]);
        let first = serving.scrape_since(0.0, &["filesystem", "load"]);
        assert_eq!(error_of(&first, hanging.point()), Some(1.0));
        assert!(answered(&first) >= 1, "{first:?}");
        let limit = SYSTEM_FILESYSTEM_LIMIT.prometheus_name();
        let point = [("system_filesystem_mountpoint", hanging.point())];
        assert!(!first.named(&limit).any(|(labels, _)| has(labels, &point)), "{first:?}");
        assert_eq!(first.of(&COLLECTOR_SUCCESS, &[("collector", "filesystem")]), Some(1.0));
        // The others are read again meanwhile, and so are the file systems that answer.
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
        let later = serving.scrape_since(now, &["filesystem", "load"]);
        assert_eq!((error_of(&later, hanging.point()), answered(&later)), (Some(1.0), answered(&first)));
        assert_eq!(asking(serving.program.id()), 1, "nobody is asked twice at a time");
        serving.program.terminate();
        assert_eq!(serving.program.ended().status, Some(0));
    });
}

#[test]
fn by_default_it_is_never_asked() {
    beside_a_hanging_mount(|hanging| {
        let serving = Serving::start(&["--collectors", "filesystem"]);
        let scrape = serving.scrape_since(0.0, &["filesystem"]);
        assert!(answered(&scrape) >= 1, "{scrape:?}");
        assert_eq!(error_of(&scrape, hanging.point()), None);
        // Who had asked it would still wait.
        wait_for("end of those that ask", || match asking(serving.program.id()) {
            0 => Ok(()),
            threads => Err(format!("{threads} threads")),
        });
        serving.program.terminate();
        assert_eq!(serving.program.ended().status, Some(0));
    });
}
