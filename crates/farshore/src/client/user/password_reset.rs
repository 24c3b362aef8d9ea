//! `farshore user password-reset`: a new password for an account, random or from a file; never from an argument.

use std::path::Path;
use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use super::create::sentences;
use crate::client::answers::{Service, User, part};
use crate::client::caller::Client;
use crate::password_file;

/// Sets it.
pub fn run(client: &Client, service: &str, user: &str, file: Option<&Path>) -> Result<ExitCode> {
    let mut request = json!({"operation": "reset-credentials"});
    if let (Some(file), Some(request)) = (file, request.as_object_mut()) {
        request.insert("new_password".to_string(), json!(password_file::read(file)?));
    }
    let answer = client.api.put(&client.path(&["service", service, "user", user])?, &request)?;
    client.answer(&answer, || {
        let found: Service = part(&answer, "service")?;
        let shown = found.users.into_iter().find(|one| one.username == user).filter(|_| file.is_none());
        let shown = shown.unwrap_or_else(|| User { username: user.to_string(), ..User::default() });
        Ok(sentences(&shown, service, "has a new password"))
    })
}
