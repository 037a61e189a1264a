//! Which GPUs are visible to the program, by `CUDA_VISIBLE_DEVICES` and as CUDA reads it. Pure.
//!
//! The driver's library knows nothing of that variable, and counts GPUs in another order than CUDA. So what is visible
//! is found by UUID: either the variable has one, or it has a number in an order that can be known.

/// What the variable says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Visible {
    /// It is not set.
    All,
    /// GPUs by their numbers in CUDA's order.
    Numbers(Vec<usize>),
    /// GPUs or MIG devices by the beginnings of their UUIDs.
    Uuids(Vec<String>),
    /// Those that were found once, by their whole UUIDs.
    Known(Vec<String>),
}

/// What CUDA's numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Places on the bus: `PCI_BUS_ID`.
    Bus,
    /// The fastest first, by a measure that is CUDA's own; its default.
    Fastest,
}

/// What has to be known of a device to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) uuid: String,
    pub(crate) model: String,
    /// Domain, bus and device.
    pub(crate) bus: (u32, u32, u32),
    /// The UUID of the GPU that it is a part of, for a MIG device.
    pub(crate) mig_parent: Option<String>,
}

impl Order {
    pub(crate) fn new(variable: Option<&str>) -> Self {
        match variable {
            Some("PCI_BUS_ID") => Self::Bus,
            Some(_) | None => Self::Fastest,
        }
    }
}

impl Visible {
    /// CUDA takes the kind of the first entry, and ends at the first one that is of no such kind; one that stands twice
    /// leaves nothing.
    pub(crate) fn new(variable: Option<&str>) -> Self {
        let Some(variable) = variable else { return Self::All };
        let entries = variable.split(',').map(str::trim);
        for kind in ["GPU-", "MIG-"] {
            if variable.trim_start().starts_with(kind) {
                let of_this_kind = entries.take_while(|entry| entry.starts_with(kind)).map(str::to_owned);
                return Self::Uuids(without_repetition(of_this_kind.collect()));
            }
        }
        Self::Numbers(without_repetition(entries.map_while(number).collect()))
    }

    pub(crate) fn is_none(&self) -> bool {
        match self {
            Self::All => false,
            Self::Numbers(numbers) => numbers.is_empty(),
            Self::Uuids(uuids) | Self::Known(uuids) => uuids.is_empty(),
        }
    }

    /// The UUIDs of those that are visible. With a GPU that is listed, its MIG devices are.
    ///
    /// # Errors
    /// It cannot be known which ones they are; the reason.
    pub(crate) fn among(&self, candidates: &[Candidate], order: Order) -> Result<Vec<String>, String> {
        let chosen = match self {
            Self::All => return Ok(candidates.iter().map(|candidate| candidate.uuid.clone()).collect()),
            Self::Uuids(uuids) => by_uuid(uuids, candidates),
            Self::Known(uuids) => uuids.clone(),
            Self::Numbers(numbers) => by_number(numbers, candidates, order)?,
        };
        let is_part = |candidate: &&Candidate| candidate.mig_parent.as_ref().is_some_and(|gpu| chosen.contains(gpu));
        let parts: Vec<_> = candidates.iter().filter(is_part).map(|candidate| candidate.uuid.clone()).collect();
        Ok(chosen.into_iter().chain(parts).collect())
    }
}

/// As `strtoul` reads it: what is behind the digits does not count.
fn number(entry: &str) -> Option<usize> {
    let entry = entry.strip_prefix('+').unwrap_or(entry);
    let digits = entry.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(entry.len());
    entry.get(..digits)?.parse().ok()
}

fn without_repetition<T: PartialEq>(entries: Vec<T>) -> Vec<T> {
    let is_repeated = (1..entries.len()).any(|place| entries[..place].contains(&entries[place]));
    if is_repeated { Vec::new() } else { entries }
}

fn by_uuid(uuids: &[String], candidates: &[Candidate]) -> Vec<String> {
    let find = |beginning: &String| {
        let mut matching = candidates.iter().filter(|candidate| candidate.uuid.starts_with(beginning.as_str()));
        // One that fits two devices is no name of either.
        matching.next().filter(|_| matching.next().is_none()).map(|candidate| candidate.uuid.clone())
    };
    without_repetition(uuids.iter().map_while(find).collect())
}

fn by_number(numbers: &[usize], candidates: &[Candidate], order: Order) -> Result<Vec<String>, String> {
    let mut gpus: Vec<_> = candidates.iter().filter(|candidate| candidate.mig_parent.is_none()).collect();
    let are_alike = gpus.windows(2).all(|pair| pair[0].model == pair[1].model);
    if order == Order::Fastest && !are_alike {
        return Err(
            "CUDA_VISIBLE_DEVICES counts GPUs of several models in CUDA's own order, which the driver does not \
             tell: set CUDA_DEVICE_ORDER=PCI_BUS_ID, or list UUIDs"
                .to_owned(),
        );
    }
    gpus.sort_by_key(|gpu| gpu.bus);
    Ok(numbers.iter().map_while(|number| gpus.get(*number)).map(|gpu| gpu.uuid.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(uuid: &str, model: &str, bus: u32) -> Candidate {
        Candidate { uuid: uuid.to_owned(), model: model.to_owned(), bus: (0, bus, 0), mig_parent: None }
    }

    /// In NVML's order; the third one is first on the bus, and has two MIG devices.
    fn candidates(models: [&str; 3]) -> Vec<Candidate> {
        let [one, two, three] = models;
        let mig = |uuid| Candidate { mig_parent: Some("GPU-cc00".to_owned()), ..gpu(uuid, "part", 1) };
        let gpus = [gpu("GPU-aa00", one, 5), gpu("GPU-ab11", two, 7), gpu("GPU-cc00", three, 1)];
        gpus.into_iter().chain([mig("MIG-1111"), mig("MIG-1222")]).collect()
    }

    #[track_caller]
    fn check(variable: &str, expected: &[&str]) {
        let visible = Visible::new(Some(variable));
        let found = visible.among(&candidates(["A"; 3]), Order::Fastest).expect("they are alike");
        assert_eq!(found, expected, "{variable:?}");
    }

    #[test]
    fn without_the_variable_all_are_visible_and_an_empty_one_hides_all() {
        assert_eq!(Visible::new(None).among(&candidates(["A"; 3]), Order::Fastest).map(|all| all.len()), Ok(5));
        for nothing in ["", " ", "-1", "NoDevFiles", "none", "-1,0", ",0", "0,0", "GPU-aa00,GPU-aa00"] {
            assert!(Visible::new(Some(nothing)).is_none(), "{nothing:?}");
            check(nothing, &[]);
        }
    }

    #[test]
    fn numbers_count_places_on_the_bus_and_end_at_the_first_that_is_none() {
        check("0", &["GPU-cc00", "MIG-1111", "MIG-1222"]);
        check("1", &["GPU-aa00"]);
        check("2,1", &["GPU-ab11", "GPU-aa00"]);
        check(" 1 , 2 ", &["GPU-aa00", "GPU-ab11"]);
        check("1,-1,2", &["GPU-aa00"]);
        check("1,7,2", &["GPU-aa00"]);
        check("1gpu2,2ampere", &["GPU-aa00", "GPU-ab11"]);
        check("1,GPU-ab11", &["GPU-aa00"]);
        check("1,,2", &["GPU-aa00"]);
        check("99999999999999999999999", &[]);
    }

    #[test]
    fn uuids_may_be_shortened_as_long_as_they_mean_one_device() {
        check("GPU-ab11,GPU-aa00", &["GPU-ab11", "GPU-aa00"]);
        check("GPU-ab", &["GPU-ab11"]);
        check("GPU-a", &[]);
        check("GPU-aa,GPU-a,GPU-cc", &["GPU-aa00"]);
        check("GPU-aa,1,GPU-ab", &["GPU-aa00"]);
        check("GPU-ff,GPU-aa", &[]);
        check("GPU-aa,GPU-aa0", &[]);
        check("MIG-1222", &["MIG-1222"]);
        check("MIG-1", &[]);
        check("MIG-11,GPU-aa", &["MIG-1111"]);
        check("gpu-aa00", &[]);
    }

    #[test]
    fn numbers_of_unlike_gpus_mean_something_only_by_their_places_on_the_bus() {
        let unlike = candidates(["A", "B", "A"]);
        let numbers = Visible::new(Some("0"));
        let reason = numbers.among(&unlike, Order::new(None)).expect_err("it cannot be known");
        assert!(reason.contains("CUDA_DEVICE_ORDER=PCI_BUS_ID"), "{reason}");
        let by_bus = numbers.among(&unlike, Order::new(Some("PCI_BUS_ID")));
        assert_eq!(by_bus.map(|found| found[0].clone()), Ok("GPU-cc00".to_owned()));
        let by_uuid = Visible::new(Some("GPU-ab")).among(&unlike, Order::new(Some("FASTEST_FIRST")));
        assert_eq!(by_uuid, Ok(vec!["GPU-ab11".to_owned()]));
    }
}
