//! Where the files of the process's control group are.

use std::path::{Component, Path, PathBuf};

/// The group of the process in each hierarchy, as `/proc/self/cgroup` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Membership {
    /// By the names of the hierarchy's controllers.
    v1: Vec<(String, String)>,
    v2: Option<String>,
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
    pub(super) fn resolved(&self, mounted: &Path) -> Option<Place> {
        let has_v2 = mounted.join("cgroup.controllers").exists();
        if let Some(group) = self.v2.as_ref().filter(|_| has_v2) {
            let own = folder(mounted, group)?;
            let above = own.ancestors().take_while(|folder| folder.starts_with(mounted));
            return Some(Place::V2(above.map(Path::to_owned).collect()));
        }
        let of = |controller: &str| {
            let is_its = |controllers: &str| controllers.split(',').any(|own| own == controller);
            let (controllers, group) = self.v1.iter().find(|(controllers, _)| is_its(controllers))?;
            // Mounted by the controller's name, or by those of all that share the hierarchy.
            [controller, controllers].iter().find_map(|name| folder(&mounted.join(name), group))
        };
        let folders = V1Folders { cpu: of("cpu"), cpuacct: of("cpuacct"), memory: of("memory") };
        (folders != V1Folders::default()).then_some(Place::V1(folders))
    }
}

/// The group's folder. Within a container the path is often the host's, and what is mounted is the group itself.
fn folder(mounted: &Path, group: &str) -> Option<PathBuf> {
    let inside = Path::new(group).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    let own = inside.fold(mounted.to_owned(), |path, name| path.join(name));
    [own, mounted.to_owned()].into_iter().find(|folder| folder.is_dir())
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
