//! Entering and leaving, and what devices are asked.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlClockType_t, nvmlDevice_t, nvmlFieldValue_t, nvmlMemory_v2_t, nvmlPciInfo_t, nvmlProcessInfo_t,
    nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND, nvmlReturn_t, nvmlSample_t, nvmlSamplingType_t, nvmlTemperatureSensors_t,
    nvmlUtilization_t, nvmlValue_t, nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG, nvmlValueType_t,
};

use crate::state::{Gpu, NOT_SUPPORTED, OK, Place, arrive, begin, give, put};

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    let mut state = arrive("nvmlInit_v2");
    match state.answers.get(&(None, "nvmlInit_v2".to_owned())).copied() {
        Some(code) if code != OK => code,
        Some(_) | None => {
            if state.entered == 0 {
                state.over = None;
            }
            state.entered += 1;
            OK
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    let mut state = arrive("nvmlShutdown");
    state.entered = state.entered.saturating_sub(1);
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(out: *mut c_char, length: c_uint) -> nvmlReturn_t {
    match begin("nvmlSystemGetDriverVersion", None) {
        Ok(_state) => {
            put("580.95.05", out, length);
            OK
        }
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(out: *mut c_uint) -> nvmlReturn_t {
    match begin("nvmlDeviceGetCount_v2", None) {
        Ok(state) => {
            // SAFETY: whoever calls gives it room.
            unsafe { out.write(state.gpus.len() as c_uint) };
            OK
        }
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, out: *mut nvmlDevice_t) -> nvmlReturn_t {
    let place = Place::Gpu(index as usize);
    give("nvmlDeviceGetHandleByIndex_v2", place.pointer(), out, |_, place| Ok(place.pointer()))
}

/// A text of a device.
fn give_text(
    function: &'static str,
    device: nvmlDevice_t,
    (out, length): (*mut c_char, c_uint),
    text: impl FnOnce(&Gpu, Place) -> String,
) -> nvmlReturn_t {
    let mut taken = String::new();
    let code = give(function, device, &raw mut taken, |gpu, place| Ok(text(gpu, place)));
    if code == OK {
        put(&taken, out, length);
    }
    code
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(device: nvmlDevice_t, out: *mut c_char, length: c_uint) -> nvmlReturn_t {
    give_text("nvmlDeviceGetUUID", device, (out, length), |gpu, place| match place {
        Place::Gpu(_) => gpu.uuid.clone(),
        Place::Part(_, part) => gpu.parts.get(part).map(|part| part.uuid.clone()).unwrap_or_default(),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(device: nvmlDevice_t, out: *mut c_char, length: c_uint) -> nvmlReturn_t {
    give_text("nvmlDeviceGetName", device, (out, length), |gpu, place| match place {
        Place::Gpu(_) => gpu.model.clone(),
        Place::Part(..) => format!("{} MIG 1g.10gb", gpu.model),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetVbiosVersion(
    device: nvmlDevice_t,
    out: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    give_text("nvmlDeviceGetVbiosVersion", device, (out, length), |_, _| "96.00.74.00.01".to_owned())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPciInfo_v3(device: nvmlDevice_t, out: *mut nvmlPciInfo_t) -> nvmlReturn_t {
    give("nvmlDeviceGetPciInfo_v3", device, out, |gpu, _| {
        let mut info = nvmlPciInfo_t {
            busIdLegacy: [0; 16],
            domain: 0,
            bus: gpu.bus,
            device: 0,
            pciDeviceId: 0,
            pciSubSystemId: 0,
            busId: [0; 32],
        };
        put(&format!("00000000:{:02X}:00.0", gpu.bus), info.busId.as_mut_ptr(), 32);
        Ok(info)
    })
}

/// Functions that give one number of the GPU.
macro_rules! numbers {
    ($($function:ident($type:ty) = $name:literal;)+) => {
        $(#[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(device: nvmlDevice_t, out: *mut $type) -> nvmlReturn_t {
            give(stringify!($function), device, out, |gpu, _| Ok(number(gpu, $name)? as $type))
        })+
    };
}

numbers! {
    nvmlDeviceGetPowerUsage(c_uint) = "power";
    nvmlDeviceGetTotalEnergyConsumption(c_ulonglong) = "energy";
    nvmlDeviceGetEnforcedPowerLimit(c_uint) = "limit";
    nvmlDeviceGetCurrentClocksThrottleReasons(c_ulonglong) = "throttle";
    nvmlDeviceGetNumFans(c_uint) = "fans";
}

fn number(gpu: &Gpu, name: &str) -> Result<u64, nvmlReturn_t> {
    gpu.numbers.get(name).copied().ok_or(NOT_SUPPORTED)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(
    device: nvmlDevice_t,
    out: *mut nvmlUtilization_t,
) -> nvmlReturn_t {
    give("nvmlDeviceGetUtilizationRates", device, out, |gpu, _| {
        let [gpu, memory] = [number(gpu, "utilization")?, number(gpu, "memory_utilization")?];
        Ok(nvmlUtilization_t { gpu: gpu as c_uint, memory: memory as c_uint })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: nvmlDevice_t, out: *mut nvmlMemory_v2_t) -> nvmlReturn_t {
    give("nvmlDeviceGetMemoryInfo_v2", device, out, |gpu, place| {
        let (total, used, reserved) = match place {
            Place::Gpu(_) => (number(gpu, "total")?, number(gpu, "used")?, number(gpu, "reserved")?),
            Place::Part(_, part) => {
                let part = gpu.parts.get(part).ok_or(nvmlReturn_enum_NVML_ERROR_NOT_FOUND)?;
                (part.total_bytes, part.used_bytes, 0)
            }
        };
        Ok(nvmlMemory_v2_t { version: 0, total, reserved, free: total - reserved - used, used })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperature(
    device: nvmlDevice_t,
    _sensor: nvmlTemperatureSensors_t,
    out: *mut c_uint,
) -> nvmlReturn_t {
    give("nvmlDeviceGetTemperature", device, out, |gpu, _| Ok(number(gpu, "temperature")? as c_uint))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetClockInfo(
    device: nvmlDevice_t,
    clock: nvmlClockType_t,
    out: *mut c_uint,
) -> nvmlReturn_t {
    give("nvmlDeviceGetClockInfo", device, out, |gpu, _| Ok(number(gpu, &format!("clock_{clock}"))? as c_uint))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFanSpeed_v2(
    device: nvmlDevice_t,
    _fan: c_uint,
    out: *mut c_uint,
) -> nvmlReturn_t {
    give("nvmlDeviceGetFanSpeed_v2", device, out, |gpu, _| Ok(number(gpu, "fan")? as c_uint))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetEncoderUtilization(
    device: nvmlDevice_t,
    out: *mut c_uint,
    _period_us: *mut c_uint,
) -> nvmlReturn_t {
    give("nvmlDeviceGetEncoderUtilization", device, out, |gpu, _| Ok(number(gpu, "encoder")? as c_uint))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetDecoderUtilization(
    device: nvmlDevice_t,
    out: *mut c_uint,
    _period_us: *mut c_uint,
) -> nvmlReturn_t {
    give("nvmlDeviceGetDecoderUtilization", device, out, |gpu, _| Ok(number(gpu, "decoder")? as c_uint))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigMode(
    device: nvmlDevice_t,
    out: *mut c_uint,
    _pending: *mut c_uint,
) -> nvmlReturn_t {
    give("nvmlDeviceGetMigMode", device, out, |gpu, _| Ok(c_uint::from(!gpu.parts.is_empty())))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxMigDeviceCount(device: nvmlDevice_t, out: *mut c_uint) -> nvmlReturn_t {
    give("nvmlDeviceGetMaxMigDeviceCount", device, out, |_, _| Ok(7))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    device: nvmlDevice_t,
    index: c_uint,
    out: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    give("nvmlDeviceGetMigDeviceHandleByIndex", device, out, |gpu, place| match gpu.parts.get(index as usize) {
        Some(_) => Ok(Place::Part(place.gpu(), index as usize).pointer()),
        None => Err(nvmlReturn_enum_NVML_ERROR_NOT_FOUND),
    })
}

/// A list: first how long it is, then its entries.
fn give_list<T>(
    function: &'static str,
    device: nvmlDevice_t,
    (count, out): (*mut c_uint, *mut T),
    list: impl FnOnce(&Gpu) -> Result<Vec<T>, nvmlReturn_t>,
) -> nvmlReturn_t {
    let mut entries = Vec::new();
    let code = give(function, device, &raw mut entries, |gpu, _| list(gpu));
    if code != OK {
        return code;
    }
    // SAFETY: whoever calls says how much room there is, and gives as much, or none to ask how much it takes.
    unsafe {
        let room = *count as usize;
        *count = entries.len() as c_uint;
        if out.is_null() || room < entries.len() {
            let is_empty = entries.is_empty();
            return if is_empty { OK } else { nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE };
        }
        for (place, entry) in entries.into_iter().enumerate() {
            out.add(place).write(entry);
        }
    }
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: nvmlDevice_t,
    count: *mut c_uint,
    out: *mut nvmlProcessInfo_t,
) -> nvmlReturn_t {
    give_list("nvmlDeviceGetComputeRunningProcesses_v3", device, (count, out), |gpu| {
        let whole = c_uint::MAX;
        let process = |(pid, bytes): &(c_uint, u64)| nvmlProcessInfo_t {
            pid: *pid,
            usedGpuMemory: *bytes,
            gpuInstanceId: whole,
            computeInstanceId: whole,
        };
        Ok(gpu.processes.iter().map(process).collect())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetSamples(
    device: nvmlDevice_t,
    _kind: nvmlSamplingType_t,
    last_seen_us: c_ulonglong,
    value_type: *mut nvmlValueType_t,
    count: *mut c_uint,
    out: *mut nvmlSample_t,
) -> nvmlReturn_t {
    // SAFETY: whoever calls gives it room.
    unsafe { value_type.write(nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT) };
    give_list("nvmlDeviceGetSamples", device, (count, out), |gpu| {
        let sample = |(unix_us, percent): &(u64, u32)| nvmlSample_t {
            timeStamp: *unix_us,
            sampleValue: nvmlValue_t { uiVal: *percent },
        };
        // As the driver: the last one that was seen is there once more.
        let new: Vec<_> = gpu.samples.iter().filter(|(unix_us, _)| *unix_us >= last_seen_us).map(sample).collect();
        if new.is_empty() { Err(nvmlReturn_enum_NVML_ERROR_NOT_FOUND) } else { Ok(new) }
    })
}

/// These fields are of links, and of the device nothing is known under their numbers.
const OF_LINKS: [u32; 4] = [138, 139, 202, 204];

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFieldValues(
    device: nvmlDevice_t,
    count: c_int,
    out: *mut nvmlFieldValue_t,
) -> nvmlReturn_t {
    let place = Place::of(device);
    let state = match begin("nvmlDeviceGetFieldValues", Some(place.gpu())) {
        Ok(state) => state,
        Err(code) => return code,
    };
    let gpu = &state.gpus[place.gpu()];
    for index in 0..count as usize {
        // SAFETY: whoever calls gives as many fields as it says.
        let field = unsafe { &mut *out.add(index) };
        let is_in_scope = !OF_LINKS.contains(&field.fieldId) || field.scopeId == c_uint::MAX;
        let told = state.answers.get(&(Some(place.gpu()), format!("field_{}", field.fieldId))).copied();
        field.nvmlReturn = match (gpu.fields.get(&field.fieldId), told) {
            (_, Some(code)) if code != OK => code,
            (Some(value), _) if is_in_scope => {
                field.valueType = nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
                field.value = nvmlValue_t { ullVal: *value };
                OK
            }
            (Some(_), _) => nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
            (None, _) => NOT_SUPPORTED,
        };
    }
    OK
}
