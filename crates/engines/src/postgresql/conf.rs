//! Text for the server's configuration files, so that no value can end its quotes or add a line (PostgreSQL
//! documentation, "Setting Parameters", heading "Parameter Interaction via the Configuration File").

use std::fmt::Write;
use std::path::Path;

use farshore_types::{Error, Result};

/// A value in quotes as `postgresql.conf` reads it: quotes doubled, backslashes and control characters escaped.
pub fn value(text: &str) -> Result<String> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\0' => return Err(Error::invalid("a zero byte cannot stand in a configuration file")),
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            control if control.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\{:03o}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    Ok(quoted)
}

/// One line `name = 'value'`. Names are `a-z`, `A-Z`, `0-9`, `_`, and `.` for those of extensions.
pub fn line(name: &str, text: &str) -> Result<String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'.';
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.bytes().all(allowed) || matches!(name, "include" | "include_dir" | "include_if_exists") {
        return Err(Error::invalid(format!("{name:?} is not the name of a setting")));
    }
    Ok(format!("{name} = {}\n", value(text)?))
}

/// A role, operating system user or map name for `pg_hba.conf` and `pg_ident.conf`, in double quotes, which take away
/// the special meaning of words like `all` and of a leading `/` or `+`.
pub fn account(name: &str) -> Result<String> {
    let refused = |c: char| c.is_control() || c == '"' || c == '\\';
    if name.is_empty() || name.len() > 63 || name.contains(refused) || name.starts_with(['/', '+', '@']) {
        return Err(Error::invalid(format!("{name:?} cannot stand in pg_hba.conf")));
    }
    Ok(format!("\"{name}\""))
}

/// A path for settings and programs: absolute, UTF-8, and without characters that a shell or a configuration file would
/// read as something else (`pg_ctl` starts the server through a shell).
pub fn path(path: &Path) -> Result<&str> {
    let wrong = |why: &str| {
        let what = Error::invalid(format!("path {} {why}", path.display()));
        what.hint("choose a path of letters, digits, '/', '.', '-', '_', '+', '@', ':', '=', ',' and blanks")
    };
    let text = path.to_str().ok_or_else(|| wrong("is not UTF-8"))?;
    let allowed = |c: char| c.is_alphanumeric() || "/.-_+@:=, ".contains(c);
    if !path.is_absolute() {
        return Err(wrong("is not absolute"));
    }
    if !text.chars().all(allowed) {
        return Err(wrong("has characters that are not allowed"));
    }
    Ok(text)
}

/// A word for a POSIX shell, in single quotes, with `%` doubled for the settings in which `%f` and `%p` are replaced.
pub fn shell_word(word: &str) -> Result<String> {
    if word.contains(['\0', '\n']) {
        return Err(Error::invalid(format!("{word:?} cannot stand in a command of the server")));
    }
    Ok(format!("'{}'", word.replace('\'', "'\\''").replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_quotes_or_adds_a_line() {
        let table = [
            ("a", "'a'"),
            ("it's", "'it''s'"),
            ("a\\", "'a\\\\'"),
            ("a\nfsync = off", "'a\\nfsync = off'"),
            ("a\rb\u{7f}", "'a\\015b\\177'"),
            ("# ü", "'# ü'"),
        ];
        for (text, quoted) in table {
            assert_eq!(value(text).unwrap(), quoted);
            assert_eq!(value(text).unwrap().lines().count(), 1);
        }
        assert!(value("a\0").is_err());
    }

    #[test]
    fn names_of_settings_and_accounts_are_checked() {
        for (name, good) in [
            ("port", true),
            ("a.b_1", true),
            ("", false),
            ("a b", false),
            ("1a", false),
            ("a\nb", false),
            ("include", false),
        ] {
            assert_eq!(line(name, "x").is_ok(), good, "{name:?}");
        }
        for (name, good) in [
            ("app user", true),
            ("all", true),
            ("", false),
            ("a\"b", false),
            ("a\nb", false),
            ("+g", false),
            ("/r", false),
        ] {
            assert_eq!(account(name).is_ok(), good, "{name:?}");
        }
    }

    #[test]
    fn paths_with_shell_characters_are_refused() {
        for (text, good) in [
            ("/var/lib/a-b_1", true),
            ("/a b", true),
            ("a", false),
            ("/a'b", false),
            ("/a$b", false),
            ("/a\nb", false),
            ("/a\"", false),
            ("/a%f", false),
        ] {
            assert_eq!(path(Path::new(text)).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn shell_words_survive_the_server_and_the_shell() {
        assert_eq!(shell_word("a b'c%d").unwrap(), r"'a b'\''c%%d'");
        assert!(shell_word("a\nb").is_err());
    }
}
