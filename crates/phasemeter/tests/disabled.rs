//! A process whose environment disables the measuring: the test starts itself again with the variable set.

use std::process::Command;

use phasemeter::{Meter, Phase};

static EMBED: Phase = Phase::new("embed");

#[track_caller]
fn check(variable: &str, value: &str) {
    let output = Command::new(std::env::current_exe().expect("this test's own file"))
        .args(["--exact", "within_a_disabled_process", "--ignored", "--nocapture"])
        .env(variable, value)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn monitoring_enabled_false_makes_everything_inert() {
    check("MONITORING_ENABLED", "false");
}

#[test]
fn otel_sdk_disabled_makes_everything_inert() {
    check("OTEL_SDK_DISABLED", "true");
}

#[test]
#[ignore = "started by the others, with the variable set"]
fn within_a_disabled_process() {
    let guard = phasemeter::init();
    assert!(EMBED.run(|phase| phase.span().is_none()));
    assert!(tracing::info_span!("plain", phase.name = "plain").is_disabled());
    assert_eq!(guard.endpoint().address(), None);
    assert!(!guard.meter().is_enabled());
    assert!(guard.meter().phases().is_empty() && guard.meter().snapshot().families.is_empty());
    assert_eq!(Meter::builder().build().render("").1, b"");
}
