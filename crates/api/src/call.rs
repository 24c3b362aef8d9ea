//! One request as a handler sees it: who calls, the names in the path, the query, the body.
//!
//! Everything from outside is text until a handler asks for it by type; what does not fit is refused with the place, the
//! value and what would be allowed.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use farshore_control::Control;
use farshore_control::services::Actor;
use farshore_types::access::Permission;
use farshore_types::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::gate::Caller;

/// The name of the path part that names the project. Every route that needs a permission in a project has it.
pub const PROJECT: &str = "project";

/// A request. Made by the server alone.
pub struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Option<Caller>,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
    pub(crate) document: Arc<[u8]>,
}

impl Call {
    /// What handlers work with.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Who calls. Fails on public routes, where nobody was asked.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| Error::bug("a public route asked who is calling"))
    }

    /// The use cases.
    pub fn control(&self) -> Result<&Control> {
        self.app.control()
    }

    /// The name under which the caller logs in.
    pub fn user(&self) -> Result<&str> {
        Ok(&self.caller()?.user)
    }

    /// The caller, as use cases want to know.
    pub fn actor(&self) -> Result<Actor> {
        Ok(Actor { user: self.caller()?.user.clone() })
    }

    /// The project in the path.
    pub fn project(&self) -> Result<&str> {
        self.path(PROJECT)
    }

    /// The service in the path.
    pub fn service(&self) -> Result<&str> {
        self.path("service")
    }

    /// Fails where the caller lacks a permission in the path's project, besides the one that the route needs.
    pub fn must(&self, permission: Permission) -> Result<()> {
        self.app.gate().may(self.caller()?, self.project()?, permission)
    }

    /// Whether the caller may see passwords in the path's project.
    pub fn sees_secrets(&self) -> Result<bool> {
        let caller = self.caller()?;
        Ok(self.app.gate().may(caller, self.project()?, Permission::SecretsRead).is_ok())
    }

    /// The part of the path that stands for `{name}` in the pattern, decoded.
    pub fn path(&self, name: &str) -> Result<&str> {
        let found = self.path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.ok_or_else(|| Error::bug(format!("the pattern of this route has no {name}")))
    }

    /// The same, parsed.
    pub fn parsed_path<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        self.path(name)?.parse().map_err(|error| Error::invalid(format!("{name} in the path: {error}")))
    }

    /// The first value of a name in the query. Names that nobody asks for are ignored.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same, parsed; `None` if it is absent.
    pub fn parsed_query<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        let parse = |text: &str| text.parse().map_err(|error| Error::invalid(format!("{name}={text}: {error}")));
        self.query(name).map(parse).transpose()
    }

    /// The body. An empty one is taken for an empty object.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        parse_body(&self.body)
    }

    /// Where the call comes from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// What the client calls itself; empty if it does not say.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The OpenAPI document of this server, as JSON.
    pub fn document(&self) -> &[u8] {
        &self.document
    }
}

fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let blank = body.iter().all(u8::is_ascii_whitespace);
    let body = if blank { b"{}".as_slice() } else { body };
    // Two passes: what is no JSON at all may hold anything, so only its place is told, never its words.
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Error::invalid(format!("the body is not JSON: wrong at line {} column {}", error.line(), error.column()))
    })?;
    if !value.is_object() {
        return Err(Error::invalid("the body must be a JSON object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let place = error.path().to_string();
        let what = error.into_inner().to_string();
        if place == "." { Error::invalid(what) } else { Error::invalid(format!("{place}: {what}")) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only parsed")]
    struct Window {
        dow: Day,
        hours: Vec<u8>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Day {
        Monday,
        Tuesday,
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only parsed")]
    struct Body {
        window: Window,
        note: Option<String>,
    }

    #[test]
    fn a_wrong_body_is_refused_with_its_place_its_value_and_what_is_allowed() {
        let check = |body: &str, parts: &[&str]| {
            let error = parse_body::<Body>(body.as_bytes()).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{body}: {error}");
        };
        check("", &["missing field `window`"]);
        check(r#"{"window":{"dow":"never","hours":[]}}"#, &["window.dow: ", "`never`", "`monday`", "`tuesday`"]);
        check(r#"{"window":{"dow":"monday","hours":[1,"x"]}}"#, &["window.hours[1]: ", "\"x\"", "expected u8"]);
        check(r#"{"window":{"dow":"monday","hours":[256]}}"#, &["window.hours[0]: ", "256"]);
        check(r#"{"note":"hidden"#, &["not JSON", "column 15"]);
        check("[1]", &["must be a JSON object"]);
        check("\"text\"", &["must be a JSON object"]);
    }

    #[test]
    fn keys_that_nobody_asked_for_and_nulls_are_accepted() {
        let body = br#"{"window":{"dow":"monday","hours":[1],"more":1},"note":null,"group_name":"default"}"#;
        assert!(parse_body::<Body>(body).is_ok());
    }
}
