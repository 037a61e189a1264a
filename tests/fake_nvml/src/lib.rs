//! A library in the place of NVIDIA's: it exports the functions that `phasemeter-gpu` calls, and answers what a test told
//! it before, by [`control::fake_nvml_tell`]. Each copy of its file is a driver of its own.
//!
//! ```text
//! the test ─→ control ─→ State ←─ device, events, counters ←─ the collector under test
//! ```
//!
//! It measures nothing, and waits for nothing but what it was told to wait for.

#![allow(non_snake_case, reason = "the functions have the driver's names")]
#![allow(clippy::missing_safety_doc, reason = "they are called as the driver's are, which says what is safe")]

pub mod control;
mod counters;
mod device;
mod events;
mod state;
