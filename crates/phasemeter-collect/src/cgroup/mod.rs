//! The control group that the process is in: what a container may use, uses, and is kept from. Version 2 of the kernel's
//! interface, or version 1 where a machine still has that.

mod place;
mod v1;
mod v2;

use phasemeter_core::catalogue::{
    CGROUP_CPU_LIMIT, CGROUP_CPU_PERIODS, CGROUP_CPU_THROTTLED_PERIODS, CGROUP_CPU_THROTTLED_TIME,
    CGROUP_MEMORY_EVENTS, CGROUP_MEMORY_LIMIT, CGROUP_MEMORY_PEAK, CONTAINER_CPU_TIME, CONTAINER_MEMORY_AVAILABLE,
    CONTAINER_MEMORY_USAGE, CONTAINER_MEMORY_WORKING_SET,
};
use phasemeter_core::{Metric, Moment, Samples, Value};

use self::place::{Membership, Mounted, Place};
use self::v1::V1;
use self::v2::V2;
use crate::kept::Kept;
use crate::units::Units;
use crate::{Collector, Error, Roots, labels, level};

pub(crate) const NAME: &str = "cgroup";

/// Reads the control group of the process.
pub(crate) struct Cgroup {
    roots: Roots,
    /// Where the process itself is looked for, chosen with the first sample and again after one that failed.
    own: Option<(Roots, Kept)>,
    /// Of this membership: a process can be moved.
    files: Option<(Membership, Files)>,
}

/// The files of the group, by the version that has them.
enum Files {
    V1(Box<V1>),
    V2(Box<V2>),
}

/// What was read; each is absent where the kernel, or this group, does not have it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Reading {
    user_ns: Option<u64>,
    system_ns: Option<u64>,
    cpu_limit: Option<f64>,
    periods: Option<u64>,
    throttled_periods: Option<u64>,
    throttled_ns: Option<u64>,
    memory_bytes: Option<u64>,
    /// File pages that were not used of late.
    inactive_file_bytes: Option<u64>,
    limit_bytes: Option<u64>,
    peak_bytes: Option<u64>,
    events: Vec<(&'static str, u64)>,
}

impl Cgroup {
    pub(crate) fn new(roots: &Roots) -> Self {
        Self { roots: roots.clone(), own: None, files: None }
    }

    fn read(&mut self) -> Result<Reading, Error> {
        let what = "the control groups of the process";
        let roots = &self.roots;
        let (roots, membership) = self.own.get_or_insert_with(|| {
            let own = roots.of_own_process();
            let membership = Kept::new(own.proc.join("self/cgroup"));
            (own, membership)
        });
        let now = membership.parsed(what, |text| Some(place::find(text)))?;
        let files = match &mut self.files {
            Some((then, files)) if *then == now => files,
            files => &mut files.insert((now.clone(), self::files(&now, roots)?)).1,
        };
        match files {
            Files::V1(files) => files.read(),
            Files::V2(files) => files.read(),
        }
    }
}

fn files(membership: &Membership, roots: &Roots) -> Result<Files, Error> {
    match membership.resolved(&Mounted::of(roots)?) {
        Some(Place::V2(folders)) => Ok(Files::V2(Box::new(V2::new(&folders)))),
        Some(Place::V1(folders)) => Ok(Files::V1(Box::new(V1::new(&folders, Units::of(&roots.proc))))),
        None => Err(Error::absent(NAME, "no control group of the process is below sys/fs/cgroup")),
    }
}

impl Collector for Cgroup {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        let read = self.read();
        let reading = match read {
            Ok(reading) if reading != Reading::default() => reading,
            Ok(_) => {
                (self.own, self.files) = (None, None);
                return Err(Error::absent(NAME, "the control group of the process has no files to read"));
            }
            Err(error) => {
                (self.own, self.files) = (None, None);
                return Err(error);
            }
        };
        reading.sample(out);
        Ok(())
    }
}

impl Reading {
    fn sample(&self, out: &mut Samples) {
        for (mode, nanos) in [("user", self.user_ns), ("system", self.system_ns)] {
            if let Some(nanos) = nanos {
                out.push(&CONTAINER_CPU_TIME, labels([("cpu_mode", mode)]), Value::Nanos(nanos));
            }
        }
        let working_set = self.memory_bytes.map(|used| used.saturating_sub(self.inactive_file_bytes.unwrap_or(0)));
        let available = self.limit_bytes.zip(working_set).map(|(limit, used)| limit.saturating_sub(used));
        let levels: [(&'static Metric, Option<u64>); 5] = [
            (&CONTAINER_MEMORY_USAGE, self.memory_bytes),
            (&CONTAINER_MEMORY_WORKING_SET, working_set),
            (&CONTAINER_MEMORY_AVAILABLE, available),
            (&CGROUP_MEMORY_LIMIT, self.limit_bytes),
            (&CGROUP_MEMORY_PEAK, self.peak_bytes),
        ];
        let counts: [(&'static Metric, Option<u64>); 2] =
            [(&CGROUP_CPU_PERIODS, self.periods), (&CGROUP_CPU_THROTTLED_PERIODS, self.throttled_periods)];
        let levels = levels.into_iter().map(|(metric, bytes)| (metric, bytes.map(level)));
        let counts = counts.into_iter().map(|(metric, count)| (metric, count.map(Value::Count)));
        let limit = (&CGROUP_CPU_LIMIT, self.cpu_limit.map(Value::Real));
        let throttled = (&CGROUP_CPU_THROTTLED_TIME, self.throttled_ns.map(Value::Nanos));
        for (metric, value) in levels.chain(counts).chain([limit, throttled]) {
            if let Some(value) = value {
                out.push_plain(metric, value);
            }
        }
        for (event, count) in &self.events {
            out.push(&CGROUP_MEMORY_EVENTS, labels([("event", event)]), Value::Count(*count));
        }
    }
}

/// Numbers by their names, one a line.
fn named<const N: usize>(text: &str, names: [&str; N]) -> Option<[Option<u64>; N]> {
    let mut found = [None; N];
    for line in text.lines() {
        let (name, value) = line.split_once(' ')?;
        // Also of those that nobody wants: a file that is not of this form is another one.
        let value = value.trim().parse().ok()?;
        if let Some(place) = names.iter().position(|wanted| *wanted == name) {
            found[place] = Some(value);
        }
    }
    Some(found)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The lesser of two, where there are any.
fn least<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other < one { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn cpus(quota: u64, period: u64) -> Option<f64> {
    (period > 0).then(|| quota as f64 / period as f64)
}
