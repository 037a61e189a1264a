//! Sets of events, and waiting for them.

use std::ffi::{c_uint, c_ulonglong};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlEventData_t, nvmlEventSet_t, nvmlEventTypeXidCriticalError,
    nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_TIMEOUT, nvmlReturn_t,
};

use crate::state::{CHANGED, OK, Place, arrive, begin};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetCreate(out: *mut nvmlEventSet_t) -> nvmlReturn_t {
    match begin("nvmlEventSetCreate", None) {
        Ok(mut state) => {
            state.sets_made += 1;
            let set = state.sets_made;
            state.sets.insert(set, None);
            // SAFETY: whoever calls gives it room.
            unsafe { out.write(set as nvmlEventSet_t) };
            OK
        }
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceRegisterEvents(
    device: nvmlDevice_t,
    _kinds: c_ulonglong,
    set: nvmlEventSet_t,
) -> nvmlReturn_t {
    let gpu = Place::of(device).gpu();
    match begin("nvmlDeviceRegisterEvents", Some(gpu)) {
        Ok(mut state) => {
            state.sets.insert(set as usize, Some(gpu));
            OK
        }
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait_v2(
    set: nvmlEventSet_t,
    out: *mut nvmlEventData_t,
    timeout_ms: c_uint,
) -> nvmlReturn_t {
    let until = Instant::now() + Duration::from_millis(timeout_ms.into());
    let mut state = match begin("nvmlEventSetWait_v2", None) {
        Ok(state) => state,
        Err(code) => return code,
    };
    loop {
        let Some(Some(gpu)) = state.sets.get(&(set as usize)).copied() else {
            return nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT;
        };
        if let Some(over) = state.over {
            return over;
        }
        let Some(own) = state.gpus.get_mut(gpu) else { return nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST };
        if let Some(xid) = own.events.pop_front() {
            let data = nvmlEventData_t {
                device: Place::Gpu(gpu).pointer(),
                eventType: nvmlEventTypeXidCriticalError.into(),
                eventData: xid,
                gpuInstanceId: c_uint::MAX,
                computeInstanceId: c_uint::MAX,
            };
            // SAFETY: whoever calls gives it room.
            unsafe { out.write(data) };
            return OK;
        }
        if own.is_lost {
            return nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || state.is_hurried {
            return nvmlReturn_enum_NVML_ERROR_TIMEOUT;
        }
        (state, _) = CHANGED.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetFree(set: nvmlEventSet_t) -> nvmlReturn_t {
    let mut state = arrive("nvmlEventSetFree");
    state.sets.remove(&(set as usize));
    OK
}
