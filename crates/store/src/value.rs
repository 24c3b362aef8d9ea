//! What is bound to a placeholder: one of three types, or nothing.

use farshore_types::{ServiceId, Timestamp};

/// A value of a column. The three types that both databases treat alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// BIGINT: numbers, moments in microseconds, truths as 0 and 1.
    Int(i64),
    /// TEXT, without the character 0, which PostgreSQL does not store.
    Text(String),
    /// BYTEA or BLOB.
    Bytes(Vec<u8>),
    /// Nothing.
    Null,
}

impl Value {
    /// The type's name in messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Int(_) => "a number",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::Null => "nothing",
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Int(i64::from(number))
    }
}

/// Sizes and counts. None that is stored comes near the largest BIGINT, 8 EiB; beyond, that one is stored.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Int(i64::from(truth))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_string())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.to_vec())
    }
}

impl From<&Vec<u8>> for Value {
    fn from(bytes: &Vec<u8>) -> Self {
        Value::Bytes(bytes.clone())
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Value::Int(moment.micros())
    }
}

impl From<&ServiceId> for Value {
    fn from(id: &ServiceId) -> Self {
        Value::Text(id.as_str().to_string())
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        Value::Text(json.to_string())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// The values of the placeholders `$1`, `$2`, ... in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::value::Value::from($value)),*] };
}
pub(crate) use values;
