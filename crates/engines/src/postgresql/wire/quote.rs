//! Values and names in SQL text, so that no value can end its quotes (PostgreSQL documentation, "Lexical Structure").

use farshore_types::{Error, Result};

/// A string constant: quotes doubled; with a backslash in it an escape string, which is read the same under every
/// `standard_conforming_strings`. A zero byte is refused.
pub fn literal(value: &str) -> Result<String> {
    refuse_zero(value)?;
    let doubled = value.replace('\'', "''");
    Ok(match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    })
}

/// A quoted name. Empty names and zero bytes are refused.
pub fn identifier(name: &str) -> Result<String> {
    refuse_zero(name)?;
    if name.is_empty() {
        return Err(Error::invalid("an SQL name is empty"));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

fn refuse_zero(text: &str) -> Result<()> {
    match text.contains('\0') {
        true => Err(Error::invalid("a zero byte cannot stand in SQL text")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_quotes() {
        let table = [("a", "'a'"), ("o'x", "'o''x'"), ("\\'", "E'\\\\'''"), ("", "''"), ("\n", "'\n'")];
        for (value, quoted) in table {
            assert_eq!(literal(value).unwrap(), quoted);
        }
        for (name, quoted) in [("a", "\"a\""), ("a\"b", "\"a\"\"b\""), ("A b", "\"A b\"")] {
            assert_eq!(identifier(name).unwrap(), quoted);
        }
        assert!(literal("a\0b").is_err() && identifier("a\0").is_err() && identifier("").is_err());
    }
}
