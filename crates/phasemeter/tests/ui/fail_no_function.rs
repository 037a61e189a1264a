use phasemeter::{Phase, phase};

static EMBED: Phase = Phase::new("embed");

#[phase(EMBED)]
struct Index;

#[phase(EMBED)]
impl Index {
    fn embed(&self) {}
}

#[phase(EMBED)]
const LIMIT: u8 = 1;

trait Embed {
    #[phase(EMBED)]
    fn embed(&self);
}

fn main() {}
