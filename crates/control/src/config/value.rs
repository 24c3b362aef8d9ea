//! The options of one service as they are kept: only what was set, without nulls, as it was validated.

use farshore_types::{Error, Result, Timestamp};
use serde_json::{Map, Value};

use super::merge::merge;

/// The options of one service. A key stands for itself, one inside an object for `object.key`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config(Map<String, Value>);

impl Config {
    /// What was validated or kept. Nothing is checked again: who upgrades the program keeps what the service has.
    pub fn from_map(map: Map<String, Value>) -> Config {
        Config(map)
    }

    /// What was written by [`Config::to_text`].
    ///
    /// # Errors
    /// `corrupt` if it is not a JSON object.
    pub fn from_text(text: &str) -> Result<Config> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Config(map)),
            _ => Err(Error::corrupt("the kept options of a service are not a JSON object")),
        }
    }

    /// As JSON in one line. Secrets are in it, unless they were taken out by `Schema::secrets_apart`.
    pub fn to_text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// As a JSON object.
    pub fn map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Both together, what `other` has wins.
    pub fn joined(&self, other: &Config) -> Config {
        Config(merge(&self.0, &other.0))
    }

    /// The value under a key, or under `object.key`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        match path.split_once('.') {
            None => self.0.get(path),
            Some((object, key)) => self.0.get(object)?.get(key),
        }
    }

    /// A text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// A whole number.
    pub fn integer(&self, path: &str) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    /// A number.
    pub fn number(&self, path: &str) -> Option<f64> {
        self.get(path)?.as_f64()
    }

    /// True or false.
    pub fn flag(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// The texts of a list; none if it is not set.
    pub fn texts(&self, path: &str) -> Vec<&str> {
        let items = self.get(path).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The service of which this one is a fork, under either of its documented keys.
    pub fn fork_source(&self) -> Option<&str> {
        let keys = ["service_to_fork_from", "pg_service_to_fork_from"];
        keys.into_iter().find_map(|key| self.text(key).filter(|name| !name.is_empty()))
    }

    /// The project of that service, if it is not the same one.
    pub fn fork_project(&self) -> Option<&str> {
        self.text("project_to_fork_from").filter(|name| !name.is_empty())
    }

    /// The moment that a fork should have; `None`: the newest.
    pub fn recovery_target_time(&self) -> Result<Option<Timestamp>> {
        self.text("recovery_target_time").map(Timestamp::parse_or_utc).transpose()
    }
}
