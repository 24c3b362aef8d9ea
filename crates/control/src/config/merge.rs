//! How an update changes what a service has, like a JSON merge patch (RFC 7396): null takes away, what is not named stays,
//! objects merge key by key, lists are replaced.

use serde_json::{Map, Value};

/// `current` with `patch` applied. Objects that end up empty go; nulls remain nowhere.
pub fn merge(current: &Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = current.clone();
    for (key, value) in patch {
        match value {
            Value::Null => {
                merged.remove(key);
            }
            Value::Object(inner) => {
                let empty = Map::new();
                let before = current.get(key).and_then(Value::as_object).unwrap_or(&empty);
                let after = merge(before, inner);
                if after.is_empty() {
                    merged.remove(key);
                } else {
                    merged.insert(key.clone(), Value::Object(after));
                }
            }
            other => {
                merged.insert(key.clone(), without_nulls(other));
            }
        }
    }
    merged
}

/// The objects of a list lose their null keys; everything else is as it was.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        Value::Object(inner) => {
            let kept = inner.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_takes_away_what_is_not_named_stays_and_objects_merge_key_by_key() {
        let table = [
            (json!({"a": 1}), json!({}), json!({"a": 1})),
            (json!({"a": 1}), json!({"a": 2}), json!({"a": 2})),
            (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
            (json!({}), json!({"a": null}), json!({})),
            (json!({"pg": {"x": 1, "y": 2}}), json!({"pg": {"y": 3}}), json!({"pg": {"x": 1, "y": 3}})),
            (json!({"pg": {"x": 1, "y": 2}}), json!({"pg": {"x": null}}), json!({"pg": {"y": 2}})),
            (json!({"pg": {"x": 1}}), json!({"pg": {"x": null}}), json!({})),
            (json!({"pg": {"x": 1}}), json!({"pg": {}}), json!({"pg": {"x": 1}})),
            (json!({}), json!({"pg": {"x": null, "y": 1}}), json!({"pg": {"y": 1}})),
            (json!({"l": [1, 2]}), json!({"l": [3]}), json!({"l": [3]})),
            (json!({"l": [1]}), json!({"l": []}), json!({"l": []})),
            (json!({}), json!({"l": [{"a": null, "b": 1}]}), json!({"l": [{"b": 1}]})),
        ];
        for (current, patch, expect) in table {
            let merged = merge(current.as_object().unwrap(), patch.as_object().unwrap());
            assert_eq!(Value::Object(merged), expect, "{current} {patch}");
        }
    }
}
