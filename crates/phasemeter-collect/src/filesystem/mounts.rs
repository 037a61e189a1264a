//! Which file systems are mounted, from `mountinfo`.

/// A file system, at one of the places where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) point: String,
    pub(super) kind: String,
}

/// More than a machine that somebody looks after has; each is a system call and six series.
const MAX_MOUNTS: usize = 128;

/// What has no space of its own: views into the kernel, and images that are full by design.
const WITHOUT_SPACE: [&str; 27] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Those that somebody else answers for.
const REMOTE: [&str; 17] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse",
    "fuseblk",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// Below these nothing is of interest but to the kernel, or to the runtime that mounted it once for each container.
const FOLDERS: [&str; 7] = [
    "/dev",
    "/proc",
    "/sys",
    "/run/credentials",
    "/var/lib/docker",
    "/var/lib/containers/storage",
    "/var/lib/kubelet/pods",
];

/// One for each device, sorted by where it is mounted. `None` where a line is none of a mount.
pub(super) fn mounts(text: &str, remote: bool) -> Option<Vec<Mount>> {
    let lines = text.lines().filter(|line| !line.is_empty());
    let lines: Vec<Line<'_>> = lines.map(line).collect::<Option<_>>()?;
    let mut found: Vec<(&str, bool, Mount)> = Vec::new();
    for Line { number, root, mount, .. } in
        lines.iter().filter(|line| is_wanted(&line.mount, remote) && line.is_seen(&lines))
    {
        // The same file system is often mounted again, by a part of it: the whole one stands for all.
        let is_whole = *root == "/";
        match found.iter_mut().find(|(known, _, _)| known == number) {
            Some(known) if is_whole && !known.1 => *known = (number, is_whole, mount.clone()),
            Some(_) => {}
            None => found.push((number, is_whole, mount.clone())),
        }
    }
    let mut mounts: Vec<_> = found.into_iter().map(|(_, _, mount)| mount).collect();
    mounts.sort_by(|a, b| a.point.cmp(&b.point));
    mounts.truncate(MAX_MOUNTS);
    Some(mounts)
}

/// A line of `mountinfo`.
struct Line<'a> {
    id: &'a str,
    parent: &'a str,
    /// The device's.
    number: &'a str,
    /// Which part of the file system it is.
    root: &'a str,
    mount: Mount,
}

impl Line<'_> {
    /// Who asks for its mount point reaches it, and not what is mounted over it: that may be a file system that is not to be
    /// asked.
    fn is_seen(&self, all: &[Line<'_>]) -> bool {
        !all.iter().any(|other| other.parent == self.id && other.mount.point == self.mount.point)
    }
}

/// `id parent major:minor root point options … - type source options`; what is left out here may be any number of words.
fn line(text: &str) -> Option<Line<'_>> {
    let (own, of_type) = text.split_once(" - ")?;
    let mut own = own.split(' ');
    let (id, parent) = (own.next()?, own.next()?);
    let (number, root, point) = (own.next()?, own.next()?, own.next()?);
    let mut of_type = of_type.split(' ');
    let (kind, device) = (of_type.next()?, of_type.next()?);
    let mount = Mount { device: unescaped(device), point: unescaped(point), kind: kind.to_owned() };
    Some(Line { id, parent, number, root, mount })
}

fn is_wanted(mount: &Mount, remote: bool) -> bool {
    let is_below =
        |folder: &str| mount.point.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_remote = REMOTE.contains(&&*mount.kind) || mount.kind.starts_with("fuse.");
    !WITHOUT_SPACE.contains(&&*mount.kind) && (remote || !is_remote) && !FOLDERS.into_iter().any(is_below)
}

/// The kernel writes space, tab, newline and backslash as their octal numbers.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.zip(part.get(3..)) {
            Some((code, rest)) => {
                plain.push(char::from(code));
                plain.push_str(rest);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw,nosuid - tmpfs tmpfs rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
28 27 254:1 /part /srv/part rw - xfs /dev/vdb rw
29 27 254:1 / /srv/a\\040b rw,relatime shared:2 master:3 - xfs /dev/vdb rw
30 27 0:44 / /mnt/nfs rw - nfs4 server:/x rw
31 27 0:45 / /mnt/ssh rw - fuse.sshfs me@there: rw
32 27 0:46 / /tmp rw - tmpfs tmpfs rw
33 27 254:0 /var /bind rw - ext4 /dev/vda rw
";

    #[track_caller]
    fn check(text: &str, remote: bool, expected: &[(&str, &str, &str)]) {
        let mounts = mounts(text, remote).expect("each line is a mount");
        let found: Vec<_> = mounts.iter().map(|mount| (&*mount.device, &*mount.point, &*mount.kind)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_device_stands_once_and_what_is_elsewhere_only_where_it_is_wanted() {
        let local = [("/dev/vda", "/", "ext4"), ("/dev/vdb", "/srv/a b", "xfs"), ("tmpfs", "/tmp", "tmpfs")];
        check(MOUNTINFO, false, &local);
        let all = [
            ("/dev/vda", "/", "ext4"),
            ("server:/x", "/mnt/nfs", "nfs4"),
            ("me@there:", "/mnt/ssh", "fuse.sshfs"),
            ("/dev/vdb", "/srv/a b", "xfs"),
            ("tmpfs", "/tmp", "tmpfs"),
        ];
        check(MOUNTINFO, true, &all);
    }

    #[test]
    fn what_something_else_is_mounted_over_is_not_seen_and_so_not_asked_in_its_place() {
        let below = "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:1 / /srv rw - xfs /dev/vdb rw\n";
        let over = |line: &str| format!("{line}\n{below}");
        let root = ("/dev/vda", "/", "ext4");
        check(&over("29 28 254:2 / /srv rw - ext4 /dev/vdc rw"), false, &[root, ("/dev/vdc", "/srv", "ext4")]);
        let program = over("29 28 0:45 / /srv rw - fuse.sshfs me@there: rw");
        check(&program, false, &[root]);
        check(&program, true, &[root, ("me@there:", "/srv", "fuse.sshfs")]);
    }

    #[test]
    fn a_truncated_line_is_no_mount_and_an_empty_file_has_none() {
        check("", true, &[]);
        for broken in ["27 1 254:0 / / rw,relatime", "27 1 254:0 - ext4 /dev/vda rw", "27 1 254:0 / / rw - ext4"] {
            assert_eq!(mounts(broken, false), None, "{broken:?}");
        }
    }

    #[test]
    fn what_is_escaped_is_read_and_what_only_looks_so_stays() {
        for (text, plain) in [("a\\040b", "a b"), ("\\134", "\\"), ("a\\9b", "a\\9b"), ("\\", "\\"), ("\\ü00", "\\ü00")]
        {
            assert_eq!(unescaped(text), plain);
        }
    }
}
