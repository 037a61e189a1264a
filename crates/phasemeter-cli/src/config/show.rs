//! Every setting, as a table or as JSON. Secrets are masked by the values themselves.

use phasemeter_config::{Chosen, Config, Origin, Value};
use serde_json::json;

/// A line for each: key, value with its unit, where it comes from, who goes by it.
pub(super) fn table(config: &Config) -> String {
    let rows: Vec<_> = config.all().map(row).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
    let widths: Vec<_> = (0..COLUMNS - 1).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter().fold(String::new(), |mut text, row| {
        for (column, cell) in row.iter().enumerate() {
            text += &match widths.get(column) {
                Some(width) => format!("{cell:<width$}  "),
                None => format!("{cell}\n"),
            };
        }
        text
    })
}

const COLUMNS: usize = 4;

fn row(chosen: &Chosen) -> [String; COLUMNS] {
    let Chosen { setting, origin, value } = chosen;
    let unit = setting.unit.filter(|_| value.is_some()).map(|unit| format!(" {unit}")).unwrap_or_default();
    // A line break would be a line that is no setting.
    let value = format!("{}{unit}", chosen.to_string().replace(['\n', '\r'], " "));
    [setting.key.to_owned(), value, origin.to_string(), setting.used()]
}

/// One object on one line. Intervals are in seconds; what is not set is `null`.
pub(super) fn json(config: &Config) -> String {
    let settings: Vec<_> = config.all().map(one).collect();
    format!("{}\n", json!({ "settings": settings }))
}

fn one(chosen: &Chosen) -> serde_json::Value {
    let Chosen { setting, value, origin } = chosen;
    let unit = match value {
        Some(Value::Interval(_)) => Some("s"),
        _ => setting.unit,
    };
    json!({
        "key": setting.key,
        "value": value.as_ref().map(plain),
        "unit": unit,
        "origin": origin_of(origin),
        "secret": setting.is_secret,
        "used": setting.used(),
    })
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Switch(is_on) => json!(is_on),
        Value::Whole(number) => json!(number),
        Value::Number(number) => json!(number),
        Value::Interval(interval) => json!(interval.as_secs_f64()),
        Value::Names(names) => json!(names.iter().map(|name| name_of(name)).collect::<Vec<_>>()),
        Value::Text(_) | Value::Secret(_) => json!(value.to_string()),
    }
}

/// As a text is shown.
fn name_of(name: &str) -> String {
    Value::Text(name.to_owned()).to_string()
}

fn origin_of(origin: &Origin) -> serde_json::Value {
    match origin {
        Origin::Default => json!({ "source": "default" }),
        Origin::File { name, line } => json!({ "source": "file", "file": name, "line": line }),
        Origin::Variable(name) => json!({ "source": "environment", "variable": name }),
        Origin::Flag(name) => json!({ "source": "flag", "flag": name }),
    }
}
