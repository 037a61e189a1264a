//! Tables, in either form.

use std::fmt::Write as _;

use crate::render::Form;

/// Rows under a head. The first column is of words, the others of numbers.
pub(super) struct Table<const COLUMNS: usize> {
    head: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(head: [&'static str; COLUMNS]) -> Self {
        Self { head, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }

    pub(super) fn write(&self, form: Form, out: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        match form {
            Form::Plain => self.plain(out),
            Form::Markdown => self.markdown(out),
        }
    }

    fn plain(&self, out: &mut String) {
        let head = self.head.map(str::to_owned);
        let rows: Vec<_> = self.rows.iter().map(|row| row.each_ref().map(|cell| in_line(cell, Form::Plain))).collect();
        let lines = || [&head].into_iter().chain(&rows);
        let mut widths = [0; COLUMNS];
        for line in lines() {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for line in lines() {
            let mut text = String::new();
            for (place, (cell, width)) in line.iter().zip(widths).enumerate() {
                let _ = match place {
                    0 => write!(text, "{cell:<width$}"),
                    _ => write!(text, "  {cell:>width$}"),
                };
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }

    fn markdown(&self, out: &mut String) {
        let _ = writeln!(out, "| {} |", self.head.join(" | "));
        let _ = writeln!(out, "|---|{}", "---:|".repeat(COLUMNS.saturating_sub(1)));
        for row in &self.rows {
            let cells = row.each_ref().map(|cell| escaped(cell));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
}

/// What would end a cell, or begin markup.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => escaped.push(' '),
            '|' | '<' | '`' | '*' | '_' | '[' | '\\' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => escaped.push('\u{FFFD}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Names of others in a line of plain text: no line breaks, no terminal commands.
pub(super) fn in_line(text: &str, form: Form) -> String {
    match form {
        Form::Plain => text.chars().map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter }).collect(),
        Form::Markdown => escaped(text),
    }
}

/// A heading, or what stands for it.
pub(super) fn heading(text: &str, form: Form, out: &mut String) {
    match form {
        Form::Plain => {
            let _ = writeln!(out, "\n{text}");
        }
        Form::Markdown => {
            let _ = writeln!(out, "\n### {text}\n");
        }
    }
}

/// A point of a list.
pub(super) fn point(text: &str, form: Form, out: &mut String) {
    let mark = match form {
        Form::Plain => "  ",
        Form::Markdown => "- ",
    };
    let _ = writeln!(out, "{mark}{text}");
}
