use std::future::{Future, ready};
use std::pin::Pin;

use phasemeter::{Phase, phase};

static EMBED: Phase = Phase::new("embed");

#[phase(EMBED)]
fn opaque() -> impl Future<Output = u8> {
    ready(1)
}

#[phase(EMBED)]
fn boxed() -> Pin<Box<dyn Future<Output = u8> + Send>> {
    let future = ready(1);
    Box::pin(future)
}

fn main() {}
