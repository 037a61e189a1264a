//! `autometrics`, with `prometheus` behind it: an attribute on a function, and no items.

use std::hint::black_box;

use autometrics::autometrics;

use crate::workload::{Turns, turns};

/// One phase that is a function.
pub fn function() -> Turns {
    turns(|| {
        let _done = black_box(embed());
    })
}

#[autometrics]
fn embed() -> Result<u64, ()> {
    black_box(Ok(32))
}
