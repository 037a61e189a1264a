//! What a receiver answered, and what is to be made of it. Pure.

use std::time::{Duration, SystemTime};

/// The answer to one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has the points, but for so many.
    Taken { rejected: u64, message: String },
    /// It has them not, or the answer was lost, and may have them later; not before so long, where it said so.
    Later { reason: String, wait: Option<Duration> },
    /// It will not have them.
    Refused { reason: String },
}

/// What of an answer matters.
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<&'a str>,
}

impl Answer {
    /// What an answer that arrived means.
    pub(crate) fn read(head: &Head<'_>, body: &[u8], now: SystemTime) -> Self {
        match head.status {
            200..300 => {
                let (rejected, message) = partial_success(body).unwrap_or_default();
                Self::Taken { rejected, message: shown(&message) }
            }
            // The statuses that OTLP says are worth another try.
            429 | 502..=504 => {
                let wait = head.retry_after.and_then(|text| retry_after(text, now));
                Self::Later { reason: format!("it answers {}", head.status), wait }
            }
            status => Self::Refused { reason: refusal(status, body) },
        }
    }
}

/// What of an answer of gRPC's matters.
#[cfg_attr(not(feature = "grpc"), allow(dead_code, reason = "nobody speaks gRPC"))]
#[derive(Debug, Default)]
pub(crate) struct Status<'a> {
    pub(crate) code: u16,
    pub(crate) message: &'a str,
    /// A `google.rpc.Status`, which may say how long to wait.
    pub(crate) details: &'a [u8],
}

#[cfg_attr(not(feature = "grpc"), allow(dead_code, reason = "nobody speaks gRPC"))]
impl Answer {
    /// What an answer of gRPC's means.
    pub(crate) fn read_grpc(status: &Status<'_>, body: &[u8]) -> Self {
        let wait = retry_delay(status.details);
        let reason = format!("it answers status {} {}", status.code, shown(status.message));
        match status.code {
            0 => {
                let (rejected, message) = partial_success(body).unwrap_or_default();
                Self::Taken { rejected, message: shown(&message) }
            }
            // Cancelled, too late, aborted, out of range, unavailable, data lost: OTLP says they are worth another try.
            1 | 4 | 10 | 11 | 14 | 15 => Self::Later { reason, wait },
            // Exhausted: only where it says when it will not be any more.
            8 if wait.is_some() => Self::Later { reason, wait },
            _ => Self::Refused { reason },
        }
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let of = |message, wanted| {
        Fields(message).find_map(|(field, value)| match value {
            Field::Bytes(bytes) if field == wanted => Some(bytes),
            _ => None,
        })
    };
    let mut any = Fields(details).filter_map(|(field, value)| match value {
        Field::Bytes(any) if field == 3 => Some(any),
        _ => None,
    });
    let info = any.find(|any| of(any, 1).is_some_and(|name| name.ends_with(b"google.rpc.RetryInfo")))?;
    let delay = of(of(info, 2)?, 1).unwrap_or_default();
    let (mut seconds, mut nanos) = (0, 0);
    for (field, value) in Fields(delay) {
        match (field, value) {
            (1, Field::Number(number)) => seconds = number,
            (2, Field::Number(number)) => nanos = u32::try_from(number).unwrap_or(0).min(999_999_999),
            _ => {}
        }
    }
    // Negative ones are none.
    i64::try_from(seconds).ok().map(|_| Duration::new(seconds, nanos))
}

/// What receivers say is a message in a `google.rpc.Status`, or text.
fn refusal(status: u16, body: &[u8]) -> String {
    let said = Fields(body).find_map(|(field, value)| match (field, value) {
        (2, Field::Bytes(message)) => std::str::from_utf8(message).ok(),
        _ => None,
    });
    match said.or_else(|| std::str::from_utf8(body).ok()).map(shown).filter(|said| !said.is_empty()) {
        Some(said) => format!("it answers {status}: {said}"),
        None => format!("it answers {status}"),
    }
}

/// What others say, fit for one line of ours.
fn shown(said: &str) -> String {
    const LIMIT: usize = 200;
    said.chars()
        .map(|each| if each.is_control() { ' ' } else { each })
        .take(LIMIT)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Rejected points and the message of an `ExportMetricsServiceResponse`.
fn partial_success(body: &[u8]) -> Option<(u64, String)> {
    let partial = Fields(body).find_map(|(field, value)| match (field, value) {
        (1, Field::Bytes(partial)) => Some(partial),
        _ => None,
    })?;
    let (mut rejected, mut message) = (0, String::new());
    for (field, value) in Fields(partial) {
        match (field, value) {
            // Signed, and a negative number of points is none.
            (1, Field::Number(number)) => rejected = u64::try_from(number as i64).unwrap_or(0),
            (2, Field::Bytes(text)) => message = String::from_utf8_lossy(text).into_owned(),
            _ => {}
        }
    }
    Some((rejected, message))
}

/// The fields of a message, up to the first that is broken.
struct Fields<'a>(&'a [u8]);

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes, of which nothing here is made.
    Fixed,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, field))
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
    };
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
        Answer::read(&Head { status, retry_after }, body, SystemTime::UNIX_EPOCH)
    }

    fn response(rejected_data_points: i64, error_message: &str) -> Vec<u8> {
        let partial = ExportMetricsPartialSuccess { rejected_data_points, error_message: error_message.to_owned() };
        ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    }

    #[test]
    fn partial_success_says_how_many_and_why() {
        let taken = |rejected, message: &str| Answer::Taken { rejected, message: message.to_owned() };
        assert_eq!(read(200, None, &response(3, "too old\n")), taken(3, "too old"));
        assert_eq!(read(200, None, &response(-1, "")), taken(0, ""));
        assert_eq!(read(204, None, b""), taken(0, ""));
        assert_eq!(read(200, None, b"{}"), taken(0, ""));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let later = |status| matches!(read(status, None, b""), Answer::Later { wait: None, .. });
        let refused = |status| matches!(read(status, None, b""), Answer::Refused { .. });
        assert!([429, 502, 503, 504].into_iter().all(later));
        assert!([301, 400, 401, 403, 404, 413, 500, 501].into_iter().all(refused));
    }

    #[test]
    fn a_receiver_is_waited_for_as_long_as_it_says() {
        let wait = |text| match read(503, Some(text), b"") {
            Answer::Later { wait, .. } => wait.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!((wait("soon"), wait("-1")), (None, None));
    }

    #[test]
    fn what_a_receiver_says_stands_in_one_short_line() {
        let reason = |body: &[u8]| match read(400, None, body) {
            Answer::Refused { reason } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(b"no\nsuch tenant"), "it answers 400: no such tenant");
        assert_eq!(reason(b"\x08\x03\x12\x03bad"), "it answers 400: bad");
        assert_eq!(reason(b"\xff\xfe"), "it answers 400");
        assert!(reason(&[b'x'; 10_000]).len() < 300);
    }

    /// A `RetryInfo` with this delay, in seconds and nanoseconds, as the second of two details.
    fn details(seconds: i64, nanos: u8) -> Vec<u8> {
        let name = b"type.googleapis.com/google.rpc.RetryInfo";
        let mut delay = vec![0x08];
        prost::encoding::encode_varint(seconds as u64, &mut delay);
        delay.extend([0x10, nanos]);
        let info = [&[0x0a, delay.len() as u8][..], &delay].concat();
        let any = [&[0x0a, name.len() as u8], &name[..], &[0x12, info.len() as u8], &info].concat();
        [&[0x08, 8, 0x1a, 3, 0x0a, 1, b'x', 0x1a, any.len() as u8], &any[..]].concat()
    }

    #[test]
    fn over_grpc_a_receiver_is_waited_for_as_long_as_its_details_say() {
        let wait = |code, details: &[u8]| match Answer::read_grpc(&Status { code, message: "", details }, b"") {
            Answer::Later { wait, .. } => Some(wait),
            Answer::Refused { .. } => None,
            Answer::Taken { .. } => panic!("{code} is no success"),
        };
        assert_eq!(wait(14, b""), Some(None));
        assert_eq!(wait(14, &details(300, 5)), Some(Some(Duration::new(300, 5))));
        assert_eq!(wait(14, &details(-1, 0)), Some(None));
        assert_eq!(wait(8, &details(7, 0)), Some(Some(Duration::from_secs(7))));
        assert_eq!((wait(8, b""), wait(8, b"\x1a\xff"), wait(3, &details(7, 0))), (None, None, None));
    }

    #[test]
    fn over_grpc_as_well_partial_success_says_how_many_and_why() {
        let answer = Answer::read_grpc(&Status::default(), &response(3, "too old"));
        assert_eq!(answer, Answer::Taken { rejected: 3, message: "too old".to_owned() });
        let refused = Answer::read_grpc(&Status { code: 7, message: "no\nentry", details: b"" }, b"");
        assert_eq!(refused, Answer::Refused { reason: "it answers status 7 no entry".to_owned() });
    }

    proptest! {
        #[test]
        fn any_details_are_some_answer(code in 0..20_u16, details in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _answer = Answer::read_grpc(&Status { code, message: "", details: &details }, &details);
        }

        #[test]
        fn any_bytes_are_some_answer(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _answer = read(status, None, &body);
        }

        #[test]
        fn what_prost_writes_is_read(rejected in 0..i64::MAX, message in "[a-z]{0,100}") {
            let expected = Answer::Taken { rejected: rejected as u64, message: message.clone() };
            prop_assert_eq!(read(200, None, &response(rejected, &message)), expected);
        }
    }
}
