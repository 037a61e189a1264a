use phasemeter::phase;

#[phase]
fn bare() {}

#[phase(items = 3)]
fn only_items() {}

fn main() {}
