//! Whatever stands in a file of settings, it is read, and each problem names the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phasemeter_config::{Config, File, Sources, settings};

fuzz_target!(|bytes: &[u8]| {
    let file = Some(File { name: "a.yaml", bytes });
    let reading = Config::read(&Sources { file, ..Sources::default() });
    assert_eq!(reading.config.all().count(), settings::ALL.len());
    assert!(reading.problems.iter().all(|problem| problem.to_string().starts_with("a.yaml:")));
});
