//! The host's network interfaces: bytes, packets and errors. sysinfo does not know dropped packets. On Windows it lists the
//! hardware that is connected.

use std::time::Duration;

use phasemeter_core::catalogue::{SYSTEM_NETWORK_ERRORS, SYSTEM_NETWORK_IO, SYSTEM_NETWORK_PACKETS};
use phasemeter_core::{Moment, Samples, Value};
use sysinfo::Networks;

use super::made;
use crate::network::{NAME, is_of_a_container};
use crate::{Collector, Error, labels};

/// Reads the counts of each interface.
pub(super) struct Network;

impl Collector for Network {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        // A new list each time: in an old one, what can be read no more stands as it was.
        let mut networks = made(Networks::new())?;
        networks.refresh(true);
        for (name, data) in &networks {
            let name = name.to_string_lossy();
            if is_of_a_container(&name) {
                continue;
            }
            let counts = [
                (&SYSTEM_NETWORK_IO, [data.total_received(), data.total_transmitted()]),
                (&SYSTEM_NETWORK_PACKETS, [data.total_packets_received(), data.total_packets_transmitted()]),
                (&SYSTEM_NETWORK_ERRORS, [data.total_errors_on_received(), data.total_errors_on_transmitted()]),
            ];
            for (metric, counts) in counts {
                for (direction, count) in ["receive", "transmit"].into_iter().zip(counts) {
                    let pairs = [("network_interface_name", &*name), ("network_io_direction", direction)];
                    out.push(metric, labels(pairs), Value::Count(count));
                }
            }
        }
        Ok(())
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}
