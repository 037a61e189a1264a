//! GPUs, through their driver's library, which is loaded while the program runs.

pub(super) use phasemeter_gpu::KNOWN;
