//! Numbers as the text formats write them, without the machinery of `fmt` for the common ones.

use std::fmt::{self, Write as _};

/// An integer.
pub(crate) fn push_u64(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// An integer with a sign where it has one.
pub(crate) fn push_i64(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    push_u64(number.unsigned_abs(), out);
}

/// Nanoseconds written as seconds, every digit kept and no trailing zero.
pub(crate) fn push_seconds(nanos: u64, out: &mut Vec<u8>) {
    push_u64(nanos / 1_000_000_000, out);
    let (mut fraction, mut digits) = (nanos % 1_000_000_000, 9);
    if fraction == 0 {
        return;
    }
    while fraction % 10 == 0 {
        fraction /= 10;
        digits -= 1;
    }
    out.push(b'.');
    let mut place = 10_u64.pow(digits - 1);
    while place > 0 {
        out.push(b'0' + (fraction / place % 10) as u8);
        place /= 10;
    }
}

/// A float as Prometheus writes the values that are no number.
pub(crate) fn push_f64(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        push_fmt(format_args!("{number}"), out);
    }
}

/// A bound as OpenMetrics wants `le` and `quantile`: always with a point or an exponent, small and large ones by
/// exponent, as `%g` writes them in Go.
pub(crate) fn push_canonical(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        return push_f64(number, out);
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        // Rust writes 1e-5 where the canonical form is 1e-05.
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        push_fmt(format_args!("{digits}e{sign}{:02}", exponent.abs()), out);
    } else {
        push_fmt(format_args!("{number:?}"), out);
    }
}

fn push_fmt(arguments: fmt::Arguments<'_>, out: &mut Vec<u8>) {
    struct Bytes<'a>(&'a mut Vec<u8>);
    impl fmt::Write for Bytes<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    Bytes(out).write_fmt(arguments).expect("invariant: writing to a Vec does not fail");
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn integers_are_written_to_their_ends() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            check(|out| push_u64(number, out), &number.to_string());
        }
        for number in [0, -1, i64::MIN, i64::MAX] {
            check(|out| push_i64(number, out), &number.to_string());
        }
    }

    #[test]
    fn seconds_keep_every_digit() {
        let expected = [
            (0, "0"),
            (1, "0.000000001"),
            (10_000, "0.00001"),
            (1_500_000_000, "1.5"),
            (86_400_000_000_000, "86400"),
            (u64::MAX, "18446744073.709551615"),
        ];
        for (nanos, text) in expected {
            check(|out| push_seconds(nanos, out), text);
        }
    }

    #[test]
    fn what_is_no_number_is_written_as_prometheus_reads_it() {
        check(|out| push_f64(f64::NAN, out), "NaN");
        check(|out| push_f64(f64::INFINITY, out), "+Inf");
        check(|out| push_f64(f64::NEG_INFINITY, out), "-Inf");
        check(|out| push_f64(0.25, out), "0.25");
    }

    #[test]
    fn bounds_have_the_canonical_form() {
        let expected = [(1e-5, "1e-05"), (0.0001, "0.0001"), (0.5, "0.5"), (1.0, "1.0"), (86_400.0, "86400.0")];
        for (number, text) in expected {
            check(|out| push_canonical(number, out), text);
        }
        check(|out| push_canonical(1.5e22, out), "1.5e+22");
        check(|out| push_canonical(100_000.0, out), "100000.0");
        check(|out| push_canonical(1_000_000.0, out), "1e+06");
        check(|out| push_canonical(1_234_567.5, out), "1.2345675e+06");
        check(|out| push_canonical(f64::INFINITY, out), "+Inf");
    }
}
