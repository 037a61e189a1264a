//! `docs/configuration.md`, from the settings: `UPDATE_GOLDEN=1 cargo test -p phasemeter-config --test page` writes it.

use std::path::Path;

use phasemeter_config::{Setting, settings};

const UPDATE: &str = "UPDATE_GOLDEN=1 cargo test -p phasemeter-config --test page";

const HEAD: &str = "\
# Configuration

<!-- Written by `UPDATE_GOLDEN=1 cargo test -p phasemeter-config --test page`, from `src/settings.rs` there. -->

A setting is said by a flag, by a variable of the environment, or in a file; a flag is stronger than a variable, that than the
file, and that than the default. Of several variables the first one in the table that is set counts; one that is empty counts
as unset.

A file is YAML, with all of it below `monitoring:`:

```yaml
";

const MIDDLE: &str = "\
```

`phasemeter config check [FILE]` tells all that is wrong with it, each with its line, its key and what was expected, and what of
it nothing goes by yet. `phasemeter config show [FILE]` tells the value of each setting and where it comes from. FILE is what
`PHASEMETER_CONFIG` names, where it is not said, or else `phasemeter.yaml` in the current folder, where that is there.
`phasemeter agent` reads a file only where `--config` or `PHASEMETER_CONFIG` names it.

An unknown key is an error, as is a value of another type: `\"5\"` is a text and no number, `yes` is no switch; a variable may
say 1, 0, yes, no, on and off as well. Aliases, tags, and a second document are not taken, nor is a file of more than a mebibyte.
Values of secrets are shown as `***`, as are credentials in URLs and values of pairs that are called as a secret.

";

/// The file of the seed, without its first line, which says what it was called there.
fn example() -> &'static str {
    let file = include_str!("fixtures/seed.yaml");
    file.split_once('\n').map_or(file, |(_, rest)| rest)
}

fn section(setting: &Setting) -> &'static str {
    setting.key.rsplit_once('.').map_or("", |(section, _)| section)
}

fn codes(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn row(setting: &Setting) -> String {
    let name = setting.key.rsplit('.').next().unwrap_or(setting.key);
    let unit = setting.unit.map(|unit| format!(", {unit}")).unwrap_or_default();
    let secret = if setting.is_secret { ", a secret" } else { "" };
    let default = setting.default.map_or_else(|| "not set".to_owned(), |text| format!("`{text}`"));
    let said = [codes(setting.flag.as_slice()), codes(setting.variables)];
    let said = said.iter().filter(|said| !said.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ");
    let said = if said.is_empty() { "the file alone" } else { &said };
    let Setting { meaning, shape, .. } = setting;
    format!("| `{name}` | {said} | {shape}{unit}{secret} | {default} | {meaning} | {} |\n", setting.used())
}

fn page() -> String {
    let mut page = format!("{HEAD}{}{MIDDLE}", example());
    let mut current = "";
    for setting in settings::ALL {
        if section(setting) != current {
            current = section(setting);
            page += &format!("## {current}\n\n");
            page += "| key | flag, variables | value | default | meaning | used |\n|---|---|---|---|---|---|\n";
        }
        page += &row(setting);
        if settings::ALL.iter().rev().find(|other| section(other) == current).map(|last| last.key) == Some(setting.key)
        {
            page += "\n";
        }
    }
    page.trim_end().to_owned() + "\n"
}

#[test]
fn the_page_of_settings_is_as_they_are_declared() {
    let page = page();
    assert_eq!(page.matches("\n| `").count(), settings::ALL.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("docs can be written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/configuration.md is there");
    assert!(written == page, "docs/configuration.md differs: {UPDATE}");
}
