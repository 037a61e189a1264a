//! What phasemeter is told by flags, by the environment and by a YAML file, understood; and where each value came from.
//!
//! ```text
//! settings (each declared once) ─┬─→ file: YAML ─→ values with their lines, problems ─┐
//!                                ├─→ environment, flags: text ─→ values, problems ────┼─→ Config ─→ value and Origin
//!                                └─→ docs/configuration.md, the nearest known key     ┘
//! ```
//!
//! Pure: a file is its bytes, the environment is a look-up. A flag is stronger than the environment, that than the file, and
//! that than the default. All that is wrong is told at once, each with its line or variable, its key, and what was expected.
//!
//! ```
//! use phasemeter_config::{Config, File, Sources, settings};
//!
//! let file = File { name: "phasemeter.yaml", bytes: b"monitoring:\n  resources:\n    sample_interval: 250ms\n" };
//! let read = Config::read(&Sources { file: Some(file), ..Sources::default() });
//! let interval = read.config.of(&settings::SAMPLE_INTERVAL);
//! assert_eq!((interval.to_string(), interval.origin.to_string()), ("250ms".into(), "phasemeter.yaml:3".into()));
//! assert!(read.problems.is_empty());
//! ```

mod config;
mod file;
mod mask;
mod nearest;
mod problem;
mod setting;
pub mod settings;
mod shape;
mod value;
mod yaml;

pub use config::{Chosen, Config, Reading, Sources};
pub use file::{File, MAX_FILE_BYTES};
pub use problem::{Origin, Problem};
pub use setting::{Setting, Use};
pub use shape::Shape;
pub use value::{Secret, Value};
