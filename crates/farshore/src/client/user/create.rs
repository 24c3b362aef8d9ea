//! `farshore user create`: an account with a new password, which is printed.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use crate::client::answers::{User, part};
use crate::client::caller::Client;
use crate::client::text::plain;

/// Makes it.
pub fn run(client: &Client, service: &str, user: &str) -> Result<ExitCode> {
    let answer = client.api.post(&client.path(&["service", service, "user"])?, &json!({"username": user}))?;
    client.answer(&answer, || {
        let made: User = part(&answer, "user")?;
        Ok(sentences(&made, service, "is made"))
    })
}

/// What happened to an account, with its password if the caller may see it.
pub fn sentences(user: &User, service: &str, what: &str) -> String {
    let name = plain(&user.username);
    match user.password.is_empty() {
        true => format!("User {name} of service {service} {what}."),
        false => format!("User {name} of service {service} {what}. The password:\n{}", plain(&user.password)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_printed_only_if_the_platform_shows_it() {
        for (password, expect) in [
            ("", "User dora of service pg-1 is made."),
            ("hush", "User dora of service pg-1 is made. The password:\nhush"),
        ] {
            let (username, password) = ("dora".to_string(), password.to_string());
            assert_eq!(sentences(&User { username, password, ..User::default() }, "pg-1", "is made"), expect);
        }
    }
}
