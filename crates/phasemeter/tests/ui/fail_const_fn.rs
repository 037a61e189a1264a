use phasemeter::{Phase, phase};

static EMBED: Phase = Phase::new("embed");

#[phase(EMBED)]
pub const fn embed() -> u8 {
    1
}

fn main() {}
