//! The options of a service as the JSON schema that clients read.
//!
//! Unmodified clients learn from it which options there are and how to parse them, so it is made of the very definitions
//! that are enforced. It may allow more than they do (a text has to mean something), never less.

use farshore_control::config::{Definition, Kind, Schema, Text};
use serde_json::{Map, Value, json};

use crate::wire::common::Object;

/// The schema of one type's `user_config`. Every option can be null, which resets it.
pub fn user_config(schema: &Schema) -> Object {
    let mut root = object(schema.definitions());
    root.insert("title".to_string(), Value::from(format!("Options of {}", schema.service_type().product())));
    root
}

fn object(definitions: &[Definition]) -> Object {
    let properties: Map<String, Value> =
        definitions.iter().map(|definition| (definition.name.to_string(), property(definition))).collect();
    let mut schema = Map::new();
    schema.insert("type".to_string(), Value::from("object"));
    schema.insert("additionalProperties".to_string(), Value::from(false));
    schema.insert("properties".to_string(), Value::Object(properties));
    schema
}

fn property(definition: &Definition) -> Value {
    let mut schema = kind(&definition.kind);
    make_nullable(&mut schema);
    schema.insert("title".to_string(), Value::from(definition.title));
    let explanation = definition.explanation();
    if !explanation.is_empty() {
        schema.insert("description".to_string(), Value::from(explanation));
    }
    if let Some(fallback) = definition.fallback.value() {
        schema.insert("default".to_string(), fallback);
    }
    if definition.create_only {
        schema.insert("createOnly".to_string(), Value::from(true));
    }
    if definition.secret {
        schema.insert("writeOnly".to_string(), Value::from(true));
    }
    Value::Object(schema)
}

fn make_nullable(schema: &mut Object) {
    if let Some(plain) = schema.get_mut("type") {
        *plain = json!([plain.take(), "null"]);
    }
    if let Some(Value::Array(allowed)) = schema.get_mut("enum") {
        allowed.push(Value::Null);
    }
}

fn kind(kind: &Kind) -> Object {
    let schema = match kind {
        Kind::Text(text) => return self::text(text),
        Kind::Choice(_) | Kind::Version(_) => json!({"type": "string", "enum": kind.choices().unwrap_or_default()}),
        Kind::Integer { min, max, also: None } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Integer { min, max, also: Some(also) } => json!({
            "type": "integer",
            "minimum": min.min(also),
            "maximum": max.max(also),
            "anyOf": [{"minimum": min, "maximum": max}, {"const": also}],
        }),
        Kind::IntegerChoice(numbers) => json!({"type": "integer", "enum": numbers}),
        Kind::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::List { items, items_min: 0, items_max } => json!({
            "type": "array", "items": self::kind(items), "maxItems": items_max, "uniqueItems": true,
        }),
        Kind::List { items, items_min, items_max } => json!({
            "type": "array", "items": self::kind(items), "minItems": items_min, "maxItems": items_max, "uniqueItems": true,
        }),
        Kind::Object(inner) => return object(inner),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn text(text: &Text) -> Object {
    let mut schema = Map::new();
    schema.insert("type".to_string(), Value::from("string"));
    if text.length_min > 0 {
        schema.insert("minLength".to_string(), Value::from(text.length_min));
    }
    schema.insert("maxLength".to_string(), Value::from(text.length_max));
    schema.insert("pattern".to_string(), Value::from(text.pattern.expression()));
    schema
}
