//! One row of a result, read by column name. What is not what the column should hold is damage, named by its column.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use farshore_types::{Error, Result, Timestamp};

use crate::value::Value;

/// A row. The names are shared by all rows of a result.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A row; names and values stand in the same order.
    pub fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Row { columns, values }
    }

    fn get(&self, column: &str) -> Result<&Value> {
        let position = self.columns.iter().position(|name| name == column);
        position
            .and_then(|position| self.values.get(position))
            .ok_or_else(|| Error::bug(format!("the statement returns no column {column}")))
    }

    /// A number.
    pub fn int(&self, column: &str) -> Result<i64> {
        self.int_or_null(column)?.ok_or_else(|| wrong(column, &Value::Null))
    }

    /// A number or nothing.
    pub fn int_or_null(&self, column: &str) -> Result<Option<i64>> {
        match self.get(column)? {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            other => Err(wrong(column, other)),
        }
    }

    /// A number that is not negative and fits the type.
    pub fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        let number = self.int(column)?;
        T::try_from(number)
            .map_err(|_| Error::corrupt(format!("column {column} holds {number}, which is out of range")))
    }

    /// 0 or 1.
    pub fn flag(&self, column: &str) -> Result<bool> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(Error::corrupt(format!("column {column} holds {number}, neither 0 nor 1"))),
        }
    }

    /// A moment.
    pub fn time(&self, column: &str) -> Result<Timestamp> {
        Ok(Timestamp::from_micros(self.int(column)?))
    }

    /// A moment or nothing.
    pub fn time_or_null(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.int_or_null(column)?.map(Timestamp::from_micros))
    }

    /// Text.
    pub fn text(&self, column: &str) -> Result<String> {
        self.text_or_null(column)?.ok_or_else(|| wrong(column, &Value::Null))
    }

    /// Text or nothing.
    pub fn text_or_null(&self, column: &str) -> Result<Option<String>> {
        match self.get(column)? {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Null => Ok(None),
            other => Err(wrong(column, other)),
        }
    }

    /// Text that a type reads.
    pub fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        parse(column, &self.text(column)?)
    }

    /// Text that a type reads, or nothing.
    pub fn parsed_or_null<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>> {
        self.text_or_null(column)?.map(|text| parse(column, &text)).transpose()
    }

    /// JSON.
    pub fn json(&self, column: &str) -> Result<serde_json::Value> {
        parse(column, &self.text(column)?)
    }

    /// JSON or nothing.
    pub fn json_or_null(&self, column: &str) -> Result<Option<serde_json::Value>> {
        self.text_or_null(column)?.map(|text| parse(column, &text)).transpose()
    }

    /// Bytes.
    pub fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        self.bytes_or_null(column)?.ok_or_else(|| wrong(column, &Value::Null))
    }

    /// Bytes or nothing.
    pub fn bytes_or_null(&self, column: &str) -> Result<Option<Vec<u8>>> {
        match self.get(column)? {
            Value::Bytes(bytes) => Ok(Some(bytes.clone())),
            Value::Null => Ok(None),
            other => Err(wrong(column, other)),
        }
    }
}

/// The text itself stays out of the message: it may be a secret.
fn parse<T: FromStr<Err: Display>>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::corrupt(format!("column {column} cannot be read")))
}

fn wrong(column: &str, found: &Value) -> Error {
    Error::corrupt(format!("column {column} holds {}", found.type_name()))
}

#[cfg(test)]
mod tests {
    use farshore_types::{ErrorKind, ServiceId};

    use super::*;

    fn row(value: Value) -> Row {
        Row::new(Arc::from(["x".to_string()]), vec![value])
    }

    #[test]
    fn what_a_column_should_not_hold_is_damage_that_names_the_column() {
        let check = |error: Error| {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.message().contains("column x"), "{error}");
        };
        check(row(Value::Text("1".into())).int("x").unwrap_err());
        check(row(Value::Null).int("x").unwrap_err());
        check(row(Value::Int(1)).text("x").unwrap_err());
        check(row(Value::Int(1)).bytes("x").unwrap_err());
        check(row(Value::Int(2)).flag("x").unwrap_err());
        check(row(Value::Int(-1)).count::<u64>("x").unwrap_err());
        check(row(Value::Text("{".into())).json("x").unwrap_err());
        check(row(Value::Text("Upper".into())).parsed::<ServiceId>("x").unwrap_err());
        assert_eq!(row(Value::Int(1)).int("y").unwrap_err().kind(), ErrorKind::Bug);
    }

    #[test]
    fn what_is_stored_is_read_back() {
        assert_eq!(row(Value::Int(7)).count::<u8>("x").unwrap(), 7);
        assert!(row(Value::Int(1)).flag("x").unwrap());
        assert_eq!(row(Value::Null).text_or_null("x").unwrap(), None);
        assert_eq!(row(Value::Text("[1]".into())).json("x").unwrap(), serde_json::json!([1]));
        assert_eq!(row(Value::Bytes(vec![0])).bytes("x").unwrap(), [0]);
    }
}
