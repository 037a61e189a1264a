//! File systems that answer when the test says so, or never.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use phasemeter_core::Snapshot;

use super::*;

const MOUNTINFO: &str = "\
27 1 254:0 / / rw - ext4 /dev/vda rw
28 27 254:1 / /data rw - xfs /dev/vdb rw
29 27 0:44 / /hangs rw - fuse.test program rw
";

struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        Self::with(test, MOUNTINFO)
    }

    fn with(test: &str, mountinfo: &str) -> Self {
        let root = std::env::temp_dir().join(format!("phasemeter-filesystem-{test}-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc/self")).expect("a writable temporary folder");
        std::fs::write(root.join("proc/self/mountinfo"), mountinfo).expect("a writable temporary folder");
        Self(root)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn value(snapshot: &Snapshot, metric: &phasemeter_core::Metric, point: &str, state: Option<&str>) -> Option<f64> {
    let is_it = |labels: &Labels| {
        labels.value("system_filesystem_mountpoint") == Some(point) && labels.value("system_filesystem_state") == state
    };
    snapshot.series(metric).iter().find(|series| is_it(&series.labels)).map(|series| series.value.as_f64())
}

#[test]
fn one_that_never_answers_is_asked_once_and_holds_up_no_other() {
    let folder = Folder::new("hangs");
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    let ask = move |path: &Path| {
        noted.lock().expect("no panic").push(path.to_owned());
        if path.ends_with("hangs") {
            let _never = released.lock().expect("no panic").recv();
        }
        if path.ends_with("data") {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        Ok(Space { total: 1_000, free: 400, available: 300 })
    };
    let options = Options { remote_file_systems: true, ..Options::default() };
    let mut file_systems = FileSystems::asking(&Roots::below(&folder.0), &options, Asking::by(ask));
    for _ in 0..3 {
        let mut samples = Samples::default();
        file_systems.sample(Moment::default(), &mut samples).expect("mounts can be read");
        let snapshot = Snapshot::new(samples);
        let error = |point| value(&snapshot, &HOST_FILESYSTEM_ERROR, point, None);
        assert_eq!((error("/"), error("/data"), error("/hangs")), (Some(0.0), Some(1.0), Some(1.0)));
        let used = |point| value(&snapshot, &SYSTEM_FILESYSTEM_USAGE, point, Some("used"));
        assert_eq!((used("/"), used("/data"), used("/hangs")), (Some(600.0), None, None));
        let utilization = value(&snapshot, &SYSTEM_FILESYSTEM_UTILIZATION, "/", None);
        assert!(utilization.is_some_and(|share| (share - 600.0 / 900.0).abs() < 1e-9), "{utilization:?}");
    }
    let asked = asked.lock().expect("no panic").clone();
    let times = |name: &str| asked.iter().filter(|path| path.ends_with(name)).count();
    assert_eq!((times("hangs"), times("data")), (1, 3));
    drop(release);
}

#[test]
fn many_that_never_answer_keep_no_other_from_being_asked() {
    let hanging = |id: usize| format!("{id} 1 0:{id} / /a/hangs/{id} rw - xfs /dev/{id} rw\n");
    let mountinfo: String = (100..160).map(hanging).collect();
    let folder = Folder::with("many", &(mountinfo + "300 1 0:300 / /z rw - xfs /dev/z rw\n"));
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let ask = move |path: &Path| {
        if path.parent().is_some_and(|parent| parent.ends_with("hangs")) {
            let _never = released.lock().expect("no panic").recv();
        }
        Ok(Space { total: 1_000, free: 400, available: 300 })
    };
    let mut file_systems = FileSystems::asking(&Roots::below(&folder.0), &Options::default(), Asking::by(ask));
    let mut samples = Samples::default();
    file_systems.sample(Moment::default(), &mut samples).expect("mounts can be read");
    let snapshot = Snapshot::new(samples);
    assert_eq!(value(&snapshot, &SYSTEM_FILESYSTEM_USAGE, "/z", Some("used")), Some(600.0));
    assert_eq!(value(&snapshot, &HOST_FILESYSTEM_ERROR, "/z", None), Some(0.0));
    assert_eq!(value(&snapshot, &HOST_FILESYSTEM_ERROR, "/a/hangs/100", None), Some(1.0));
    drop(release);
}

#[test]
fn one_that_was_not_asked_has_no_series_and_one_that_did_not_answer_an_error() {
    let mount = Mount { device: "/dev/z".into(), point: "/z".into(), kind: "xfs".into() };
    let shown = |answer| {
        let mut samples = Samples::default();
        sample(&mount, &answer, &mut samples);
        value(&Snapshot::new(samples), &HOST_FILESYSTEM_ERROR, "/z", None)
    };
    assert_eq!((shown(Answer::NotAsked), shown(Answer::None), shown(Answer::Error)), (None, Some(1.0), Some(1.0)));
}

#[test]
fn without_a_wish_for_them_those_that_a_program_answers_are_not_asked() {
    let folder = Folder::new("local");
    let ask = |path: &Path| {
        assert!(!path.ends_with("hangs"), "nobody wanted it");
        Ok(Space { total: 10, free: 5, available: 5 })
    };
    let mut file_systems = FileSystems::asking(&Roots::below(&folder.0), &Options::default(), Asking::by(ask));
    let mut samples = Samples::default();
    file_systems.sample(Moment::default(), &mut samples).expect("mounts can be read");
    let snapshot = Snapshot::new(samples);
    assert_eq!(snapshot.series(&SYSTEM_FILESYSTEM_LIMIT).len(), 2);
    assert_eq!(value(&snapshot, &SYSTEM_FILESYSTEM_USAGE, "/hangs", Some("used")), None);
}

#[test]
fn the_real_root_has_space() {
    let space = asking::statvfs(Path::new("/")).expect("there is a root");
    assert!(space.total > 0 && space.available <= space.free && space.free <= space.total, "{space:?}");
    assert!(asking::statvfs(Path::new("/there is no such folder")).is_err());
}
