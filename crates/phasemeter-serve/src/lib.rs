//! The HTTP endpoint and the live page of phasemeter, on a thread of its own.
