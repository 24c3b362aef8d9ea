//! A password in a file: it never stands on a command line, where every user of the machine would see it.

use std::path::Path;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// The one line that the file holds.
pub fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).doing("read the password in", file.display())?;
    let password = text.trim_end_matches(['\n', '\r']);
    match password.is_empty() || password.contains(['\n', '\r']) {
        true => Err(Error::invalid(format!("{} does not hold one line with a password", file.display()))),
        false => Ok(password.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_file_holds_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new");
        for (text, good) in [("hush\n", true), (" hush", true), ("", false), ("\n", false), ("a\nb\n", false)] {
            std::fs::write(&file, text).unwrap();
            let password = read(&file);
            assert_eq!(password.is_ok(), good, "{text:?}");
            assert!(password.is_err() || password.unwrap() == text.trim_end_matches('\n'));
        }
    }
}
