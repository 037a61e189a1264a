//! Where the files of the process's control group are.

use std::path::{Component, Path, PathBuf};

use crate::error::optional;
use crate::kept::Kept;
use crate::{Error, Roots};

/// The group of the process in each hierarchy, as `/proc/self/cgroup` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Membership {
    /// By the names of the hierarchy's controllers.
    v1: Vec<(String, String)>,
    v2: Option<String>,
}

/// Where hierarchies are mounted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mounted {
    folder: PathBuf,
    /// By where each is mounted, the group that is its root there, as far as `mountinfo` tells.
    groups: Vec<(PathBuf, String)>,
}

/// Folders that are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    V1(V1Folders),
    /// The group's own, then those above it.
    V2(Vec<PathBuf>),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct V1Folders {
    pub(super) cpu: Option<PathBuf>,
    pub(super) cpuacct: Option<PathBuf>,
    pub(super) memory: Option<PathBuf>,
}

/// Lines of `number:controllers:group`.
pub(super) fn find(text: &str) -> Membership {
    let mut found = Membership::default();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        if let (Some(number), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) {
            match (number, controllers) {
                ("0", "") => found.v2 = Some(group.to_owned()),
                (_, controllers) => found.v1.push((controllers.to_owned(), group.to_owned())),
            }
        }
    }
    found
}

impl Membership {
    /// Version 2 is what counts where it has the controllers; a machine in between has them in version 1 and an empty
    /// version 2 beside.
    pub(super) fn resolved(&self, mounted: &Mounted) -> Option<Place> {
        let has_v2 = mounted.folder.join("cgroup.controllers").exists();
        if let Some(group) = self.v2.as_ref().filter(|_| has_v2) {
            let own = mounted.group(&mounted.folder, group)?;
            let top = std::fs::canonicalize(&mounted.folder).ok()?;
            let above = own.ancestors().take_while(|folder| folder.starts_with(&top));
            return Some(Place::V2(above.map(Path::to_owned).collect()));
        }
        let of = |controller: &str| {
            let is_its = |controllers: &str| controllers.split(',').any(|own| own == controller);
            let (controllers, group) = self.v1.iter().find(|(controllers, _)| is_its(controllers))?;
            // Mounted by the controller's name, or by those of all that share the hierarchy.
            [controller, controllers].iter().find_map(|name| mounted.group(&mounted.folder.join(name), group))
        };
        let folders = V1Folders { cpu: of("cpu"), cpuacct: of("cpuacct"), memory: of("memory") };
        (folders != V1Folders::default()).then_some(Place::V1(folders))
    }
}

impl Mounted {
    /// What is below `sys`, as the process sees it.
    pub(super) fn of(roots: &Roots) -> Result<Self, Error> {
        let mut mountinfo = Kept::new(roots.proc.join("self/mountinfo"));
        let groups = optional(mountinfo.parsed("a mount a line", |text| Some(groups(text, &roots.files))))?;
        Ok(Self { folder: roots.sys.join("fs/cgroup"), groups: groups.unwrap_or_default() })
    }

    /// The folder of a group in the hierarchy that is mounted at `at`. The group may be the very one that is mounted there, as
    /// in many containers; one that is outside of what is mounted, or of the process's namespace, has no folder: another's
    /// numbers are not its own.
    fn group(&self, at: &Path, group: &str) -> Option<PathBuf> {
        let group = Path::new(group);
        let is_inside = group.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        // By controller there is often a link to where the hierarchy of several is mounted.
        let at = std::fs::canonicalize(at).ok()?;
        let mounted = self.groups.iter().rev().find(|(point, _)| *point == at).map_or("/", |(_, mounted)| mounted);
        let own = group.strip_prefix(mounted).ok().filter(|_| is_inside)?;
        // Without a slash at its end where nothing is to be joined.
        let folder = own.components().fold(at, |folder, part| folder.join(part));
        folder.is_dir().then_some(folder)
    }
}

/// Of `mountinfo`, hierarchies of control groups: `id parent number root point options … - type source options`.
fn groups(text: &str, files: &Path) -> Vec<(PathBuf, String)> {
    let files = std::fs::canonicalize(files).unwrap_or_else(|_| files.to_owned());
    let group = |line: &str| {
        let (own, of_type) = line.split_once(" - ")?;
        let mut own = own.split(' ').skip(3);
        let (root, point) = (own.next()?, own.next()?);
        let is_hierarchy = matches!(of_type.split(' ').next()?, "cgroup" | "cgroup2");
        // Of what the kernel escapes, names of groups have the backslash.
        let root = root.replace("\\134", "\\");
        is_hierarchy.then(|| (files.join(point.trim_start_matches('/')), root))
    };
    text.lines().filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_told_apart() {
        let found = find("9:name=systemd:/\n2:cpu,cpuacct:/a:b\nbroken\n0::/system.slice/x.service\n");
        assert_eq!(found.v2.as_deref(), Some("/system.slice/x.service"));
        let expected = [("name=systemd", "/"), ("cpu,cpuacct", "/a:b")];
        assert_eq!(found.v1, expected.map(|(controllers, group)| (controllers.to_owned(), group.to_owned())));
    }
}
