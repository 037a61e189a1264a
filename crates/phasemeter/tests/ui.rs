//! The attribute's error messages, and programs that it must leave without a warning.

#[test]
fn messages_and_warnings() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass_*.rs");
    cases.compile_fail("tests/ui/fail_*.rs");
}
