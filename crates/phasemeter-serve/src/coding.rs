//! How a body goes over the wire: as it is, or as gzip where the client takes that. Pure.

use std::fmt;

/// A content coding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    #[default]
    Identity,
    Gzip,
}

impl Coding {
    /// Chooses by the header `Accept-Encoding`: gzip where it is accepted and nothing that the header says prefers the
    /// body as it is. Who sends none, or one that cannot be read, gets the body as it is; so does who refuses both.
    pub(crate) fn negotiate(accept_encoding: &str) -> Self {
        let (mut gzip, mut identity, mut others) = (None, None, None);
        for (name, quality) in accept_encoding.split(',').filter_map(accepted) {
            let own = match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => &mut gzip,
                "identity" => &mut identity,
                "*" => &mut others,
                _ => continue,
            };
            // Said twice, the first one counts.
            own.get_or_insert(quality);
        }
        let gzip = gzip.or(others).unwrap_or(0.0);
        if gzip > 0.0 && gzip >= identity.or(others).unwrap_or(0.0) { Self::Gzip } else { Self::Identity }
    }
}

/// One coding and its quality; nothing where the quality is none.
fn accepted(element: &str) -> Option<(&str, f64)> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next()?;
    let quality = parts.filter_map(|part| part.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case("q"));
    let quality = quality.map_or(Ok(1.0), |(_, value)| value.trim().parse());
    quality.ok().filter(|quality| (0.0..=1.0).contains(quality)).map(|quality| (name, quality))
}

/// Its header line, where it needs one.
impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => Ok(()),
            Self::Gzip => f.write_str("Content-Encoding: gzip\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept_encoding: &str, expected: Coding) {
        assert_eq!(Coding::negotiate(accept_encoding), expected, "{accept_encoding:?}");
    }

    #[test]
    fn gzip_goes_to_who_takes_it() {
        for header in ["gzip", "GZip", "x-gzip", "deflate, gzip;q=0.1", "gzip, deflate, br, zstd", "*", "br, *;q=0.1"] {
            check(header, Coding::Gzip);
        }
        check(" gzip ; Q=0.5 , identity;q=0.5", Coding::Gzip);
        check("identity;q=0.2, gzip;q=0.3", Coding::Gzip);
        check("identity;q=0, gzip", Coding::Gzip);
    }

    #[test]
    fn whoever_takes_none_or_would_rather_not_gets_the_body_as_it_is() {
        for header in ["", "identity", "br, deflate", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzipped", "x gzip"] {
            check(header, Coding::Identity);
        }
        check("gzip;q=0.5, identity;q=0.9", Coding::Identity);
        check("gzip;q=0.5, *", Coding::Identity);
        check("gzip;q=0, gzip", Coding::Identity);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for header in ["gzip;q=x", "gzip;q=", "gzip;q=2", "gzip;q=-1", "gzip;q=NaN", ";,;q=1", "\u{0}"] {
            check(header, Coding::Identity);
        }
        check("gzip;q=x, x-gzip;q=0.5", Coding::Gzip);
        check("gzip;level=1", Coding::Gzip);
    }
}
