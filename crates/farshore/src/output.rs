//! What people and programs read: tables, JSON, and errors.

use std::process::ExitCode;

use farshore_types::{Error, ErrorKind};

/// Columns of text, aligned; numbers to the right. Nothing is printed for no rows but the header.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>, numbers: &dyn Fn(usize) -> bool| {
        let pad = |(at, (cell, &width)): (usize, (&&str, &usize))| match numbers(at) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        };
        cells.iter().zip(&widths).enumerate().map(pad).collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let numeric = |at: usize| {
        let number = |row: &Vec<String>| {
            row.get(at).is_some_and(|cell| cell.starts_with(|c: char| c.is_ascii_digit()) && cell.len() < 12)
        };
        !rows.is_empty() && rows.iter().all(number)
    };
    let mut text = line(header.to_vec(), &numeric);
    for row in rows {
        text.push('\n');
        text.push_str(&line(row.iter().map(String::as_str).collect(), &numeric));
    }
    text
}

/// Prints a line to standard output. A reader that went away is no error.
pub fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a JSON value.
pub fn json(value: &serde_json::Value) {
    say(&format!("{value:#}"));
}

/// Prints an error with its hint on a line of its own, and gives the exit status: 2 for a wrong request, 3 for damage, 1 otherwise.
pub fn failure(error: &Error, as_json: bool) -> ExitCode {
    if as_json {
        let value = serde_json::json!({"error": {"kind": error.kind().word(), "message": error.message(), "hint": error.advice()}});
        json(&value);
    } else {
        use std::io::Write;
        let hint = error.advice().map(|hint| format!("  try: {hint}\n")).unwrap_or_default();
        let _ = write!(std::io::stderr(), "error: {}\n{hint}", error.message());
    }
    ExitCode::from(match error.kind() {
        ErrorKind::Invalid => 2,
        ErrorKind::Corrupt => 3,
        _ => 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_text_left_and_numbers_right() {
        let rows = vec![vec!["pg-1".to_string(), "7".to_string()], vec!["a".to_string(), "12".to_string()]];
        assert_eq!(table(&["service", "n"], &rows), "service   n\npg-1      7\na        12");
    }
}
