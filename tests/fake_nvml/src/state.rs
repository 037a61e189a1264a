//! What the driver is supposed to be like, and how each of its functions begins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{c_char, c_uint};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST, nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED,
    nvmlReturn_enum_NVML_ERROR_UNINITIALIZED, nvmlReturn_enum_NVML_SUCCESS, nvmlReturn_t,
};

pub(crate) const OK: nvmlReturn_t = nvmlReturn_enum_NVML_SUCCESS;
pub(crate) const NOT_SUPPORTED: nvmlReturn_t = nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED;

pub(crate) struct State {
    pub(crate) gpus: Vec<Gpu>,
    /// How often it was entered and not left.
    pub(crate) entered: u64,
    /// What everything answers until it is entered anew.
    pub(crate) over: Option<nvmlReturn_t>,
    /// What these functions answer, of one GPU or, without a number, of all.
    pub(crate) answers: BTreeMap<(Option<usize>, String), nvmlReturn_t>,
    /// The function that does not come back.
    pub(crate) held: Option<String>,
    pub(crate) calls: BTreeMap<&'static str, u64>,
    /// Sets of events by their number, and the GPU of each.
    pub(crate) sets: BTreeMap<usize, Option<usize>>,
    pub(crate) sets_made: usize,
    /// Whether whoever waits for events has always waited long enough.
    pub(crate) is_hurried: bool,
    pub(crate) readings: BTreeSet<usize>,
    pub(crate) readings_made: usize,
}

#[derive(Clone)]
pub(crate) struct Gpu {
    pub(crate) uuid: String,
    pub(crate) model: String,
    pub(crate) bus: c_uint,
    pub(crate) is_lost: bool,
    /// By the names that the tests give them.
    pub(crate) numbers: BTreeMap<String, u64>,
    pub(crate) fields: BTreeMap<u32, u64>,
    /// Time in microseconds, and percent.
    pub(crate) samples: Vec<(u64, u32)>,
    pub(crate) processes: Vec<(c_uint, u64)>,
    pub(crate) events: VecDeque<u64>,
    pub(crate) parts: Vec<Part>,
}

/// A MIG device.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) uuid: String,
    pub(crate) total_bytes: u64,
    pub(crate) used_bytes: u64,
}

/// Whom a device pointer is of.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Gpu(usize),
    Part(usize, usize),
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    Mutex::new(State {
        gpus: (0..2).map(gpu).collect(),
        entered: 0,
        over: None,
        answers: BTreeMap::new(),
        held: None,
        calls: BTreeMap::new(),
        sets: BTreeMap::new(),
        sets_made: 0,
        is_hurried: false,
        readings: BTreeSet::new(),
        readings_made: 0,
    })
});

/// Something was called, or told.
pub(crate) static CHANGED: Condvar = Condvar::new();

pub(crate) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the GPU with this number is like before anybody says otherwise.
pub(crate) fn gpu(index: usize) -> Gpu {
    let number = index as u64;
    let numbers = [
        ("utilization", 42),
        ("memory_utilization", 17),
        ("encoder", 5),
        ("decoder", 3),
        ("total", 80 << 30),
        ("used", (10 + number) << 30),
        ("reserved", 1 << 30),
        ("temperature", 55 + number),
        ("power", 250_000),
        ("limit", 700_000),
        ("energy", 1_234_500 + number),
        ("clock_0", 1_980),
        ("clock_1", 1_980),
        ("clock_2", 2_619),
        ("clock_3", 1_545),
        ("throttle", 0b101),
        ("fans", 1),
        ("fan", 30),
        ("counters", 1),
        ("counter_2", 50),
        ("counter_3", 25),
        ("counter_5", 12),
        ("counter_10", 75),
    ];
    let fields = [
        (3, 4),
        (4, 0),
        (74, 1_500_000_000),
        (75, 0),
        (76, 0),
        (77, 0),
        (78, 20_000_000_000),
        (79, 0),
        (82, 61),
        (94, 2),
        (138, 2_048),
        (139, 1_024),
        (142, 1),
        (143, 0),
        (144, 0),
        (145, 0),
        (186, 251_500),
        (197, 5_000_000_000),
        (198, 7_000_000_000),
    ];
    Gpu {
        uuid: format!("GPU-0000000{number}-1111-2222-3333-444444444444"),
        model: "Fake H100".to_owned(),
        bus: 0x17 + 0x10 * index as c_uint,
        is_lost: false,
        numbers: numbers.map(|(name, value)| (name.to_owned(), value)).into(),
        fields: fields.into(),
        samples: Vec::new(),
        processes: vec![(std::process::id(), 3 << 30), (1, 512 << 20)],
        events: VecDeque::new(),
        parts: Vec::new(),
    }
}

impl Place {
    pub(crate) fn of(device: nvmlDevice_t) -> Self {
        let number = device as usize;
        match number >> 16 {
            0 => Self::Gpu(number - 1),
            part => Self::Part((number & 0xffff) - 1, part - 1),
        }
    }

    pub(crate) fn pointer(self) -> nvmlDevice_t {
        let number = match self {
            Self::Gpu(gpu) => gpu + 1,
            Self::Part(gpu, part) => (gpu + 1) | ((part + 1) << 16),
        };
        number as nvmlDevice_t
    }

    pub(crate) fn gpu(self) -> usize {
        match self {
            Self::Gpu(gpu) | Self::Part(gpu, _) => gpu,
        }
    }
}

impl State {
    /// What this function is to answer instead of what it would.
    fn refusal(&self, function: &str, gpu: Option<usize>) -> Option<nvmlReturn_t> {
        if let Some(over) = self.over {
            return Some(over);
        }
        if self.entered == 0 {
            return Some(nvmlReturn_enum_NVML_ERROR_UNINITIALIZED);
        }
        let is_lost = gpu.is_some_and(|gpu| self.gpus.get(gpu).is_none_or(|gpu| gpu.is_lost));
        if is_lost {
            return Some(nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST);
        }
        let told = |gpu| self.answers.get(&(gpu, function.to_owned())).copied();
        told(gpu).or_else(|| told(None)).filter(|code| *code != OK)
    }
}

/// Every function begins here: it is counted, waits where it is held, and is refused where it is to be.
pub(crate) fn begin(function: &'static str, gpu: Option<usize>) -> Result<MutexGuard<'static, State>, nvmlReturn_t> {
    let mut state = arrive(function);
    while state.held.as_deref() == Some(function) {
        state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    match state.refusal(function, gpu) {
        Some(code) => Err(code),
        None => Ok(state),
    }
}

/// The function is counted, and nothing else.
pub(crate) fn arrive(function: &'static str) -> MutexGuard<'static, State> {
    let mut state = state();
    *state.calls.entry(function).or_default() += 1;
    CHANGED.notify_all();
    state
}

/// A function of a GPU that gives one value.
pub(crate) fn give<T>(
    function: &'static str,
    device: nvmlDevice_t,
    out: *mut T,
    value: impl FnOnce(&Gpu, Place) -> Result<T, nvmlReturn_t>,
) -> nvmlReturn_t {
    let place = Place::of(device);
    let answer = begin(function, Some(place.gpu())).and_then(|state| value(&state.gpus[place.gpu()], place));
    match answer {
        Ok(value) => {
            // SAFETY: whoever calls one of the driver's functions gives it room for the value.
            unsafe { out.write(value) };
            OK
        }
        Err(code) => code,
    }
}

/// Writes a text with its end into a buffer.
pub(crate) fn put(text: &str, out: *mut c_char, length: c_uint) {
    let bytes = text.bytes().take((length as usize).saturating_sub(1)).chain([0]);
    for (place, byte) in bytes.enumerate() {
        // SAFETY: whoever calls gives a buffer of that length, and no more than that is written.
        unsafe { out.add(place).write(byte as c_char) };
    }
}
