//! What node_exporter reads of this machine, between two readings of ours: counters lie between, gauges near.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use phasemeter::Metric;
use phasemeter::catalogue::{
    HOST_PRESSURE_STALL_TIME, SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_TIME, SYSTEM_DISK_IO, SYSTEM_DISK_IO_TIME,
    SYSTEM_DISK_OPERATION_TIME, SYSTEM_DISK_OPERATIONS, SYSTEM_FILESYSTEM_LIMIT, SYSTEM_FILESYSTEM_USAGE,
    SYSTEM_LOAD_1M, SYSTEM_LOAD_5M, SYSTEM_LOAD_15M, SYSTEM_MEMORY_AVAILABLE, SYSTEM_MEMORY_LIMIT, SYSTEM_MEMORY_USAGE,
    SYSTEM_NETWORK_DROPPED, SYSTEM_NETWORK_ERRORS, SYSTEM_NETWORK_IO, SYSTEM_NETWORK_PACKETS, SYSTEM_PAGING_FAULTS,
    SYSTEM_PAGING_OPERATIONS, SYSTEM_PAGING_USAGE,
};
use phasemeter_tests::http;
use phasemeter_tests::program::Program;
use phasemeter_tests::prometheus::server;

use crate::rig::{Labels, Scrape, Serving, has};

/// Those of node_exporter's collectors that read what ours read.
const THEIR_COLLECTORS: [&str; 9] =
    ["cpu", "meminfo", "loadavg", "diskstats", "filesystem", "netdev", "pressure", "vmstat", "stat"];

const OUR_COLLECTORS: [&str; 7] = ["cpu", "memory", "load", "disk", "filesystem", "network", "pressure"];

type Pairs = &'static [(&'static str, &'static str)];

/// What is the same there. Where several series are meant, they are added up.
struct Counterpart {
    ours: &'static Metric,
    /// Which series of ours.
    only: Pairs,
    /// The label that tells devices apart: ours, and theirs.
    by: Option<(&'static str, &'static str)>,
    /// Their series: a name, and which of them.
    theirs: &'static [(&'static str, Pairs)],
    bound: Bound,
}

/// How near it must be.
enum Bound {
    /// A counter: theirs lies between ours before and after, or this much beside, to which both are rounded.
    Between(f64),
    /// Theirs is ours.
    Exact,
    /// A gauge: theirs lies between ours, or this part of itself beside.
    Within(f64),
    /// A gauge that moves fast: theirs lies between ours, or this part of what there is in all beside.
    Near(f64, &'static Metric),
}

/// What a CPU did when it was idle can turn out to have been something else, and go back by a tick or two.
const TICKS: f64 = 0.02;

const MILLISECOND: f64 = 0.001;
const MICROSECOND: f64 = 0.000_001;

/// What the kernel keeps of files moves less.
const OF_CACHES: Bound = Bound::Within(0.02);

/// Memory moves while others allocate: 2 % of all memory within the second between.
const OF_MEMORY: Bound = Bound::Near(0.02, &SYSTEM_MEMORY_LIMIT);

/// Files come and go within the ten seconds that a reading stands.
const OF_FILE_SYSTEM: Bound = Bound::Near(0.02, &SYSTEM_FILESYSTEM_LIMIT);

/// It is computed anew every five seconds: theirs is ours before, or after, but for the rounding.
const OF_LOAD: Bound = Bound::Between(0.01);

const fn same(
    ours: &'static Metric,
    only: Pairs,
    theirs: &'static [(&'static str, Pairs)],
    bound: Bound,
) -> Counterpart {
    Counterpart { ours, only, by: None, theirs, bound }
}

impl Counterpart {
    const fn by(self, ours: &'static str, theirs: &'static str) -> Self {
        Self { by: Some((ours, theirs)), ..self }
    }

    const fn by_cpu(self) -> Self {
        self.by("cpu_logical_number", "cpu")
    }

    const fn by_disk(self) -> Self {
        self.by("system_device", "device")
    }

    const fn by_interface(self) -> Self {
        self.by("network_interface_name", "device")
    }

    const fn by_mount(self) -> Self {
        self.by("system_filesystem_mountpoint", "mountpoint")
    }
}

/// The agents' names for the same. Their `node_pressure_…` has no counterpart to ours of all tasks that wait for a CPU,
/// and their file systems none to what is in use, which they leave to be computed.
#[rustfmt::skip]
const COUNTERPARTS: [Counterpart; 43] = [
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "user")], &[("node_cpu_seconds_total", &[("mode", "user")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "nice")], &[("node_cpu_seconds_total", &[("mode", "nice")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "system")], &[("node_cpu_seconds_total", &[("mode", "system")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "idle")], &[("node_cpu_seconds_total", &[("mode", "idle")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "iowait")], &[("node_cpu_seconds_total", &[("mode", "iowait")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "steal")], &[("node_cpu_seconds_total", &[("mode", "steal")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_CPU_TIME, &[("cpu_mode", "interrupt")], &[("node_cpu_seconds_total", &[("mode", "irq")]), ("node_cpu_seconds_total", &[("mode", "softirq")])], Bound::Between(TICKS)).by_cpu(),
    same(&SYSTEM_DISK_IO, &[("disk_io_direction", "read")], &[("node_disk_read_bytes_total", &[])], Bound::Between(0.0)).by_disk(),
    same(&SYSTEM_DISK_OPERATIONS, &[("disk_io_direction", "read")], &[("node_disk_reads_completed_total", &[])], Bound::Between(0.0)).by_disk(),
    same(&SYSTEM_DISK_OPERATION_TIME, &[("disk_io_direction", "read")], &[("node_disk_read_time_seconds_total", &[])], Bound::Between(MILLISECOND)).by_disk(),
    same(&SYSTEM_DISK_IO, &[("disk_io_direction", "write")], &[("node_disk_written_bytes_total", &[])], Bound::Between(0.0)).by_disk(),
    same(&SYSTEM_DISK_OPERATIONS, &[("disk_io_direction", "write")], &[("node_disk_writes_completed_total", &[])], Bound::Between(0.0)).by_disk(),
    same(&SYSTEM_DISK_OPERATION_TIME, &[("disk_io_direction", "write")], &[("node_disk_write_time_seconds_total", &[])], Bound::Between(MILLISECOND)).by_disk(),
    same(&SYSTEM_DISK_IO_TIME, &[], &[("node_disk_io_time_seconds_total", &[])], Bound::Between(MILLISECOND)).by_disk(),
    same(&SYSTEM_NETWORK_IO, &[("network_io_direction", "receive")], &[("node_network_receive_bytes_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_PACKETS, &[("network_io_direction", "receive")], &[("node_network_receive_packets_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_DROPPED, &[("network_io_direction", "receive")], &[("node_network_receive_drop_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_ERRORS, &[("network_io_direction", "receive")], &[("node_network_receive_errs_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_IO, &[("network_io_direction", "transmit")], &[("node_network_transmit_bytes_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_PACKETS, &[("network_io_direction", "transmit")], &[("node_network_transmit_packets_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_DROPPED, &[("network_io_direction", "transmit")], &[("node_network_transmit_drop_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&SYSTEM_NETWORK_ERRORS, &[("network_io_direction", "transmit")], &[("node_network_transmit_errs_total", &[])], Bound::Between(0.0)).by_interface(),
    same(&HOST_PRESSURE_STALL_TIME, &[("resource", "cpu"), ("stall", "some")], &[("node_pressure_cpu_waiting_seconds_total", &[])], Bound::Between(MICROSECOND)),
    same(&HOST_PRESSURE_STALL_TIME, &[("resource", "io"), ("stall", "some")], &[("node_pressure_io_waiting_seconds_total", &[])], Bound::Between(MICROSECOND)),
    same(&HOST_PRESSURE_STALL_TIME, &[("resource", "io"), ("stall", "full")], &[("node_pressure_io_stalled_seconds_total", &[])], Bound::Between(MICROSECOND)),
    same(&HOST_PRESSURE_STALL_TIME, &[("resource", "memory"), ("stall", "some")], &[("node_pressure_memory_waiting_seconds_total", &[])], Bound::Between(MICROSECOND)),
    same(&HOST_PRESSURE_STALL_TIME, &[("resource", "memory"), ("stall", "full")], &[("node_pressure_memory_stalled_seconds_total", &[])], Bound::Between(MICROSECOND)),
    same(&SYSTEM_PAGING_FAULTS, &[], &[("node_vmstat_pgfault", &[])], Bound::Between(0.0)),
    same(&SYSTEM_PAGING_FAULTS, &[("system_paging_fault_type", "major")], &[("node_vmstat_pgmajfault", &[])], Bound::Between(0.0)),
    same(&SYSTEM_PAGING_OPERATIONS, &[("system_paging_direction", "in")], &[("node_vmstat_pswpin", &[])], Bound::Between(0.0)),
    same(&SYSTEM_PAGING_OPERATIONS, &[("system_paging_direction", "out")], &[("node_vmstat_pswpout", &[])], Bound::Between(0.0)),
    same(&SYSTEM_MEMORY_LIMIT, &[], &[("node_memory_MemTotal_bytes", &[])], Bound::Exact),
    same(&SYSTEM_MEMORY_AVAILABLE, &[], &[("node_memory_MemAvailable_bytes", &[])], OF_MEMORY),
    same(&SYSTEM_MEMORY_USAGE, &[("system_memory_state", "free")], &[("node_memory_MemFree_bytes", &[])], OF_MEMORY),
    same(&SYSTEM_MEMORY_USAGE, &[("system_memory_state", "buffers")], &[("node_memory_Buffers_bytes", &[])], OF_CACHES),
    same(&SYSTEM_MEMORY_USAGE, &[("system_memory_state", "cached")], &[("node_memory_Cached_bytes", &[]), ("node_memory_SReclaimable_bytes", &[])], OF_CACHES),
    same(&SYSTEM_PAGING_USAGE, &[], &[("node_memory_SwapTotal_bytes", &[])], Bound::Exact),
    same(&SYSTEM_PAGING_USAGE, &[("system_paging_state", "free")], &[("node_memory_SwapFree_bytes", &[])], OF_MEMORY),
    same(&SYSTEM_LOAD_1M, &[], &[("node_load1", &[])], OF_LOAD),
    same(&SYSTEM_LOAD_5M, &[], &[("node_load5", &[])], OF_LOAD),
    same(&SYSTEM_LOAD_15M, &[], &[("node_load15", &[])], OF_LOAD),
    same(&SYSTEM_FILESYSTEM_LIMIT, &[], &[("node_filesystem_size_bytes", &[])], OF_FILE_SYSTEM).by_mount(),
    same(&SYSTEM_FILESYSTEM_USAGE, &[("system_filesystem_state", "free")], &[("node_filesystem_avail_bytes", &[])], OF_FILE_SYSTEM).by_mount(),
];

/// Those of a series that a counterpart means, added up; nothing where there are none.
fn sum(scrape: &Scrape, name: &str, only: Pairs, device: Option<(&str, &str)>) -> Option<f64> {
    let is_meant = |labels: &Labels| has(labels, only) && device.is_none_or(|pair| has(labels, &[pair]));
    scrape.named(name).filter(|(labels, _)| is_meant(labels)).map(|(_, value)| value).reduce(|a, b| a + b)
}

impl Counterpart {
    /// The devices that both know; one that has no name where there are none to tell apart.
    fn devices(&self, ours: &Scrape, theirs: &Scrape) -> Vec<Option<String>> {
        let Some((of_ours, of_theirs)) = self.by else { return vec![None] };
        let names = |scrape: &Scrape, name: &str, label: &str| -> BTreeSet<_> {
            scrape.named(name).filter_map(|(labels, _)| labels.get(label).cloned()).collect()
        };
        let known = names(theirs, self.theirs[0].0, of_theirs);
        names(ours, &self.ours.prometheus_name(), of_ours).intersection(&known).cloned().map(Some).collect()
    }

    /// How many values were held against each other.
    fn check(&self, before: &Scrape, theirs: &Scrape, after: &Scrape) -> usize {
        let devices = self.devices(before, theirs);
        devices.iter().filter(|device| self.check_one(device.as_deref(), before, theirs, after)).count()
    }

    fn check_one(&self, device: Option<&str>, before: &Scrape, theirs: &Scrape, after: &Scrape) -> bool {
        let name = self.ours.prometheus_name();
        let at = |label: Option<&'static str>| label.zip(device);
        let (our_label, their_label) = (self.by.map(|(ours, _)| ours), self.by.map(|(_, theirs)| theirs));
        let ours = [before, after].map(|scrape| sum(scrape, &name, self.only, at(our_label)));
        let parts: Vec<_> = self.theirs.iter().map(|(name, only)| sum(theirs, name, only, at(their_label))).collect();
        let what = format!("{name} {:?} {device:?} {:?}", self.only, self.theirs);
        // A kernel that does not tell, as of pressure, tells neither.
        if ours == [None, None] && parts.iter().all(Option::is_none) {
            return false;
        }
        let [before_it, after_it] = ours.map(|value| value.unwrap_or_else(|| panic!("ours has no {what}")));
        let it: f64 = parts.iter().map(|part| part.unwrap_or_else(|| panic!("theirs has no {what}"))).sum();
        let beside = match &self.bound {
            Bound::Between(rounded) => *rounded,
            Bound::Exact => {
                assert_eq!([before_it, after_it], [it, it], "{what}");
                0.0
            }
            Bound::Within(part) => part * it.abs(),
            Bound::Near(part, whole) => {
                let whole = sum(after, &whole.prometheus_name(), &[], at(our_label));
                part * whole.unwrap_or_else(|| panic!("ours has nothing that {what} is a part of"))
            }
        };
        // Where a number has no exact double, both are the nearest one to something else.
        let beside = beside + it.abs() * 1e-12;
        let (low, high) = (before_it.min(after_it) - beside, before_it.max(after_it) + beside);
        assert!((low..=high).contains(&it), "{what}: {it} is not from {low} to {high}");
        true
    }
}

/// It serves until it is dropped.
struct NodeExporter {
    _program: Program,
    address: SocketAddr,
}

impl NodeExporter {
    fn start() -> Self {
        let mut command = Command::new(server("PHASEMETER_NODE_EXPORTER", "prometheus-node-exporter"));
        command.args(["--web.listen-address=127.0.0.1:0", "--web.disable-exporter-metrics"]);
        command.arg("--collector.disable-defaults");
        command.args(THEIR_COLLECTORS.map(|collector| format!("--collector.{collector}")));
        let mut program = Program::start(&mut command);
        let address = program.wait_told("address", |told| {
            let line = told.lines().find(|line| line.contains("\"Listening on\""))?;
            line.split(' ').find_map(|word| word.strip_prefix("address="))?.parse().ok()
        });
        Self { _program: program, address }
    }

    fn scrape(&self) -> Scrape {
        let response = http::get(self.address, "/metrics").expect("it listens");
        assert_eq!(response.status, 200, "{}", response.body);
        Scrape::read(&response.body)
    }
}

#[test]
fn what_another_agent_reads_lies_between_two_readings_of_ours() {
    let others = NodeExporter::start();
    let collectors = OUR_COLLECTORS.join(",");
    let serving = Serving::start(&["--per-cpu", "--collectors", &collectors, "--interval", "100ms"]);
    let before = serving.scrape_since(0.0, &OUR_COLLECTORS);
    let theirs = others.scrape();
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
    let read_again = OUR_COLLECTORS.iter().copied().filter(|collector| *collector != "filesystem");
    let after = serving.scrape_since(now, &read_again.collect::<Vec<_>>());

    let checked: Vec<_> = COUNTERPARTS.iter().map(|counterpart| counterpart.check(&before, &theirs, &after)).collect();
    // What every machine has, whatever else it lacks: CPUs, memory, paging, load, an interface and a file system.
    assert!(checked.iter().sum::<usize>() >= 30, "{checked:?}");
    let cpus: BTreeSet<_> =
        theirs.named("node_cpu_seconds_total").filter_map(|(labels, _)| labels.get("cpu")).collect();
    assert_eq!(after.of(&SYSTEM_CPU_LOGICAL_COUNT, &[]), Some(cpus.len() as f64));
}
