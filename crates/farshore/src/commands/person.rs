//! `farshore person`: who may log in, made on the machine itself, where the folder's owner is the administrator anyway. The platform
//! may be running or not: both write to the same database, one after the other.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_control::service::new_password;
use farshore_control::{Control, access, people};
use farshore_types::{Clock, Result};
use serde_json::json;

use crate::cli::PersonCommand;
use crate::output;
use crate::password_file;
use crate::platform::{self, Place};

/// Does what was typed.
pub fn run(command: &PersonCommand, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    match command {
        PersonCommand::Create { data, email, name, password_file } => {
            let control = remembered(data.as_deref(), clock)?;
            let password = Password::of(password_file.as_deref(), &control)?;
            let made = people::create(&control, email, name, Some(password.text()))?;
            password.say(&made.email, "may log in", as_json);
        }
        PersonCommand::PasswordReset { data, email, password_file } => {
            let control = remembered(data.as_deref(), clock)?;
            let password = Password::of(password_file.as_deref(), &control)?;
            access::set_password(&control, email, password.text())?;
            password.say(email, "has a new password, and no tokens any more", as_json);
        }
        PersonCommand::List { data } => list(&remembered(data.as_deref(), clock)?, as_json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn remembered(data: Option<&Path>, clock: &Arc<dyn Clock>) -> Result<Control> {
    platform::remembered(&Place::existing(data)?, &platform::host(clock)?)
}

/// Where a new password comes from. Only one that we made is shown.
enum Password {
    Given(String),
    Made(String),
}

impl Password {
    fn of(file: Option<&Path>, control: &Control) -> Result<Password> {
        match file {
            Some(file) => password_file::read(file).map(Password::Given),
            None => new_password(control.entropy.as_ref()).map(Password::Made),
        }
    }

    fn text(&self) -> &str {
        match self {
            Password::Given(text) | Password::Made(text) => text,
        }
    }

    fn say(&self, email: &str, what: &str, as_json: bool) {
        match (self, as_json) {
            (Password::Given(_), true) => output::json(&json!({"user": email})),
            (Password::Made(password), true) => output::json(&json!({"user": email, "password": password})),
            (Password::Given(_), false) => output::say(&format!("{email} {what}.")),
            (Password::Made(password), false) => output::say(&format!("{email} {what}.\nPassword: {password}")),
        }
    }
}

fn list(control: &Control, as_json: bool) -> Result<()> {
    let all = people::list(control)?;
    if as_json {
        let one = |user: &farshore_control::rows::User| {
            json!({"user": user.email, "real_name": user.real_name, "create_time": user.created_at.to_string(),
                   "has_password": user.password_hash.is_some()})
        };
        output::json(&json!({"users": all.iter().map(one).collect::<Vec<_>>()}));
        return Ok(());
    }
    let row = |user: &farshore_control::rows::User| {
        let password = if user.password_hash.is_some() { "password" } else { "tokens only" };
        vec![user.email.clone(), user.real_name.clone(), password.to_string(), user.created_at.to_string()]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    output::say(&output::table(&["user", "name", "logs in with", "since"], &rows));
    Ok(())
}
