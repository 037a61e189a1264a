//! Resource collectors for phasemeter: one file per source, roots injected.
