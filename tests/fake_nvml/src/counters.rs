//! Performance counters (GPM): readings are made and given back, and what is between two of them is what a test said.

use std::ffi::c_uint;

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlGpmMetricsGet_t, nvmlGpmSample_t, nvmlGpmSupport_t, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
    nvmlReturn_t,
};

use crate::state::{NOT_SUPPORTED, OK, Place, arrive, begin, give};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmQueryDeviceSupport(device: nvmlDevice_t, out: *mut nvmlGpmSupport_t) -> nvmlReturn_t {
    give("nvmlGpmQueryDeviceSupport", device, out, |gpu, _| {
        let is_supported = gpu.numbers.get("counters").copied().unwrap_or(0);
        Ok(nvmlGpmSupport_t { version: 1, isSupportedDevice: is_supported as c_uint })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleAlloc(out: *mut nvmlGpmSample_t) -> nvmlReturn_t {
    match begin("nvmlGpmSampleAlloc", None) {
        Ok(mut state) => {
            state.readings_made += 1;
            let reading = state.readings_made;
            state.readings.insert(reading);
            // SAFETY: whoever calls gives it room.
            unsafe { out.write(reading as nvmlGpmSample_t) };
            OK
        }
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleGet(device: nvmlDevice_t, reading: nvmlGpmSample_t) -> nvmlReturn_t {
    match begin("nvmlGpmSampleGet", Some(Place::of(device).gpu())) {
        Ok(state) if state.readings.contains(&(reading as usize)) => OK,
        Ok(_) => nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmMetricsGet(request: *mut nvmlGpmMetricsGet_t) -> nvmlReturn_t {
    let state = match begin("nvmlGpmMetricsGet", None) {
        Ok(state) => state,
        Err(code) => return code,
    };
    // SAFETY: whoever calls gives a request.
    let request = unsafe { &mut *request };
    let readings = [request.sample1 as usize, request.sample2 as usize];
    if !readings.iter().all(|reading| state.readings.contains(reading)) || readings[0] >= readings[1] {
        return nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT;
    }
    for metric in request.metrics.iter_mut().take(request.numMetrics as usize) {
        // All GPUs tell the same.
        let told = state.gpus.first().and_then(|gpu| gpu.numbers.get(&format!("counter_{}", metric.metricId)));
        metric.nvmlReturn = if told.is_some() { OK } else { NOT_SUPPORTED };
        metric.value = told.copied().unwrap_or(0) as f64;
    }
    OK
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlGpmSampleFree(reading: nvmlGpmSample_t) -> nvmlReturn_t {
    let mut state = arrive("nvmlGpmSampleFree");
    state.readings.remove(&(reading as usize));
    OK
}
