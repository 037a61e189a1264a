//! What the sources must not hold. Each rule is a function to its findings, and its tests show what it finds: a rule
//! that looks away would hold for every source.

pub mod absent;
pub mod features;
pub mod literals;
pub mod reasons;
pub mod risks;
