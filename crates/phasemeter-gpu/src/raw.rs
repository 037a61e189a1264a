//! All that is `unsafe` of this crate: handles that are kept beside the library that they are of, and the one call that
//! nvml-wrapper does not make, since it asks for fields of the whole device only.

#![allow(unsafe_code, reason = "the driver's handles are pointers, and its functions are foreign")]

use std::mem::ManuallyDrop;
use std::sync::Arc;

use nvml_wrapper::enums::gpm::GpmMetricId;
use nvml_wrapper::error::{NvmlError, nvml_try};
use nvml_wrapper::gpm::gpm_metrics_get;
use nvml_wrapper::{Device, GpmSample, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlFieldValue_t, nvmlGpmSample_t, nvmlValue_t, nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT, nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT, nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG, nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT,
};

/// A device, with the library that it is of: that is not left while this is held.
#[derive(Clone)]
pub(crate) struct Handle {
    device: nvmlDevice_t,
    nvml: Arc<Nvml>,
}

// SAFETY: NVML may be called from every thread, and to us the pointer is a name that is only handed back to it.
unsafe impl Send for Handle {}

impl Handle {
    /// The GPU with this number of NVML's.
    pub(crate) fn by_index(nvml: &Arc<Nvml>, index: u32) -> Result<Self, NvmlError> {
        let device = nvml.device_by_index(index)?;
        Ok(Self::keep(&device, nvml))
    }

    /// A MIG device of this GPU, by its number there.
    pub(crate) fn mig_device(&self, number: u32) -> Result<Self, NvmlError> {
        let device = self.device().mig_device_by_index(number)?;
        Ok(Self::keep(&device, &self.nvml))
    }

    fn keep(device: &Device<'_>, nvml: &Arc<Nvml>) -> Self {
        // SAFETY: the pointer is kept beside the library that it was just got from, and used with no other.
        let device = unsafe { device.handle() };
        Self { device, nvml: nvml.clone() }
    }

    pub(crate) fn device(&self) -> Device<'_> {
        // SAFETY: the pointer came from this library, which is not left before `self` is.
        unsafe { Device::new(self.device, &self.nvml) }
    }

    /// The values of fields, each with its scope, in the order in which they are asked for.
    pub(crate) fn fields(&self, wanted: &[(u32, u32)]) -> Result<Vec<Result<u64, NvmlError>>, NvmlError> {
        let function = self.nvml.lib().nvmlDeviceGetFieldValues.as_ref();
        let function = function.map_err(|error| NvmlError::FailedToLoadSymbol(error.to_string()))?;
        let field = |(id, scope): &(u32, u32)| nvmlFieldValue_t {
            fieldId: *id,
            scopeId: *scope,
            timestamp: 0,
            latencyUsec: 0,
            valueType: 0,
            // Should the driver leave one out, it has no value.
            nvmlReturn: NvmlError::NoData.into(),
            value: nvmlValue_t { ullVal: 0 },
        };
        let mut fields: Vec<_> = wanted.iter().map(field).collect();
        let count = i32::try_from(fields.len()).map_err(|_| NvmlError::InvalidArg)?;
        // SAFETY: the device is of this library, and there are `count` fields to be written into.
        nvml_try(unsafe { function(self.device, count, fields.as_mut_ptr()) })?;
        Ok(fields.iter().map(|field| nvml_try(field.nvmlReturn).and_then(|()| number(field))).collect())
    }
}

/// What a field holds. None of those that are asked for can be negative, or is anything but whole.
fn number(field: &nvmlFieldValue_t) -> Result<u64, NvmlError> {
    let value = field.value;
    #[allow(non_upper_case_globals, reason = "the names are the driver's")]
    #[allow(clippy::useless_conversion, reason = "a C long has another size on Windows")]
    // SAFETY: the field was written by the driver, or zeroed by us: each member is a plain number, and `valueType` says
    // which one was written.
    let number = unsafe {
        match field.valueType {
            nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE => Some(value.dVal.max(0.0) as u64),
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT => Some(u64::from(value.uiVal)),
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG => Some(u64::from(value.ulVal)),
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG => Some(value.ullVal),
            nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG => u64::try_from(value.sllVal).ok(),
            nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT => u64::try_from(value.siVal).ok(),
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT => Some(u64::from(value.usVal)),
            unknown => return Err(NvmlError::UnexpectedVariant(unknown)),
        }
    };
    number.ok_or(NvmlError::NoData)
}

/// A reading of a GPU's performance counters: two of them tell what was between.
pub(crate) struct CounterReading {
    sample: nvmlGpmSample_t,
    nvml: Arc<Nvml>,
}

// SAFETY: it is used by one thread at a time, whichever that is, and NVML may be called from every thread.
unsafe impl Send for CounterReading {}

impl CounterReading {
    pub(crate) fn take(handle: &Handle) -> Result<Self, NvmlError> {
        // Without it nvml-wrapper panics where it gives a reading back.
        if handle.nvml.lib().nvmlGpmSampleFree.is_err() {
            return Err(NvmlError::FunctionNotFound);
        }
        let sample = handle.device().gpm_sample()?.into_handle();
        Ok(Self { sample, nvml: handle.nvml.clone() })
    }

    /// What these were between `earlier` and this one; those that the GPU does not have are `None`.
    pub(crate) fn since<const N: usize>(
        &self,
        earlier: &Self,
        wanted: [GpmMetricId; N],
    ) -> Result<[Option<f64>; N], NvmlError> {
        let [one, other] = [earlier, self].map(|reading| ManuallyDrop::new(reading.sample()));
        let values = gpm_metrics_get(&self.nvml, &one, &other, &wanted)?;
        let mut known = values.into_iter().map(|value| value.ok().map(|value| value.value));
        Ok(wanted.map(|_| known.next().flatten()))
    }

    /// The wrapper of it. To be dropped once.
    fn sample(&self) -> GpmSample<'_> {
        // SAFETY: the pointer came from this library, which is not left before `self` is, and is given back with it.
        unsafe { GpmSample::from_handle(&self.nvml, self.sample) }
    }
}

impl Drop for CounterReading {
    fn drop(&mut self) {
        drop(self.sample());
    }
}
