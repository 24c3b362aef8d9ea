//! `farshore token`: tokens made on the machine itself, where the folder's owner is the administrator anyway. The platform may be
//! running or not: both write to the same database, one after the other.

use std::process::ExitCode;
use std::sync::Arc;

use farshore_control::access::{NewToken, create_token};
use farshore_types::{Clock, Result};
use serde_json::json;

use crate::cli::TokenCommand;
use crate::output;
use crate::platform::{self, ADMINISTRATOR, Place};

/// Makes a token and prints it, this once.
pub fn run(command: &TokenCommand, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let TokenCommand::Create { data, user, description } = command;
    let place = Place::existing(data.as_deref())?;
    let control = platform::remembered(&place, &platform::host(clock)?)?;
    let user = user.as_deref().unwrap_or(ADMINISTRATOR);
    let asked = NewToken { description: description.clone(), ..NewToken::default() };
    let issued = create_token(&control, user, &asked)?;
    match as_json {
        true => {
            let prefix = issued.token.prefix;
            output::json(&json!({"full_token": issued.full_token, "user": user, "token_prefix": prefix}));
        }
        false => output::say(&issued.full_token),
    }
    Ok(ExitCode::SUCCESS)
}
