//! HTML that cannot be injected into: markup comes from constants, everything else is escaped.

const DIRECTIONS: [char; 9] =
    ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'];

/// A document in the making.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Markup of ours.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody's, for between tags and for between double quotes.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // HTML has no way to write control characters, and those that turn the direction of writing hide a name.
                control if control.is_control() || DIRECTIONS.contains(&control) => self.0.push('\u{fffd}'),
                other => self.0.push(other),
            }
        }
        self
    }

    /// A name that somebody else chose: its direction and its length stay its own.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.raw("<bdi class=\"name\" title=\"").text(name).raw("\">").text(name).raw("</bdi>")
    }

    /// Stands where a number is not known, or does not apply.
    pub(crate) fn unknown(&mut self) -> &mut Self {
        self.raw("<i class=\"none\">–</i>")
    }

    /// A bar that is filled to this share of 1.
    pub(crate) fn bar(&mut self, class: &'static str, share: f64) -> &mut Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.raw("<progress class=\"").raw(class).raw("\" max=\"1\" value=\"").text(&format!("{share:.3}"));
        self.raw("\"></progress>")
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_anybody_stays_text() {
        let mut html = Html::default();
        html.raw("<p>").text("<script>alert(\"1\" & '2')</script>\0\u{7f}\u{202e}ä");
        let escaped = "<p>&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;\u{fffd}\u{fffd}\u{fffd}ä";
        assert_eq!(html.finish(), escaped);
    }

    #[test]
    fn a_bar_is_never_over_full() {
        for (share, shown) in [(0.5, "0.500"), (7.0, "1.000"), (-1.0, "0.000"), (f64::NAN, "0.000")] {
            let mut html = Html::default();
            html.bar("share", share);
            assert!(html.finish().contains(&format!("value=\"{shown}\"")), "{share}");
        }
    }
}
