//! A reading of the Prometheus text format 0.0.4, written after its specification and not after our encoder. It is
//! stricter than Prometheus: what we never write is refused, families that are apart or unsorted for one.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::iter::Peekable;
use std::str::Split;

/// The lines of one metric.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    /// What stands after `# TYPE`.
    pub(crate) kind: String,
    pub(crate) series: Vec<Series>,
}

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Pairs,
    pub(crate) reading: Reading,
}

pub(crate) type Pairs = Vec<(String, String)>;

/// Numbers stay text: how many digits of them count is for the caller to say.
#[derive(Debug)]
pub(crate) enum Reading {
    Plain(String),
    /// Buckets with their `le`, not cumulated any more.
    Histogram {
        slots: Vec<(String, u64)>,
        sum: String,
    },
    /// Quantiles and their values.
    Summary {
        quantiles: Pairs,
        count: String,
        sum: String,
    },
}

/// One line that is no comment.
struct Sample {
    name: String,
    labels: Pairs,
    value: String,
}

type Lines<'a> = Peekable<Split<'a, char>>;

/// Reads a whole exposition, or says what is wrong with which line.
pub(crate) fn parse(text: &str) -> Result<Vec<Family>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let text = text.strip_suffix('\n').ok_or("the last line does not end")?;
    // Not `lines()`: it would take a carriage return for a part of the line's end.
    let mut lines = text.split('\n').peekable();
    let mut families: Vec<Family> = Vec::new();
    while lines.peek().is_some() {
        let family = family(&mut lines)?;
        if families.last().is_some_and(|last| last.name >= family.name) {
            return Err(format!("the family {:?} is not in its place, or stands twice", family.name));
        }
        families.push(family);
    }
    Ok(families)
}

/// Reads what stands between the braces.
pub(crate) fn parse_labels(text: &str) -> Result<Pairs, String> {
    let mut labels = Pairs::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("no value in {rest:?}"))?;
        let (value, after) = quoted(after).ok_or_else(|| format!("no value that ends in {rest:?}"))?;
        if !is_name(name, "_") {
            return Err(format!("the label {name:?} of {text:?}"));
        }
        labels.push((name.to_owned(), value));
        rest = match after.strip_prefix(',') {
            Some(more) if !more.is_empty() => more,
            None if after.is_empty() => after,
            Some(_) | None => return Err(format!("{after:?} after a label of {text:?}")),
        };
    }
    Ok(labels)
}

fn family(lines: &mut Lines<'_>) -> Result<Family, String> {
    let (name, help) = comment(lines, "# HELP ")?;
    let (typed, kind) = comment(lines, "# TYPE ")?;
    if typed != name || !is_name(name, "_:") {
        return Err(format!("HELP of {name:?} and TYPE of {typed:?}"));
    }
    let mut series: Vec<Series> = Vec::new();
    while lines.peek().is_some_and(|line| !line.starts_with('#')) {
        let next = match kind {
            "counter" | "gauge" | "untyped" => plain(lines, name)?,
            "histogram" => histogram(lines, name)?,
            "summary" => summary(lines, name)?,
            other => return Err(format!("{name} has the type {other:?}")),
        };
        if series.last().is_some_and(|last| last.labels >= next.labels) {
            return Err(format!("{name}{:?} is not in its place, or stands twice", next.labels));
        }
        series.push(next);
    }
    let help = unescaped(help, &['\\', 'n']).ok_or_else(|| format!("the help {help:?}"))?;
    Ok(Family { name: name.to_owned(), help, kind: kind.to_owned(), series })
}

/// The name and the text of a comment that has to come now.
fn comment<'a>(lines: &mut Lines<'a>, prefix: &str) -> Result<(&'a str, &'a str), String> {
    let line = lines.next().unwrap_or_default();
    let split = line.strip_prefix(prefix).and_then(|comment| comment.split_once(' '));
    split.ok_or_else(|| format!("no {prefix:?} in {line:?}"))
}

fn plain(lines: &mut Lines<'_>, name: &str) -> Result<Series, String> {
    let sample = named_sample(lines, name)?;
    Ok(Series { labels: sample.labels, reading: Reading::Plain(sample.value) })
}

/// The buckets up to +Inf, the sum and the count of one label set.
fn histogram(lines: &mut Lines<'_>, name: &str) -> Result<Series, String> {
    let mut slots = Vec::new();
    let mut below = 0;
    let labels = loop {
        let mut bucket = named_sample(lines, &format!("{name}_bucket"))?;
        let (last, le) = bucket.labels.pop().unwrap_or_default();
        let cumulated: u64 = bucket.value.parse().map_err(|_| format!("{name} counts {:?}", bucket.value))?;
        let slot = cumulated.checked_sub(below).filter(|_| last == "le");
        slots.push((le, slot.ok_or_else(|| format!("{name} has the bucket {last} with {cumulated} after {below}"))?));
        below = cumulated;
        if slots.last().is_some_and(|(le, _)| le == "+Inf") {
            break bucket.labels;
        }
    };
    let sum = named_sample(lines, &format!("{name}_sum"))?;
    let count = named_sample(lines, &format!("{name}_count"))?;
    if (&sum.labels, &count.labels) != (&labels, &labels) || count.value != below.to_string() {
        return Err(format!("{name}{labels:?} has {below} in its buckets, and counts {}", count.value));
    }
    Ok(Series { labels, reading: Reading::Histogram { slots, sum: sum.value } })
}

/// The quantiles, the sum and the count of one label set.
fn summary(lines: &mut Lines<'_>, name: &str) -> Result<Series, String> {
    let is_quantile = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    let mut quantiles = Pairs::new();
    let mut sets = Vec::new();
    while lines.peek().is_some_and(is_quantile) {
        let mut sample = named_sample(lines, name)?;
        let (last, quantile) = sample.labels.pop().unwrap_or_default();
        if last != "quantile" {
            return Err(format!("{name} has {last:?} where its quantile should stand"));
        }
        sets.push(sample.labels);
        quantiles.push((quantile, sample.value));
    }
    let sum = named_sample(lines, &format!("{name}_sum"))?;
    let count = named_sample(lines, &format!("{name}_count"))?;
    sets.push(count.labels);
    if sets.iter().any(|labels| *labels != sum.labels) {
        return Err(format!("{name} has several label sets in one: {sets:?}"));
    }
    Ok(Series { labels: sum.labels, reading: Reading::Summary { quantiles, count: count.value, sum: sum.value } })
}

fn named_sample(lines: &mut Lines<'_>, name: &str) -> Result<Sample, String> {
    let line = lines.next().ok_or_else(|| format!("no {name} at the end"))?;
    let sample = sample(line)?;
    if sample.name == name { Ok(sample) } else { Err(format!("{line:?} where {name} should stand")) }
}

fn sample(line: &str) -> Result<Sample, String> {
    let wrong = || format!("the line {line:?}");
    let end = line.find(['{', ' ']).ok_or_else(wrong)?;
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        // A value holds no brace, so the last one closes; a label value may hold as many as it likes.
        Some(rest) => rest.rsplit_once('}').ok_or_else(wrong)?,
        None => ("", rest),
    };
    let value = value.strip_prefix(' ').filter(|value| is_number(value)).ok_or_else(wrong)?;
    Ok(Sample { name: name.to_owned(), labels: parse_labels(labels)?, value: value.to_owned() })
}

/// A value without its escapes, and what follows the quote that ends it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let end = text.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    Some((unescaped(&text[..end], &['\\', 'n', '"'])?, &text[end + 1..]))
}

/// Resolves the escapes of this place; none where another one, or half of one, stands there.
fn unescaped(text: &str, escapes: &[char]) -> Option<String> {
    let mut resolved = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            resolved.push(character);
            continue;
        }
        match characters.next().filter(|escape| escapes.contains(escape))? {
            'n' => resolved.push('\n'),
            other => resolved.push(other),
        }
    }
    Some(resolved)
}

/// Letters, digits and what else is given, no digit first.
fn is_name(name: &str, others: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || others.contains(character);
    name.chars().all(fits) && name.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A decimal number, or what Go writes for those that are none.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(value, "NaN" | "+Inf" | "-Inf") || (all_digits(whole) && all_digits(fraction))
}
