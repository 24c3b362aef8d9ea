//! `farshore user list`: the accounts of a service, without their passwords.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::{Value, json};

use crate::client::answers::{Service, User, part};
use crate::client::caller::Client;
use crate::client::text::{count, plain};
use crate::output::table;

/// Lists them.
pub fn run(client: &Client, service: &str) -> Result<ExitCode> {
    let answer = client.api.get(&client.path(&["service", service])?)?;
    let users = answer.pointer("/service/users").cloned().unwrap_or(Value::Null);
    client.answer(&json!({"users": users}), || Ok(sentences(&part::<Service>(&answer, "service")?)))
}

fn sentences(service: &Service) -> String {
    let row = |user: &User| {
        let kind = if user.kind == "primary" { "administrator" } else { "" };
        vec![plain(&user.username), kind.to_string()]
    };
    let rows: Vec<Vec<String>> = service.users.iter().map(row).collect();
    let has = count(service.users.len(), "account");
    format!("Service {} has {has}.\n{}", plain(&service.service_name), table(&["user", ""], &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_listed_without_passwords() {
        let service: Service = serde_json::from_value(json!({"service_name": "pg-1", "users": [
            {"username": "avnadmin", "password": "hush", "type": "primary", "access_cert": null},
            {"username": "dora", "password": "hush", "type": "normal"},
        ]}))
        .unwrap();
        assert_eq!(sentences(&service), "Service pg-1 has 2 accounts.\nuser\navnadmin  administrator\ndora");
    }
}
