//! What several nouns share: moments, secrets that come in, objects of any shape, answers without content.

use std::borrow::Cow;
use std::fmt;

use farshore_types::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// An object whose keys we do not fix.
pub type Object = Map<String, Value>;

/// A moment, written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A moment whose fraction is left out: clients read some moments with a pattern that knows none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(pub Timestamp);

impl Serialize for Second {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        let whole = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
        serializer.collect_str(&format_args!("{whole}Z"))
    }
}

impl JsonSchema for Second {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Second".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Time::json_schema(generator)
    }
}

/// A text that must not be shown again: neither in an error about it nor by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text. Whoever asks keeps it out of errors and logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Secret(text)),
            _ => Err(D::Error::custom("expected a string")),
        }
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "password"})
    }
}

/// It is done, and there is nothing to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nothing {}

/// It is done, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Message {
    /// What was done.
    pub message: String,
}

/// Somebody to be told about technical matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TechEmail {
    /// The address.
    pub email: String,
}

/// The addresses alone, if any were given.
pub fn addresses(given: Option<Vec<TechEmail>>) -> Option<Vec<String>> {
    given.map(|given| given.into_iter().map(|one| one.email).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_neither_in_its_debug_nor_in_an_error_about_it() {
        let secret: Secret = serde_json::from_str("\"hush\"").unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("hush", "Secret"));
        let error = serde_json::from_str::<Secret>("[\"hush\"]").unwrap_err().to_string();
        assert!(error.contains("expected a string") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn a_time_is_written_as_rfc_3339_in_utc() {
        let time = Time(Timestamp::parse_or_utc("2026-11-20 10:00:00").unwrap());
        let text = serde_json::to_string(&time).unwrap();
        assert!(text.starts_with("\"2026-11-20T10:00:00") && text.ends_with("Z\""), "{text}");
    }

    #[test]
    fn a_moment_of_whole_seconds_is_written_without_a_fraction() {
        for (moment, expected) in [
            ("2027-11-12T00:00:00Z", "\"2027-11-12T00:00:00Z\""),
            ("2027-11-12T00:00:00.999999Z", "\"2027-11-12T00:00:00Z\""),
        ] {
            let text = serde_json::to_string(&Second(moment.parse().unwrap())).unwrap();
            assert_eq!(text, expected);
        }
    }
}
