//! Where to connect, in all the shapes in which clients read it.

use std::collections::BTreeMap;
use std::fmt::Write;

use farshore_control::rows;
use farshore_control::services::{FIRST_DATABASE, administrator};
use serde_json::{Value, json};

use crate::wire::common::Object;
use crate::wire::service::answer::Component;

/// How clients shall use TLS, at the least.
const SSL_MODE: &str = "require";

/// An address, with the administrator's password for callers who may see it.
pub(crate) struct Address<'a> {
    host: &'a str,
    port: u16,
    user: &'a str,
    password: Option<&'a str>,
}

impl<'a> Address<'a> {
    /// Of a service; `None` until a host has said where its node is.
    pub(crate) fn of(service: &'a rows::Service, password: Option<&'a str>) -> Option<Address<'a>> {
        let host = service.facts.get("host")?.as_str()?;
        let port = service.facts.get("port")?.as_u64().and_then(|port| u16::try_from(port).ok())?;
        Some(Address { host, port, user: administrator(service), password })
    }

    /// As one text.
    pub(crate) fn uri(&self) -> String {
        let password = self.password.map(|password| format!(":{}", escaped(password))).unwrap_or_default();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        format!("postgres://{}{password}@{host}:{}/{FIRST_DATABASE}?sslmode={SSL_MODE}", escaped(self.user), self.port)
    }

    /// In parts, all of them texts.
    pub(crate) fn params(&self) -> BTreeMap<String, String> {
        let parts = [
            ("dbname", FIRST_DATABASE.to_string()),
            ("host", self.host.to_string()),
            ("password", self.password.unwrap_or_default().to_string()),
            ("port", self.port.to_string()),
            ("sslmode", SSL_MODE.to_string()),
            ("user", self.user.to_string()),
        ];
        parts.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    /// As clients of the type expect it.
    pub(crate) fn connection_info(&self) -> Object {
        let mut info = Object::new();
        info.insert("pg".to_string(), json!([self.uri()]));
        info.insert("pg_params".to_string(), json!([self.params()]));
        for list in ["pg_standby", "pg_syncing"] {
            info.insert(list.to_string(), Value::Array(Vec::new()));
        }
        for text in ["pg_bouncer", "pg_replica_uri"] {
            info.insert(text.to_string(), Value::from(""));
        }
        info
    }

    /// What listens.
    pub(crate) fn component(&self) -> Component {
        Component {
            component: "pg".to_string(),
            host: self.host.to_string(),
            port: self.port,
            route: "dynamic".to_string(),
            usage: "primary".to_string(),
            ssl: Some(true),
            path: None,
        }
    }
}

/// Everything but unreserved characters as escapes. (RFC 3986, "Unreserved Characters".)
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            // Writing into a String cannot fail.
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_holds_any_password_and_none_for_those_who_may_not_see_it() {
        let table = [
            (Some("fs1"), "127.0.0.1", "postgres://avnadmin:fs1@127.0.0.1:5/defaultdb?sslmode=require"),
            (Some("a:b@/ü"), "h", "postgres://avnadmin:a%3Ab%40%2F%C3%BC@h:5/defaultdb?sslmode=require"),
            (None, "::1", "postgres://avnadmin@[::1]:5/defaultdb?sslmode=require"),
        ];
        for (password, host, expect) in table {
            assert_eq!(Address { host, port: 5, user: "avnadmin", password }.uri(), expect);
        }
        let other = Address { host: "h", port: 5, user: "Op.s-1", password: None };
        assert_eq!(other.uri(), "postgres://Op.s-1@h:5/defaultdb?sslmode=require");
    }
}
