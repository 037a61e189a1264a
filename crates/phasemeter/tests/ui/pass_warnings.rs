//! Forms that a rewritten function could spoil, with every warning an error.

#![deny(warnings, unreachable_pub, unused_qualifications, single_use_lifetimes, elided_lifetimes_in_paths)]

use std::future::ready;
use std::rc::Rc;

use phasemeter::{Phase, phase};

static EMBED: Phase = Phase::new("embed");

#[phase(EMBED)]
fn unit() {}

#[phase(EMBED)]
fn explicit_unit() -> () {
    return;
}

#[phase(EMBED)]
fn forever() -> ! {
    loop {}
}

#[phase(EMBED)]
async fn forever_later() -> ! {
    loop {
        ready(()).await;
    }
}

#[phase(EMBED)]
async fn loops() {
    loop {
        ready(()).await;
    }
}

#[phase(EMBED)]
fn diverges() -> Result<u8, String> {
    panic!()
}

#[phase(EMBED)]
async fn forwards() -> u8 {
    ready(1).await
}

#[phase(EMBED)]
fn calls() -> u8 {
    diverges().unwrap_or(1)
}

/// # Safety
///
/// None is needed.
#[phase(EMBED, items = 1)]
unsafe fn dangerous(n: *const u8) -> u8 {
    unsafe { *n }
}

#[phase(EMBED)]
extern "C" fn exported(n: u8) -> u8 {
    n
}

#[phase(EMBED)]
async fn local(rc: Rc<u8>, _unused: Rc<u8>, _: u8) -> Rc<u8> {
    ready(()).await;
    rc
}

#[phase(EMBED, items = counts, bytes = value)]
fn names_like_ours(counts: u8, value: u8) -> u8 {
    let private = counts + value;
    private
}

macro_rules! measured {
    ($name:ident, $phase:expr, $output:ty, $body:block) => {
        #[phase($phase)]
        fn $name() -> $output $body

        #[allow(dead_code)]
        mod $name {
            use super::*;

            #[phase($phase, items = 1)]
            async fn later() -> $output $body
        }
    };
}

measured!(by_macro, EMBED, Result<u8, std::num::ParseIntError>, { Ok("1".parse::<u8>()?) });

fn main() {
    unit();
    explicit_unit();
    let _ = (forever as fn() -> !, diverges as fn() -> Result<u8, String>, calls as fn() -> u8, exported(1));
    drop((forever_later(), loops(), forwards(), local(Rc::new(1), Rc::new(2), 3)));
    assert_eq!(unsafe { dangerous(&1) }, 1);
    assert_eq!(names_like_ours(1, 2), 3);
    assert_eq!(by_macro(), Ok(1));
}
