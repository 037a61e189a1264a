//! What is not to be shown, wherever it stands: values that are called as secrets are, and credentials in URLs.

/// In place of what is not shown.
pub(crate) const MASK: &str = "***";

const SECRET_WORDS: [&str; 9] =
    ["secret", "token", "password", "passwd", "credential", "webhook", "api_key", "apikey", "authorization"];

/// Whether something of this name is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// A text in which nothing stands that is a secret by its form: `scheme://***@host`, `token=***`.
pub(crate) fn masked(text: &str) -> String {
    let text: String = text.split_inclusive(char::is_whitespace).map(without_user).collect();
    text.split_inclusive(is_end).map(without_value).collect()
}

/// Where who knows the path may write, whatever the setting is that it was put into.
const SECRET_PATHS: &str = "hooks.slack.com/";

/// A password may hold any of `/`, `?` and `@`, so that all up to the last `@` is taken for it: rather too much than too
/// little.
fn without_user(word: &str) -> String {
    if let Some((before, _)) = word.split_once(SECRET_PATHS) {
        return format!("{before}{SECRET_PATHS}{MASK}");
    }
    let found = word.split_once("://").and_then(|(scheme, behind)| Some((scheme, behind.rsplit_once('@')?.1)));
    found.map_or_else(|| word.to_owned(), |(scheme, host)| format!("{scheme}://{MASK}@{host}"))
}

fn without_value(part: &str) -> String {
    match part.split_once('=') {
        Some((name, value)) if is_secret_name(name) => {
            let end: String = value.chars().next_back().filter(|letter| is_end(*letter)).into_iter().collect();
            format!("{name}={MASK}{end}")
        }
        Some(_) | None => part.to_owned(),
    }
}

/// What stands between pairs.
fn is_end(letter: char) -> bool {
    [',', ';', '&', '?'].contains(&letter) || letter.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(masked(text), expected);
    }

    #[test]
    fn credentials_in_urls_are_not_shown() {
        check("https://user:pass@host/a", "https://***@host/a");
        check("see postgres://u:p/@?x@y@host and https://host/a", "see postgres://***@host and https://host/a");
        check("https://host/a?b=1&Token=abc&c=2", "https://host/a?b=1&Token=***&c=2");
    }

    #[test]
    fn an_address_that_is_a_secret_as_a_whole_is_not_shown() {
        check("https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/***");
    }

    #[test]
    fn pairs_that_are_called_as_secrets_have_no_value() {
        check("team=red,api-key=abc,db.password=x=y", "team=red,api-key=***,db.password=***");
        check("token=", "token=***");
    }

    #[test]
    fn all_else_is_shown_as_it_stands() {
        for text in ["", "pipeline.log", "a@b", "key=value, other=1", "/data/ä b\n"] {
            check(text, text);
        }
    }
}
