use phasemeter::{Phase, phase};

static EMBED: Phase = Phase::new("embed");

#[phase(EMBED, itens = 3)]
fn unknown_key() {}

#[phase(EMBED, EMBED)]
fn two_phases() {}

#[phase(EMBED, 3)]
fn no_key() {}

#[phase(EMBED, items = 1, bytes = 2, items = 3)]
fn duplicate_key() {}

#[phase(EMBED, items)]
fn no_value() {}

#[phase("embed")]
fn a_name() {}

fn main() {}
