//! Runnable examples of phasemeter.
