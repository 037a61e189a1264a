//! The collector against a fake of the driver's library, which is built here and told by each test what to be like.
//! `UPDATE_GOLDEN=1 cargo test -p phasemeter-gpu` writes the golden file anew.

#![cfg(target_os = "linux")]

mod cost;
mod events;
mod golden;
mod lost;
mod readings;
mod refused;
mod rig;
mod stuck;
mod values;
mod visible;
