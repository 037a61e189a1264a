//! Every dependency says why it is there, behind it in its Cargo.toml.

/// How many dependencies a manifest has, and which of them give no reason. The workspace's own crates need none where
/// the workspace says where they lie.
#[must_use]
pub fn missing(manifest: &str) -> (usize, Vec<String>) {
    let entries = entries(manifest);
    let missing =
        entries.iter().filter(|entry| entry.reason.is_empty() && !entry.is_place()).map(|entry| entry.code.clone());
    (entries.len(), missing.collect())
}

/// One dependency, its lines in one.
struct Entry {
    section: String,
    code: String,
    reason: String,
}

impl Entry {
    fn is_place(&self) -> bool {
        self.section == "[workspace.dependencies]" && self.code.contains("path = ")
    }

    /// Whether its list or table goes on in the next line.
    fn is_open(&self) -> bool {
        ['[', '{']
            .into_iter()
            .zip([']', '}'])
            .any(|(open, close)| self.code.matches(open).count() > self.code.matches(close).count())
    }
}

fn entries(manifest: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = "";
    for line in manifest.lines() {
        let (code, reason) = parts(line);
        if let Some(open) = entries.last_mut().filter(|entry| entry.is_open()) {
            open.code = format!("{} {code}", open.code);
            open.reason += reason;
            continue;
        }
        let is_head = code.starts_with('[');
        if is_head {
            section = code;
        }
        let is_entry = if is_head { is_dependency(section) } else { is_list(section) && !code.is_empty() };
        if is_entry {
            entries.push(Entry { section: section.to_owned(), code: code.to_owned(), reason: reason.to_owned() });
        }
    }
    entries
}

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// A section whose lines are dependencies.
fn is_list(section: &str) -> bool {
    KINDS.iter().any(|kind| section.ends_with(&format!("{kind}]")))
}

/// A section that is one dependency, as `[dependencies.serde]`.
fn is_dependency(section: &str) -> bool {
    KINDS.iter().any(|kind| section.contains(&format!("{kind}.")))
}

/// What stands before and behind the `#` of a comment, which no text holds.
fn parts(line: &str) -> (&str, &str) {
    let mut is_text = false;
    let hash = line.find(|letter| {
        is_text ^= letter == '"';
        letter == '#' && !is_text
    });
    let (code, comment) = line.split_at(hash.unwrap_or(line.len()));
    (code.trim(), comment.trim_start_matches('#').trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(manifest: &str, count: usize, expected: &[&str]) {
        let expected = expected.iter().map(|entry| (*entry).to_owned()).collect();
        assert_eq!(missing(manifest), (count, expected), "{manifest}");
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        check("[dependencies]\nsyn = \"3\"\n", 1, &["syn = \"3\""]);
        check("[dependencies]\n# in front\nsyn = \"3\" #\nquote = \"1\" # writes\n", 2, &["syn = \"3\""]);
        check("[target.'cfg(unix)'.dev-dependencies]\nlibc = \"1\"", 1, &["libc = \"1\""]);
        check("[dependencies]\na = { version = \"1#2\" }", 1, &["a = { version = \"1#2\" }"]);
        check("[build-dependencies.cc]\nversion = \"1\"", 1, &["[build-dependencies.cc]"]);
        check("[dependencies]\na = { features = [\n\"b\",\n] }\n", 1, &["a = { features = [ \"b\", ] }"]);
        check("[workspace.dependencies]\nserde = \"1\"", 1, &["serde = \"1\""]);
        check("[dependencies]\nown = { path = \"own\" }", 1, &["own = { path = \"own\" }"]);
    }

    #[test]
    fn reasons_are_seen_wherever_they_stand() {
        check("[dependencies]\nsyn = \"3\" # reads\n\n# more\na = [\n\"b\", # why\n]\n", 2, &[]);
        check("[workspace.dependencies]\nown = { path = \"own\" }", 1, &[]);
        check("[dependencies.serde] # reads\nversion = \"1\"", 1, &[]);
        check("[package]\nname = \"a\"\n[features]\ndefault = [\"x\"]\n", 0, &[]);
    }
}
