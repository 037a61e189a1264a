//! Phases, their durations, counts and outcomes, on one metrics endpoint.
