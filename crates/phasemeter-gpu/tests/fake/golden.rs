//! The whole exposition of two GPUs, as an agent shows them.

use std::path::Path;

use crate::rig::{Fake, unix_us};

#[test]
fn the_exposition_of_two_gpus_is_as_it_was() {
    let mut rig = Fake::new().agent();
    for (seconds, percent) in [(0.0, 100), (0.5, 50), (1.0, 100)] {
        rig.fake.tell(&format!("sample 0 {} {percent}", unix_us(seconds)));
        rig.fake.tell(&format!("sample 1 {} 0", unix_us(seconds)));
        if seconds == 0.0 {
            rig.read(0.0);
        }
    }
    let page = rig.read(1.0);
    let actual = page.text.replace(&format!("process_pid=\"{}\"", std::process::id()), "process_pid=\"own\"");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/two_gpus.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("the golden file is there");
    let differing = expected.lines().zip(actual.lines()).find(|(golden, now)| golden != now);
    assert_eq!(differing, None, "if that is meant: UPDATE_GOLDEN=1 cargo test -p phasemeter-gpu");
    assert_eq!(expected.lines().count(), actual.lines().count());
}
