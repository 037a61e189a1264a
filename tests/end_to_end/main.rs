//! The example as its users run it: a real tree, a real Prometheus that scrapes it, and everything that goes wrong.
//!
//! The tests of a program's inside lie beside it. These hold the whole against numbers that are known beforehand: what
//! the tree holds is what Prometheus has, to the last item.

mod arguments;
mod endpoint;
mod runs;
mod scraped;
