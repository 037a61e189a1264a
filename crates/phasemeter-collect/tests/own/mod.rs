//! Where the process and its group are looked for, and when.

use super::*;

/// What is shown of the group's CPU limit: the fixtures' own is two CPUs, and at the top there is seven.
#[track_caller]
fn check_group(test: &str, membership: &str, mounted: &str, expected: Option<&str>) {
    let damaged = Damaged::new(&format!("group-{test}"), "host");
    damaged.write("sys/fs/cgroup/cpu.max", "700000 100000\n");
    damaged.write("proc/self/cgroup", format!("0::{membership}\n"));
    let mountinfo = format!("40 23 0:30 {mounted} /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
    damaged.write("proc/self/mountinfo", mountinfo);
    match expected {
        Some(limit) => {
            let lines = read("cgroup", &damaged.roots()).unwrap_or_else(|error| panic!("{test}: {error}"));
            assert_eq!(of(&lines, "cgroup_cpu_limit"), [format!("cgroup_cpu_limit {limit}")], "{test}");
        }
        None => assert!(read("cgroup", &damaged.roots()).is_err_and(|error| error.is_no_data()), "{test}"),
    }
}

#[test]
fn a_group_that_is_not_below_what_is_mounted_is_absent_and_never_another_one() {
    let own = "/system.slice/documents.service";
    check_group("whole", own, "/", Some("2"));
    check_group("own-namespace", "/", "/", Some("7"));
    check_group("gone", "/gone.slice", "/", None);
    check_group("outside", "/../other.slice", "/", None);
    check_group("above", "/system.slice/..", "/", None);
    check_group("the-mounted-one", "/docker/a", "/docker/a", Some("7"));
    check_group("below-the-mounted-one", &format!("/docker{own}"), "/docker", Some("2"));
    check_group("beside-the-mounted-one", "/docker/ab", "/docker/a", None);
    check_group("the-host's-mount-in-an-own-namespace", "/", "/../..", None);
}

#[test]
fn in_version_one_a_container_often_has_its_own_group_mounted() {
    let damaged = Damaged::new("v1-mounted", "host_v1");
    for controller in ["cpu", "cpuacct", "memory"] {
        let folder = damaged.0.join("sys/fs/cgroup").join(controller);
        fs::rename(folder.join("docker/abc"), damaged.0.join("own")).expect("a writable temporary folder");
        fs::remove_dir_all(&folder).expect("a writable temporary folder");
        fs::rename(damaged.0.join("own"), &folder).expect("a writable temporary folder");
    }
    let lines = |root: &str| {
        let line = |name: &str| format!("1 2 0:3 {root} /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n");
        damaged.write("proc/self/mountinfo", ["cpu", "cpuacct", "memory"].map(line).concat());
        read("cgroup", &damaged.roots())
    };
    assert_eq!(lines("/docker/abc").expect("it is whole").len(), 13);
    assert!(lines("/docker/other").is_err_and(|error| error.is_no_data()));
}

/// The process below a real host's root is this one, seen from where it is itself.
#[test]
#[cfg(target_os = "linux")]
fn below_the_root_of_a_real_host_the_process_and_its_group_are_looked_for_where_they_are() {
    let damaged = Damaged::new("real-root", "host");
    damaged.remove("proc/self");
    std::os::unix::fs::symlink("42", damaged.0.join("proc/self")).expect("a writable temporary folder");
    copy(&fixtures("host").join("proc/self"), &damaged.0.join("proc/42"));
    let of_process = read("process", &damaged.roots()).expect("there is a /proc");
    let start = |lines: &[String]| of(lines, "process_start_time_seconds").concat();
    assert_eq!(start(&of_process), start(&read("process", &Roots::default()).expect("there is a /proc")));
    let of_group = read("cgroup", &damaged.roots()).map_err(|error| error.is_no_data());
    let limits = |lines: Vec<String>| of(&lines, "cgroup_cpu_limit").concat();
    let own = read("cgroup", &Roots::default()).map_err(|error| error.is_no_data());
    assert_eq!(of_group.map(limits), own.map(limits));
}

/// Whoever opens a pipe that nobody writes to waits for ever.
#[test]
#[cfg(unix)]
fn making_a_collector_opens_nothing() {
    let damaged = Damaged::new("pipe", "host");
    for file in ["proc/1/net/dev", "proc/1/mountinfo", "proc/self/stat", "proc/self/cgroup"] {
        let path = damaged.0.join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a writable temporary folder");
        let _not_there = fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("every Unix has it");
        assert!(made.success(), "{file}");
    }
    let roots = damaged.roots();
    let (done, made) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let names: Vec<_> = KNOWN.iter().map(|known| collector(known.name, &roots).name()).collect();
        done.send(names)
    });
    let names = made.recv_timeout(Duration::from_secs(60)).expect("nobody waits for a pipe");
    assert_eq!(names.len(), KNOWN.len());
}
