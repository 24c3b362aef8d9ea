//! `farshore user password-reset`: a new password for an account, random or from a file; never from an argument.

use std::path::Path;
use std::process::ExitCode;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use serde_json::json;

use super::create::sentences;
use crate::client::answers::{Service, User, part};
use crate::client::caller::Client;

/// Sets it.
pub fn run(client: &Client, service: &str, user: &str, file: Option<&Path>) -> Result<ExitCode> {
    let mut request = json!({"operation": "reset-credentials"});
    if let (Some(file), Some(request)) = (file, request.as_object_mut()) {
        request.insert("new_password".to_string(), json!(password(file)?));
    }
    let answer = client.api.put(&client.path(&["service", service, "user", user])?, &request)?;
    client.answer(&answer, || {
        let found: Service = part(&answer, "service")?;
        let shown = found.users.into_iter().find(|one| one.username == user).filter(|_| file.is_none());
        let shown = shown.unwrap_or_else(|| User { username: user.to_string(), ..User::default() });
        Ok(sentences(&shown, service, "has a new password"))
    })
}

fn password(file: &Path) -> Result<String> {
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
            let read = password(&file);
            assert_eq!(read.is_ok(), good, "{text:?}");
            assert!(read.is_err() || read.unwrap() == text.trim_end_matches('\n'));
        }
    }
}
