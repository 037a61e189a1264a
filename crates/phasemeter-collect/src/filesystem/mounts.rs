//! Which file systems are mounted, from `mountinfo`. Each mount is looked at once or twice, however many there are.

use std::collections::HashMap;

/// A file system, at one of the places where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) point: String,
    pub(super) kind: String,
}

/// More than a machine that somebody looks after has; each is a system call and six series. What is beyond is left out,
/// first what is in memory, then by name.
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
    let seen = seen(&lines);
    let mut found: HashMap<&str, &Line<'_>> = HashMap::new();
    for (line, _) in lines.iter().zip(seen).filter(|(line, is_seen)| *is_seen && is_wanted(&line.mount, remote)) {
        // The same file system is often mounted again, by a part of it: the whole one stands for all.
        let known = found.entry(line.number).or_insert(line);
        if line.is_whole() && !known.is_whole() {
            *known = line;
        }
    }
    let mut mounts: Vec<_> = found.into_values().map(|line| line.mount.clone()).collect();
    mounts.sort_by(|a, b| (a.is_in_memory(), &a.point).cmp(&(b.is_in_memory(), &b.point)));
    mounts.truncate(MAX_MOUNTS);
    mounts.sort_by(|a, b| a.point.cmp(&b.point));
    Some(mounts)
}

impl Mount {
    fn is_in_memory(&self) -> bool {
        self.kind == "tmpfs"
    }
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
    fn is_whole(&self) -> bool {
        self.root == "/"
    }
}

/// Whether who asks for a mount point reaches this mount, for each: what is over it, or over a folder above it, may be a
/// file system that is not to be asked.
fn seen(lines: &[Line<'_>]) -> Vec<bool> {
    let tree = Tree::of(lines);
    let mut reached = vec![None; lines.len()];
    (0..lines.len()).map(|place| tree.is_reached(place, &mut reached) && !tree.is_covered(place)).collect()
}

/// Mounts by where they are, and on which.
struct Tree<'a> {
    lines: &'a [Line<'a>],
    /// Of lines, by their ids.
    places: HashMap<&'a str, usize>,
    /// By the mount that it is on, and the point; the later one, where there are two.
    children: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Tree<'a> {
    fn of(lines: &'a [Line<'a>]) -> Self {
        let places = lines.iter().enumerate().map(|(place, line)| (line.id, place)).collect();
        let mounted = lines.iter().enumerate().filter(|(_, line)| line.id != line.parent);
        let children = mounted.map(|(place, line)| ((line.parent, &*line.mount.point), place)).collect();
        Self { lines, places, children }
    }

    fn parent(&self, place: usize) -> Option<usize> {
        let line = &self.lines[place];
        self.places.get(line.parent).copied().filter(|parent| *parent != place)
    }

    /// Another stands right on it.
    fn is_covered(&self, place: usize) -> bool {
        let line = &self.lines[place];
        self.children.contains_key(&(line.id, &*line.mount.point))
    }

    /// Every step to it, from the first mount on, leads on to it and not to what is mounted over the way. What is known of
    /// one is noted, and a chain of them, which may be long, is no recursion.
    fn is_reached(&self, place: usize, known: &mut [Option<bool>]) -> bool {
        let mut chain = Vec::new();
        let mut next = Some(place);
        let mut is_reached = true;
        while let Some(place) = next {
            if let Some(answer) = known[place] {
                is_reached = answer;
                break;
            }
            // Whoever comes round to it again is in a circle, which no root leads into.
            known[place] = Some(false);
            chain.push(place);
            next = self.parent(place);
        }
        for place in chain.into_iter().rev() {
            is_reached = is_reached && self.is_way_free(place);
            known[place] = Some(is_reached);
        }
        is_reached
    }

    /// On the mount that it is on, nothing else is mounted over the way to it.
    fn is_way_free(&self, place: usize) -> bool {
        let Line { id, parent, mount, .. } = &self.lines[place];
        // The first mount is on one that is not shown to us, or on itself.
        let begin = self.parent(place).map_or("/", |parent| &self.lines[parent].mount.point);
        let is_own = id == parent || self.children.get(&(*parent, &*mount.point)) == Some(&place);
        is_own && folders_above(&mount.point, begin).all(|folder| !self.children.contains_key(&(*parent, folder)))
    }
}

/// Those that hold `point`, down from `begin`.
fn folders_above<'a>(point: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    let ends = point.match_indices('/').map(|(end, _)| end.max(1));
    let folders = ends.filter_map(|end| point.get(..end));
    folders.filter(move |folder| folder.len() >= begin.len() && folder.len() < point.len())
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
    fn what_is_below_a_folder_that_something_is_mounted_over_later_is_not_seen() {
        let begin = "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:1 / /a/b rw - ext4 /dev/vdb rw\n";
        let [root, inner] = [("/dev/vda", "/", "ext4"), ("/dev/vdb", "/a/b", "ext4")];
        let check_with = |further: &str, remote: bool, expected: &[(&str, &str, &str)]| {
            check(&format!("{begin}{further}"), remote, expected);
            // The order of the lines is not what tells.
            check(&format!("{further}\n{begin}"), remote, expected);
        };
        check_with("", false, &[root, inner]);
        check_with("29 27 0:50 / /a rw - tmpfs over rw", false, &[root, ("over", "/a", "tmpfs")]);
        check_with("29 27 0:51 / /a rw - fuse nobody rw", false, &[root]);
        check_with("29 27 0:51 / /a rw - fuse nobody rw", true, &[root, ("nobody", "/a", "fuse")]);
        check_with("29 27 0:50 / /a/bc rw - tmpfs beside rw", false, &[root, inner, ("beside", "/a/bc", "tmpfs")]);
        // Over the way that the mount below it takes, and then there is one on that again.
        let again = "29 27 0:51 / /a rw - fuse nobody rw\n30 29 254:2 / /a/b rw - xfs /dev/vdc rw";
        check_with(again, false, &[root, ("/dev/vdc", "/a/b", "xfs")]);
        // What is on one that is hidden is hidden with it; so is what was there before another root.
        let deep = "29 28 254:3 / /a/b/c rw - xfs /dev/vdd rw\n30 27 0:50 / /a rw - tmpfs over rw";
        check_with(deep, false, &[root, ("over", "/a", "tmpfs")]);
        check_with("29 27 254:4 / / rw - xfs /dev/vde rw", false, &[("/dev/vde", "/", "xfs")]);
    }

    #[test]
    fn a_first_mount_on_itself_is_seen_and_a_circle_of_mounts_is_not() {
        check("1 1 254:0 / / rw - ext4 /dev/vda rw", false, &[("/dev/vda", "/", "ext4")]);
        check("1 2 254:0 / /a rw - ext4 /dev/vda rw\n2 1 254:1 / /b rw - ext4 /dev/vdb rw", false, &[]);
    }

    #[test]
    fn ten_thousand_mounts_on_one_another_are_one() {
        let lines = (1..=10_000).map(|id| format!("{id} {} 0:{id} / /a rw - tmpfs {id} rw\n", id - 1));
        check(&lines.collect::<String>(), false, &[("10000", "/a", "tmpfs")]);
    }

    #[test]
    fn of_too_many_mounts_those_in_memory_are_left_out_first() {
        let of = |kind: &str, folder: &str, ids: std::ops::Range<usize>| -> String {
            ids.map(|id| format!("{id} 1 0:{id} / /{folder}/{id} rw - {kind} {kind} rw\n")).collect()
        };
        let text = of("tmpfs", "a", 1_000..1_200) + &of("xfs", "z", 2_000..2_100);
        let mounts = mounts(&text, false).expect("each line is a mount");
        let count = |kind: &str| mounts.iter().filter(|mount| mount.kind == kind).count();
        assert_eq!((mounts.len(), count("xfs"), count("tmpfs")), (MAX_MOUNTS, 100, MAX_MOUNTS - 100));
        assert!(mounts.is_sorted_by_key(|mount| &mount.point));
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
