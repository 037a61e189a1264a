//! The host's network interfaces, from `/proc/net/dev`.

use phasemeter_core::catalogue::{
    SYSTEM_NETWORK_DROPPED, SYSTEM_NETWORK_ERRORS, SYSTEM_NETWORK_IO, SYSTEM_NETWORK_PACKETS,
};
use phasemeter_core::{Moment, Samples, Value};
use std::time::Duration;

use crate::kept::Kept;
use crate::{Collector, Error, Roots, labels};

pub(crate) const NAME: &str = "network";

/// Reads `/proc/net/dev`.
pub(crate) struct Network {
    roots: Roots,
    /// Chosen with the first sample, and again after one that failed.
    dev: Option<Kept>,
}

/// One interface; pairs are receiving and transmitting.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interface {
    name: String,
    bytes: [u64; 2],
    packets: [u64; 2],
    errors: [u64; 2],
    dropped: [u64; 2],
}

impl Network {
    pub(crate) fn new(roots: &Roots) -> Self {
        Self { roots: roots.clone(), dev: None }
    }
}

impl Collector for Network {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        let roots = &self.roots;
        let dev = self.dev.get_or_insert_with(|| Kept::new(roots.of_first_process("net/dev")));
        let read = dev.parsed("sixteen columns an interface", interfaces);
        if read.is_err() {
            self.dev = None;
        }
        for interface in read? {
            for (place, direction) in ["receive", "transmit"].into_iter().enumerate() {
                let pairs = [("network_interface_name", &*interface.name), ("network_io_direction", direction)];
                let labels = labels(pairs);
                out.push(&SYSTEM_NETWORK_IO, labels.clone(), Value::Count(interface.bytes[place]));
                out.push(&SYSTEM_NETWORK_PACKETS, labels.clone(), Value::Count(interface.packets[place]));
                out.push(&SYSTEM_NETWORK_ERRORS, labels.clone(), Value::Count(interface.errors[place]));
                out.push(&SYSTEM_NETWORK_DROPPED, labels, Value::Count(interface.dropped[place]));
            }
        }
        Ok(())
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}

fn interfaces(text: &str) -> Option<Vec<Interface>> {
    let mut interfaces = Vec::new();
    let mut lines = text.lines();
    // Two lines say what the columns are.
    lines.next()?.contains("Receive").then_some(())?;
    lines.next()?.contains("bytes").then_some(())?;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        // An alias has a colon in its name: the last one ends it.
        let (name, counts) = line.rsplit_once(':')?;
        let name = name.trim();
        if is_of_a_container(name) {
            continue;
        }
        let mut columns = [0_u64; 16];
        let mut words = counts.split_ascii_whitespace();
        for place in &mut columns {
            *place = words.next()?.parse().ok()?;
        }
        let pair = |column: usize| [columns[column], columns[column + 8]];
        interfaces.push(Interface {
            name: name.to_owned(),
            bytes: pair(0),
            packets: pair(1),
            errors: pair(2),
            dropped: pair(3),
        });
    }
    Some(interfaces)
}

/// The host's end of a container's cable: there is one for each container, it comes and goes with it, and what it carries
/// is in the real interface's counts.
pub(crate) fn is_of_a_container(name: &str) -> bool {
    ["veth", "cali", "lxc"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive                         |  Transmit\n face |bytes packets errs drop fifo\n";

    #[test]
    fn each_interface_has_both_directions() {
        let text = format!("{HEAD}  eth0:1234 5 1 2 0 0 0 0 6789 7 3 4 0 0 0 0\nveth12: 1 2\n");
        let expected =
            Interface { name: "eth0".into(), bytes: [1234, 6789], packets: [5, 7], errors: [1, 3], dropped: [2, 4] };
        assert_eq!(interfaces(&text), Some(vec![expected]));
    }

    #[test]
    fn a_host_without_interfaces_is_one_and_a_truncated_file_is_none() {
        assert_eq!(interfaces(HEAD), Some(Vec::new()));
        for broken in ["", "Inter-| Receive\n", &format!("{HEAD}eth0: 1 2 3\n"), &format!("{HEAD}eth0 1 2 3\n")] {
            assert_eq!(interfaces(broken), None, "{broken:?}");
        }
    }
}
