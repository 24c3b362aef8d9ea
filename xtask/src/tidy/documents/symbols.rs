//! Whether a file defines a name, told by its text.

use super::super::tree::File;

/// Words that stand before a name that is being defined in Rust.
const RUST: [&str; 10] =
    ["fn ", "struct ", "enum ", "trait ", "const ", "static ", "type ", "mod ", "union ", "macro_rules! "];
/// The same in Python.
const PYTHON: [&str; 2] = ["def ", "class "];

/// Whether `file` defines `symbol`. `Type::part` needs the type defined, and the part defined or begun by a line
/// (a variant, a field).
pub fn defines(file: &File, symbol: &str) -> bool {
    let mut parts = symbol.split("::");
    let first = parts.next().unwrap_or_default();
    if first.is_empty() {
        return false;
    }
    match file.path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "rs" => {
            let text = &file.text;
            after_keyword(text, &RUST, first)
                && parts.all(|part| after_keyword(text, &RUST, part) || begins_line(text, part))
        }
        "py" => after_keyword(&file.text, &PYTHON, first) || begins_line(&file.text, first),
        _ => begins_line(&file.text, first),
    }
}

fn after_keyword(text: &str, keywords: &[&str], name: &str) -> bool {
    keywords.iter().any(|keyword| {
        let needle = format!("{keyword}{name}");
        text.match_indices(&needle).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + needle.len()..].chars().next();
            !before.is_some_and(is_name) && !after.is_some_and(is_name)
        })
    })
}

/// A line whose first word is the name, after `pub` where there is one.
fn begins_line(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches("pub ");
        line.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_name))
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_defined_by_what_stands_around_it() {
        let check = |path: &str, text: &str, symbol: &str, expect: bool| {
            let file = File { path: path.to_string(), text: text.to_string() };
            assert_eq!(defines(&file, symbol), expect, "{path} {text} {symbol}");
        };
        check("a.rs", "pub(crate) fn open() {}", "open", true);
        check("a.rs", "fn reopen() { open() }", "open", false);
        check("a.rs", "fn open_all() {}", "open", false);
        check("a.rs", "pub const LIMIT: usize = 1;", "LIMIT", true);
        check("a.rs", "struct A {\n    pub size: u8,\n}", "A::size", true);
        check("a.rs", "struct A;", "A::size", false);
        check("a.rs", "struct A;", "", false);
        check("a.py", "def read(x):", "read", true);
        check("a.py", "LIMIT = 3", "LIMIT", true);
        check("a.sh", "say() {", "say", true);
        check("a.sh", "# say", "say", false);
    }
}
