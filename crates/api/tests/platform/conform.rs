//! An answer held against the OpenAPI document: every required key is there, none that is not described, each of its type.

use serde_json::Value;

use crate::client::Reply;

/// Checks a successful answer. Routes whose answer is not described are left alone.
pub fn check(document: &Value, method: &str, pattern: &str, reply: &Reply) {
    let operation = &document["paths"][pattern][method.to_ascii_lowercase()];
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    if schema.is_null() {
        return;
    }
    assert_eq!(reply.header("content-type"), Some("application/json"), "{method} {pattern}");
    let mut faults = Vec::new();
    conform(document, schema, &reply.json(), "answer", &mut faults);
    assert_eq!(faults, Vec::<String>::new(), "{method} {pattern}");
}

fn conform(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        return conform(document, document.pointer(pointer).unwrap(), value, place, faults);
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = |choice: &&Value| {
            let mut faults = Vec::new();
            conform(document, choice, value, place, &mut faults);
            faults.is_empty()
        };
        if choices.iter().find(fits).is_none() {
            faults.push(format!("{place}: {value} fits nowhere"));
        }
        return;
    }
    if !is_of_type(&schema["type"], value) {
        return faults.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        conform(document, &schema["items"], item, &format!("{place}[{index}]"), faults);
    }
    let Some(object) = value.as_object() else { return };
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(key) {
            faults.push(format!("{place}.{key} is not there"));
        }
    }
    for (key, value) in object {
        let place = format!("{place}.{key}");
        match (schema["properties"].get(key), schema.get("additionalProperties")) {
            (Some(schema), _) => conform(document, schema, value, &place, faults),
            (None, Some(rest)) if rest.is_object() => conform(document, rest, value, &place, faults),
            (None, Some(Value::Bool(true))) => {}
            (None, None) if schema.get("properties").is_none() => {}
            (None, _) => faults.push(format!("{place} is not described")),
        }
    }
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match wanted {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}
