//! Options as they are typed (`-c key=value`) to JSON, by the schema that the platform serves. Bounds and patterns are the platform's to
//! check: it says better what is allowed.

use farshore_types::{Error, Result};
use serde_json::{Map, Value};

/// Groups inside groups that are looked into.
const DEPTH_MAX: usize = 8;

/// Values of the options, each converted to the type that the schema gives it. `reset` are set to null.
pub fn parse(pairs: &[String], reset: &[String], schema: &Value) -> Result<Map<String, Value>> {
    let mut options = Map::new();
    for pair in pairs {
        let (key, text) = pair.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
            Error::invalid(format!("-c {pair}: there is no value"))
                .hint("write -c key=value, for example -c backup_hour=3")
        })?;
        let (path, found) = place(key, schema);
        let value = match found {
            Some(schema) => typed(key, text, schema)?,
            None => guessed(text),
        };
        put(&mut options, &path, value)?;
    }
    for key in reset {
        put(&mut options, &place(key, schema).0, Value::Null)?;
    }
    Ok(options)
}

/// Where an option stands: an option may have a dot in its name, or be inside a group.
fn place<'a, 's>(key: &'a str, schema: &'s Value) -> (Vec<&'a str>, Option<&'s Value>) {
    let (mut path, mut rest, mut group) = (Vec::new(), key, schema);
    for _ in 0..DEPTH_MAX {
        let properties = group.get("properties");
        if let Some(found) = properties.and_then(|properties| properties.get(rest)) {
            path.push(rest);
            return (path, Some(found));
        }
        let Some((first, more)) = rest.split_once('.') else { break };
        let Some(inner) = properties.and_then(|properties| properties.get(first)) else { break };
        path.push(first);
        (rest, group) = (more, inner);
    }
    path.push(rest);
    (path, None)
}

fn put(options: &mut Map<String, Value>, path: &[&str], value: Value) -> Result<()> {
    let Some((last, groups)) = path.split_last() else { return Ok(()) };
    let mut inside = options;
    for group in groups {
        let entry = inside.entry((*group).to_string()).or_insert_with(|| Value::Object(Map::new()));
        inside = entry.as_object_mut().ok_or_else(|| {
            Error::invalid(format!("option {} is given twice, as a group and as a value", path.join(".")))
        })?;
    }
    inside.insert((*last).to_string(), value);
    Ok(())
}

/// The first type of the schema that the text can be.
fn typed(key: &str, text: &str, schema: &Value) -> Result<Value> {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(guessed(text)),
    };
    for word in ["null", "integer", "number", "boolean", "array", "object", "string"] {
        if types.contains(&word)
            && let Some(value) = as_type(word, text)
        {
            return Ok(value);
        }
    }
    let allowed = types.join(" or ");
    Err(Error::invalid(format!("option {key} takes {allowed}, not {text:?}")))
}

fn as_type(word: &str, text: &str) -> Option<Value> {
    let json = || serde_json::from_str::<Value>(text).ok();
    match word {
        "null" => (text == "null").then_some(Value::Null),
        "integer" => text.parse::<i64>().ok().map(Value::from),
        "number" => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        "boolean" => match text {
            "true" | "1" | "on" | "yes" => Some(Value::Bool(true)),
            "false" | "0" | "off" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        // Others write lists as Python does: with single quotes.
        "array" if text.starts_with('[') => {
            json().or_else(|| serde_json::from_str(&text.replace('\'', "\"")).ok()).filter(Value::is_array)
        }
        "array" => Some(text.split(',').filter(|item| !item.is_empty()).map(|item| Value::from(item.trim())).collect()),
        "object" => json().filter(Value::is_object),
        _ => Some(Value::from(text)),
    }
}

/// A value whose type nobody knows; the platform says what is wrong with its name.
fn guessed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"properties": {
            "backup_hour": {"type": ["integer", "null"]},
            "pg_version": {"type": "string"},
            "ratio": {"type": "number"},
            "additional_backup_regions": {"type": "array", "items": {"type": "string"}},
            "pg": {"type": "object", "properties": {
                "work_mem": {"type": "integer"}, "jit": {"type": "boolean"}, "log.line": {"type": "string"},
            }},
        }})
    }

    fn parsed(pairs: &[&str], reset: &[&str]) -> Result<Value> {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_string()).collect::<Vec<_>>();
        parse(&owned(pairs), &owned(reset), &schema()).map(Value::Object)
    }

    #[test]
    fn a_value_gets_the_type_that_the_schema_says() {
        for (pair, expect) in [
            ("backup_hour=3", json!({"backup_hour": 3})),
            ("backup_hour=null", json!({"backup_hour": null})),
            ("pg_version=16", json!({"pg_version": "16"})),
            ("pg_version=null", json!({"pg_version": "null"})),
            ("ratio=0.5", json!({"ratio": 0.5})),
            ("pg.work_mem=8", json!({"pg": {"work_mem": 8}})),
            ("pg.jit=off", json!({"pg": {"jit": false}})),
            ("pg.log.line=a=b", json!({"pg": {"log.line": "a=b"}})),
            ("additional_backup_regions=['local-south']", json!({"additional_backup_regions": ["local-south"]})),
            ("additional_backup_regions=local-south", json!({"additional_backup_regions": ["local-south"]})),
            ("additional_backup_regions=[]", json!({"additional_backup_regions": []})),
            ("unknown=true", json!({"unknown": true})),
            ("unknown=x y", json!({"unknown": "x y"})),
            ("pg.unknown=5", json!({"pg": {"unknown": 5}})),
        ] {
            assert_eq!(parsed(&[pair], &[]).unwrap(), expect, "{pair}");
        }
    }

    #[test]
    fn several_options_of_a_group_stand_together_and_a_reset_is_null() {
        let expect = json!({"pg": {"work_mem": 8, "jit": null}, "backup_hour": null});
        assert_eq!(parsed(&["pg.work_mem=8"], &["pg.jit", "backup_hour"]).unwrap(), expect);
    }

    #[test]
    fn what_cannot_be_such_a_value_is_named() {
        for (pair, expect) in [
            ("backup_hour=soon", "option backup_hour takes integer or null, not \"soon\""),
            ("pg.jit=maybe", "option pg.jit takes boolean"),
            ("backup_hour", "there is no value"),
            ("=3", "there is no value"),
        ] {
            let error = parsed(&[pair], &[]).unwrap_err();
            assert!(error.message().contains(expect), "{error}");
        }
        assert!(parsed(&["pg=5", "pg.jit=on"], &[]).is_err());
    }
}
