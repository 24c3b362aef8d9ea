//! `farshore project use`: the line that makes a project the present one of a shell. Nothing is remembered in a file, so two shells can
//! work on two projects.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use crate::client::answers::{Project, part};
use crate::client::api::path;
use crate::client::caller::Client;
use crate::client::text::plain;

/// Prints it, if the project is there.
pub fn run(client: &Client, name: &str) -> Result<ExitCode> {
    let project: Project = part(&client.api.get(&path(&["project", name]))?, "project")?;
    let name = plain(&project.project_name);
    client.answer(&json!({"AIVEN_PROJECT": name}), || Ok(format!("export AIVEN_PROJECT={}", quoted(&name))))
}

/// A word of a shell's command line: what is printed here is evaluated.
fn quoted(text: &str) -> String {
    match text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_name_for_one_word_whatever_it_is() {
        for (name, expect) in [("main", "main"), ("a b", "'a b'"), ("$(id)", "'$(id)'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(name), expect);
        }
    }
}
