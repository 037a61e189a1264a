//! End-to-end tests of phasemeter.
