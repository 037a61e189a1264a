//! `hotpath`: an attribute on a function; what it measures goes to a thread of its own, whose CPU time counts too. No
//! items, no labels.

use std::hint::black_box;

use hotpath::HotpathGuardBuilder;

use crate::workload::{Turns, turns};

/// Begins to collect.
pub fn collecting() {
    // Dropped, it would print its report, which nobody wants here.
    std::mem::forget(HotpathGuardBuilder::new("bench").build());
}

/// One phase that is a function.
pub fn function() -> Turns {
    turns(|| {
        let _done = black_box(embed());
    })
}

#[hotpath::measure]
fn embed() -> Result<u64, ()> {
    black_box(Ok(32))
}
