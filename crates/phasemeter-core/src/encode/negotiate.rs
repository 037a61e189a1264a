//! Which format a scraper gets: the one that it wants most, of those that there are.

use super::names::Names;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text 0.0.4.
    Text,
    /// Text 1.0.0: the same, with names of every kind.
    TextUtf8,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// OpenMetrics, for those that ask for the version before 1.0.0; it reads alike.
    OpenMetrics001,
    /// Delimited protobuf, with native histograms.
    Protobuf,
}

/// What a scraper gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The format.
    pub format: Format,
    /// How names are written that are not of the classic form.
    pub names: Names,
    /// Whether it asked about names at all, and so is to be told.
    asked_for_names: bool,
}

/// What everybody takes.
const TEXT: Negotiated = Negotiated { format: Format::Text, names: Names::Legacy, asked_for_names: false };

impl Negotiated {
    /// The text format 0.0.4, which every scraper takes.
    pub const TEXT: Self = TEXT;

    /// The header `Content-Type` that goes with it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match (self.format, self.asked_for_names, self.names) {
            (Format::Text, _, _) => super::TEXT_CONTENT_TYPE,
            (Format::TextUtf8, _, Names::Utf8) => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            (Format::TextUtf8, _, Names::Legacy) => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
            (Format::OpenMetrics, false, _) => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            (Format::OpenMetrics, true, Names::Utf8) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::OpenMetrics, true, Names::Legacy) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (Format::OpenMetrics001, _, _) => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            (Format::Protobuf, false, _) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            (Format::Protobuf, true, Names::Utf8) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=allow-utf-8"
            }
            (Format::Protobuf, true, Names::Legacy) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=underscores"
            }
        }
    }
}

/// Chooses by the header `Accept`: of what we have, what has the highest quality, and of equals what stands first. What
/// asks for nothing that we have, or cannot be read, gets text 0.0.4.
#[must_use]
pub fn negotiate(accept: &str) -> Negotiated {
    let mut best = (0, TEXT);
    for range in accept.split(',') {
        if let Some((quality, negotiated)) = Range::parse(range).and_then(|range| range.wanted()) {
            if quality > best.0 {
                best = (quality, negotiated);
            }
        }
    }
    best.1
}

/// One of the things that a scraper takes.
struct Range<'a> {
    media_type: String,
    parameters: Vec<(String, &'a str)>,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';');
        let media_type = parts.next()?.trim().to_ascii_lowercase();
        let parameter = |part: &'a str| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
        };
        Some(Self { media_type, parameters: parts.filter_map(parameter).collect() })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }

    /// The quality in thousandths, and what it means; nothing where we do not have it.
    fn wanted(&self) -> Option<(u32, Negotiated)> {
        let version = self.parameter("version");
        let format = match self.media_type.as_str() {
            "*/*" | "text/*" => Format::Text,
            "text/plain" => match version {
                None | Some("0.0.4") => Format::Text,
                Some("1.0.0") => Format::TextUtf8,
                Some(_) => return None,
            },
            "application/openmetrics-text" => match version {
                None | Some("1.0.0") => Format::OpenMetrics,
                Some("0.0.1") => Format::OpenMetrics001,
                Some(_) => return None,
            },
            "application/vnd.google.protobuf" => {
                let is = |name, wanted| self.parameter(name).is_some_and(|value| value == wanted);
                if !is("proto", "io.prometheus.client.MetricFamily") || !is("encoding", "delimited") {
                    return None;
                }
                Format::Protobuf
            }
            _ => return None,
        };
        let escaping = self.parameter("escaping");
        let names = if escaping == Some("allow-utf-8") && !matches!(format, Format::Text | Format::OpenMetrics001) {
            Names::Utf8
        } else {
            Names::Legacy
        };
        Some((self.quality()?, Negotiated { format, names, asked_for_names: escaping.is_some() }))
    }

    fn quality(&self) -> Option<u32> {
        let Some(text) = self.parameter("q") else { return Some(1_000) };
        let quality: f64 = text.parse().ok()?;
        (0.0..=1.0).contains(&quality).then(|| (quality * 1_000.0).round() as u32)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, format: Format, names: Names) {
        let negotiated = negotiate(accept);
        assert_eq!((negotiated.format, negotiated.names), (format, names), "{accept}");
    }

    /// As Prometheus 2.42 sends it.
    const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
                                q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_3_NATIVE: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;\
         escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    #[test]
    fn each_prometheus_gets_what_it_wants_most() {
        check(PROMETHEUS_2, Format::OpenMetrics, Names::Legacy);
        check(PROMETHEUS_3_NATIVE, Format::Protobuf, Names::Utf8);
        check("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2", Format::TextUtf8, Names::Utf8);
        check("application/openmetrics-text;version=0.0.1;escaping=allow-utf-8", Format::OpenMetrics001, Names::Legacy);
    }

    #[test]
    fn what_is_unknown_or_broken_gets_text() {
        for accept in ["", "*/*", "text/html", "application/json;q=1", ";;,,", "text/plain;version=9", "\u{0}"] {
            check(accept, Format::Text, Names::Legacy);
        }
        check("application/vnd.google.protobuf;encoding=text", Format::Text, Names::Legacy);
        check("application/openmetrics-text;q=abc,text/plain", Format::Text, Names::Legacy);
        check("application/openmetrics-text;q=0", Format::Text, Names::Legacy);
        check("application/openmetrics-text;q=2", Format::Text, Names::Legacy);
    }

    #[test]
    fn quality_decides_and_then_the_order() {
        check("text/plain;q=0.5, application/openmetrics-text;q=0.9", Format::OpenMetrics, Names::Legacy);
        check("text/plain;q=0.9, application/openmetrics-text;q=0.9", Format::Text, Names::Legacy);
        check("APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics, Names::Legacy);
    }

    #[test]
    fn the_content_type_says_what_was_asked_about() {
        assert_eq!(negotiate("").content_type(), "text/plain; version=0.0.4; charset=utf-8");
        assert!(!negotiate(PROMETHEUS_2).content_type().contains("escaping"));
        assert!(negotiate(PROMETHEUS_3_NATIVE).content_type().ends_with("escaping=allow-utf-8"));
        let dots = negotiate("application/openmetrics-text;version=1.0.0;escaping=dots");
        assert!(dots.content_type().ends_with("escaping=underscores"), "the one that we have");
    }
}
