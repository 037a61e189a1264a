//! A reading of OpenMetrics 1.0, written after its specification and not after our encoder. It is stricter: what we
//! never write, as a timestamp, is refused.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet};

/// The samples of one metric.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) unit: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    /// What stands behind the family's name.
    pub(crate) suffix: String,
    /// Without `le` and `quantile`.
    pub(crate) labels: Labels,
    /// What those are.
    pub(crate) bound: Option<f64>,
    /// As it stands: how many digits of it count is for the caller to say.
    pub(crate) value: String,
    pub(crate) exemplar: Option<Exemplar>,
}

#[derive(Debug)]
pub(crate) struct Exemplar {
    pub(crate) labels: Labels,
    pub(crate) value: String,
    pub(crate) timestamp: String,
}

pub(crate) type Labels = BTreeMap<String, String>;

/// Reads a whole exposition, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Vec<Family>, String> {
    let lines = text.strip_suffix("# EOF\n").ok_or("the end is missing")?;
    if !lines.is_empty() && !lines.ends_with('\n') {
        return Err("the last line does not end".into());
    }
    let mut families: Vec<Family> = Vec::new();
    for line in lines.split_terminator('\n') {
        read_line(line, &mut families).map_err(|error| format!("{error} in {line:?}"))?;
    }
    families.iter().try_for_each(check)?;
    let names: BTreeSet<_> = families.iter().map(|family| &family.name).collect();
    if names.len() < families.len() {
        return Err("a family stands twice".into());
    }
    Ok(families)
}

/// Each family begins with its help, and its type, and then its unit.
fn read_line(line: &str, families: &mut Vec<Family>) -> Result<(), String> {
    let Some(comment) = line.strip_prefix("# ") else {
        let family = families.last_mut().ok_or("no family")?;
        family.samples.push(sample(line, &family.name, &family.kind)?);
        return Ok(());
    };
    let (keyword, rest) = comment.split_once(' ').ok_or("no keyword")?;
    let (name, rest) = name(rest)?;
    let rest = rest.strip_prefix(' ').ok_or("no space")?;
    let begun = families.last_mut().filter(|family| family.name == name && family.samples.is_empty());
    match (keyword, begun) {
        ("HELP", None) => {
            let help = unescaped(rest).ok_or("an escape that there is not")?;
            families.push(Family { name, help, kind: String::new(), unit: None, samples: Vec::new() });
        }
        ("TYPE", Some(family)) if family.kind.is_empty() => family.kind = rest.to_owned(),
        ("UNIT", Some(family)) if !family.kind.is_empty() && family.unit.is_none() => {
            if !family.name.ends_with(&format!("_{rest}")) {
                return Err("the name does not end in the unit".into());
            }
            family.unit = Some(rest.to_owned());
        }
        _ => return Err("a comment that is not in its place".into()),
    }
    Ok(())
}

/// A name, in quotes or of the classic form, and what follows it.
fn name(text: &str) -> Result<(String, &str), String> {
    if let Some(rest) = text.strip_prefix('"') {
        let (name, rest) = quoted(rest)?;
        return if is_classic(&name) { Err("quotes that are not needed".into()) } else { Ok((name, rest)) };
    }
    let end = text.find([' ', '{', '=']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if is_classic(name) { Ok((name.to_owned(), rest)) } else { Err(format!("the name {name:?}")) }
}

fn is_classic(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || "_:".contains(first))
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter))
}

/// A text up to its quote, without its escapes, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut is_escaped = false;
    let end = text.find(|letter| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    });
    let (inner, rest) = text.split_at(end.ok_or("a quote that does not end")?);
    Ok((unescaped(inner).ok_or("an escape that there is not")?, &rest[1..]))
}

fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.push(match letters.next()? {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            '"' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// What stands between braces: a name in quotes first, where the metric's is there, and labels. And what follows.
fn braces(text: &str) -> Result<(Option<String>, Labels, &str), String> {
    let (mut inner, mut metric, mut labels) = (text, None, Labels::new());
    loop {
        let is_quoted = inner.starts_with('"');
        let (name, rest) = name(inner)?;
        let rest = match rest.strip_prefix("=\"") {
            Some(rest) => {
                let (value, rest) = quoted(rest)?;
                if labels.insert(name, value).is_some() {
                    return Err("a label that stands twice".into());
                }
                rest
            }
            None if is_quoted && metric.is_none() && labels.is_empty() => {
                metric = Some(name);
                rest
            }
            None => return Err("a label without a value".into()),
        };
        match (rest.strip_prefix(','), rest.strip_prefix('}')) {
            (Some(more), _) => inner = more,
            (_, Some(after)) => return Ok((metric, labels, after)),
            (None, None) => return Err(format!("{rest:?} after a label")),
        }
    }
}

fn sample(line: &str, family: &str, kind: &str) -> Result<Sample, String> {
    let (outer, rest) =
        if line.starts_with('{') { (None, line) } else { name(line).map(|(name, rest)| (Some(name), rest))? };
    let (inner, mut labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => braces(rest)?,
        None => (None, Labels::new(), rest),
    };
    let name = outer.xor(inner).ok_or("a sample has one name")?;
    let suffix = name.strip_prefix(family).ok_or("another family's sample")?.to_owned();
    let rest = rest.strip_prefix(' ').ok_or("no space")?;
    let (value, exemplar) = match rest.split_once(" # {") {
        Some((value, exemplar)) => (value, Some(read_exemplar(exemplar)?)),
        None => (rest, None),
    };
    if value.contains(' ') || !is_number(value) {
        return Err(format!("the value {value:?}"));
    }
    let bound = match (kind, &*suffix) {
        ("histogram", "_bucket") => Some("le"),
        ("summary", "") => Some("quantile"),
        _ => None,
    };
    let bound = bound.map(|label| labels.remove(label).ok_or(format!("no {label}")).and_then(|le| canonical(&le)));
    Ok(Sample { suffix, labels, bound: bound.transpose()?, value: value.to_owned(), exemplar })
}

fn read_exemplar(text: &str) -> Result<Exemplar, String> {
    let (None, labels, rest) = braces(text)? else { return Err("an exemplar has no name".into()) };
    let letters: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    let (value, timestamp) = rest.trim_start().split_once(' ').ok_or("an exemplar without a timestamp")?;
    if letters > 128 || !is_number(value) || !is_number(timestamp) {
        return Err(format!("the exemplar {text:?}"));
    }
    Ok(Exemplar { labels, value: value.to_owned(), timestamp: timestamp.to_owned() })
}

/// A decimal number, or one of the three that are none.
fn is_number(text: &str) -> bool {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.e".contains(&byte));
    matches!(text, "NaN" | "+Inf" | "-Inf") || (is_decimal && text.parse::<f64>().is_ok())
}

/// A bound as `%g` writes it in Go, with `.0` where it would look like an integer.
fn canonical(text: &str) -> Result<f64, String> {
    let wrong = || format!("the bound {text:?}");
    let bound: f64 = text.parse().map_err(|_| wrong())?;
    let (digits, exponent) = text.split_once('e').unwrap_or((text, ""));
    let by_exponent = bound != 0.0 && bound.is_finite() && !(1e-4..1e6).contains(&bound.abs());
    let is_right = if !bound.is_finite() {
        text == "+Inf"
    } else if by_exponent {
        let signed = exponent.strip_prefix(['+', '-']).unwrap_or_default();
        let whole = digits.trim_start_matches('-').split('.').next().unwrap_or_default();
        signed.len() >= 2
            && !(signed.len() > 2 && signed.starts_with('0'))
            && whole.len() == 1
            && !digits.ends_with(".0")
    } else {
        let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
        exponent.is_empty() && !fraction.is_empty() && (fraction == "0" || !fraction.ends_with('0'))
    };
    if is_right { Ok(bound) } else { Err(wrong()) }
}

/// What the samples of a family must be like, together.
fn check(family: &Family) -> Result<(), String> {
    let Family { name, kind, samples, unit, .. } = family;
    let suffixes: &[&str] = match &**kind {
        "counter" => &["_total", "_created"],
        "gauge" | "unknown" => &[""],
        "info" if unit.is_none() => &["_info"],
        "histogram" => &["_bucket", "_sum", "_count", "_created"],
        "summary" => &["", "_sum", "_count", "_created"],
        other => return Err(format!("{name} has the type {other:?}")),
    };
    if let Some(other) = samples.iter().find(|sample| !suffixes.contains(&&*sample.suffix)) {
        return Err(format!("{name} is a {kind} and has {:?}", other.suffix));
    }
    let mut seen = BTreeSet::new();
    for of_one in samples.chunk_by(|one, next| one.labels == next.labels) {
        if of_one.first().is_some_and(|sample| !seen.insert(&sample.labels)) {
            return Err(format!("{name} has a label set in two places"));
        }
        check_one(of_one, kind).map_err(|error| format!("{name}{:?} {error}", of_one[0].labels))?;
    }
    Ok(())
}

/// The samples of one label set.
fn check_one(samples: &[Sample], kind: &str) -> Result<(), String> {
    let mut once = BTreeSet::new();
    if samples.iter().any(|sample| !once.insert((&sample.suffix, sample.bound.map(f64::to_bits)))) {
        return Err("has a sample twice".into());
    }
    if kind != "histogram" {
        return if samples.iter().all(|sample| sample.exemplar.is_none()) {
            Ok(())
        } else {
            Err("has exemplars".into())
        };
    }
    let (mut end, mut below) = (f64::NEG_INFINITY, 0_u64);
    for bucket in samples.iter().filter(|sample| sample.suffix == "_bucket") {
        let (bound, count) = (bucket.bound.unwrap_or(f64::NAN), bucket.value.parse().map_err(|_| "counts no integer")?);
        let is_within =
            |exemplar: &Exemplar| exemplar.value.parse::<f64>().is_ok_and(|value| end < value && value <= bound);
        if bound <= end || count < below || bucket.exemplar.as_ref().is_some_and(|exemplar| !is_within(exemplar)) {
            return Err(format!("has {bucket:?} after {end} and {below}"));
        }
        (end, below) = (bound, count);
    }
    let count = samples.iter().find(|sample| sample.suffix == "_count").and_then(|count| count.value.parse().ok());
    if end != f64::INFINITY || count != Some(below) {
        Err(format!("ends with {end} and {below}, not {count:?}"))
    } else {
        Ok(())
    }
}
