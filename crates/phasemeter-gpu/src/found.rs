//! Which devices the driver has.

use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use crate::library::{Meaning, meaning};
use crate::raw::Handle;
use crate::visible::Candidate;

/// What the driver lists.
pub(crate) struct Listing {
    pub(crate) devices: Vec<Found>,
    /// GPUs that are there and answer nothing, not even who they are: NVML's numbers of them.
    pub(crate) unreachable: Vec<u32>,
}

/// A device that answers.
pub(crate) struct Found {
    pub(crate) candidate: Candidate,
    /// NVML's number of the GPU, and the number of the MIG device in it.
    pub(crate) place: (u32, Option<u32>),
    pub(crate) bus_id: String,
    pub(crate) handle: Handle,
}

/// No GPU has more parts.
const MAX_MIG_DEVICES: u32 = 32;

const MIG_IS_ON: u32 = 1;

/// # Errors
/// The library does not answer.
pub(crate) fn list(nvml: &Arc<Nvml>) -> Result<Listing, NvmlError> {
    let mut listing = Listing { devices: Vec::new(), unreachable: Vec::new() };
    for index in 0..nvml.device_count()? {
        let gpu = match gpu(nvml, index) {
            Ok(gpu) => gpu,
            Err(error) => match meaning(&error) {
                Meaning::Over => return Err(error),
                // The driver counts those too that are not for us.
                Meaning::Unsupported | Meaning::Nothing => continue,
                Meaning::Lost | Meaning::Failed => {
                    listing.unreachable.push(index);
                    continue;
                }
            },
        };
        let parts = parts(&gpu);
        listing.devices.push(gpu);
        listing.devices.extend(parts);
    }
    Ok(listing)
}

fn gpu(nvml: &Arc<Nvml>, index: u32) -> Result<Found, NvmlError> {
    let handle = Handle::by_index(nvml, index)?;
    let device = handle.device();
    let uuid = device.uuid()?;
    // Without a place on the bus it is behind those that have one.
    let pci = device.pci_info().ok();
    let bus = pci.as_ref().map_or((u32::MAX, index, 0), |pci| (pci.domain, pci.bus, pci.device));
    let candidate = Candidate { uuid, model: device.name().unwrap_or_default(), bus, mig_parent: None };
    Ok(Found { candidate, place: (index, None), bus_id: pci.map(|pci| pci.bus_id).unwrap_or_default(), handle })
}

/// MIG devices of a GPU.
fn parts(gpu: &Found) -> Vec<Found> {
    let device = gpu.handle.device();
    let is_on = device.mig_mode().is_ok_and(|mode| mode.current == MIG_IS_ON);
    let count = if is_on { device.mig_device_count().unwrap_or(0) } else { 0 };
    let part = |number| {
        let handle = gpu.handle.mig_device(number).ok()?;
        let device = handle.device();
        let candidate = Candidate {
            uuid: device.uuid().ok()?,
            model: device.name().unwrap_or_default(),
            bus: gpu.candidate.bus,
            mig_parent: Some(gpu.candidate.uuid.clone()),
        };
        Some(Found { candidate, place: (gpu.place.0, Some(number)), bus_id: gpu.bus_id.clone(), handle })
    };
    (0..count.min(MAX_MIG_DEVICES)).filter_map(part).collect()
}
