//! The served schema of the options against what is enforced, and against how clients walk through it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's tools may fail loudly")]

use farshore_api::schema::user_config;
use farshore_control::config::{Limits, Purpose, Schema};
use farshore_types::ServiceType;
use serde_json::{Map, Value, json};

fn schemas() -> impl Iterator<Item = (Schema, Map<String, Value>)> {
    ServiceType::ALL.into_iter().map(|service_type| {
        let schema = Schema::of(service_type, &Limits::default());
        let served = user_config(&schema);
        (schema, served)
    })
}

/// Whether a value fits a schema, by the words that we serve; patterns are left out.
fn fits(schema: &Value, value: &Value) -> bool {
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    let named = |name: &str| match name {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => schema["type"].is_null(),
    };
    let length = value.as_str().map(|text| text.chars().count() as f64);
    let items = value.as_array().map(|items| items.len() as f64);
    let below = |limit: &str, actual: Option<f64>| match (schema[limit].as_f64(), actual) {
        (Some(limit), Some(actual)) => actual <= limit,
        _ => true,
    };
    let above = |limit: &str, actual: Option<f64>| match (schema[limit].as_f64(), actual) {
        (Some(limit), Some(actual)) => actual >= limit,
        _ => true,
    };
    types.iter().any(|one| named(one.as_str().unwrap_or("")))
        && above("minimum", value.as_f64())
        && below("maximum", value.as_f64())
        && above("minLength", length)
        && below("maxLength", length)
        && above("minItems", items)
        && below("maxItems", items)
        && schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value))
        && (schema["const"].is_null() || schema["const"] == *value)
        && schema["anyOf"].as_array().is_none_or(|any| any.iter().any(|one| fits(one, value)))
        && value.as_array().is_none_or(|values| values.iter().all(|one| fits(&schema["items"], one)))
}

/// Values around the edges of a schema, and some of other types.
fn samples(schema: &Value) -> Vec<Value> {
    let mut samples = vec![json!(null), json!(true), json!("a"), json!(""), json!(3), json!(-7), json!(0.5), json!([])];
    for limit in ["minimum", "maximum"] {
        if let Some(edge) = schema[limit].as_i64() {
            samples.extend([edge.saturating_sub(1), edge, edge.saturating_add(1)].map(Value::from));
        }
    }
    for any in schema["anyOf"].as_array().into_iter().flatten() {
        samples.extend(["minimum", "maximum", "const"].iter().filter_map(|name| any.get(*name).cloned()));
        samples.extend(any["minimum"].as_i64().map(|edge| Value::from(edge - 1)));
    }
    samples.extend(schema["enum"].as_array().cloned().unwrap_or_default());
    if let Some(length) = schema["maxLength"].as_u64().and_then(|length| usize::try_from(length).ok()) {
        samples.extend([length, length + 1].map(|length| Value::from("a".repeat(length))));
    }
    if schema["items"].is_object() {
        samples.extend([json!(["a"]), json!(["a", "b"]), json!([1]), json!([null])]);
    }
    samples
}

/// Checks one option and gives how many samples were accepted by the enforcement.
fn check(schema: &Schema, path: &[&str], served: &Value) -> usize {
    let mut accepted = 0;
    for sample in samples(served) {
        let given = path.iter().rev().fold(sample.clone(), |inner, name| json!({*name: inner}));
        let enforced = schema.validate(&given, Purpose::Create).is_ok();
        accepted += usize::from(enforced && !sample.is_null());
        assert!(!enforced || fits(served, &sample), "{path:?} accepts {sample}, which {served} does not");
        let by_form = ["integer", "number", "boolean"].iter().any(|kind| served["type"][0] == *kind);
        let later = served["description"].as_str().is_some_and(|text| text.contains("refused for now"));
        if by_form && !later && served["enum"].is_null() {
            assert_eq!(enforced, fits(served, &sample), "{path:?}: {sample}, {served}");
        }
    }
    accepted
}

#[test]
fn what_is_enforced_and_what_is_served_agree_at_every_edge() {
    let mut accepted = 0;
    for (schema, served) in schemas() {
        for (name, option) in served["properties"].as_object().unwrap() {
            match option["properties"].as_object() {
                None => accepted += check(&schema, &[name], option),
                Some(inner) => {
                    for (key, option) in inner {
                        accepted += check(&schema, &[name, key], option);
                    }
                }
            }
        }
    }
    assert!(accepted > 200, "only {accepted} samples were accepted");
}

#[test]
fn clients_find_a_title_a_type_and_a_way_back_for_every_option() {
    fn walk(place: &str, schema: &Map<String, Value>) {
        for (name, option) in schema["properties"].as_object().unwrap() {
            let place = format!("{place}.{name}");
            let types = option["type"].as_array().unwrap_or_else(|| panic!("{place} has no list of types"));
            assert!(types.contains(&json!("null")) && types.len() == 2, "{place}: {types:?}");
            assert!(option["title"].as_str().is_some_and(|title| !title.is_empty()), "{place}");
            assert_eq!(option["type"][0] == "array", option["items"]["type"].is_string(), "{place}");
            if option["properties"].is_object() {
                walk(&place, option.as_object().unwrap());
            }
        }
    }
    for (schema, served) in schemas() {
        assert_eq!((&served["type"], &served["additionalProperties"]), (&json!("object"), &json!(false)));
        walk(schema.service_type().name(), &served);
    }
}

#[test]
fn the_documented_options_of_postgresql_are_served_with_their_bounds() {
    let schema = Schema::of(ServiceType::Pg, &Limits { additional_backup_regions_max: 3 });
    let served = user_config(&schema);
    let options = &served["properties"];
    let hour = &options["backup_hour"];
    assert_eq!(
        (&hour["type"], &hour["minimum"], &hour["maximum"]),
        (&json!(["integer", "null"]), &json!(0), &json!(23))
    );
    let regions = &options["additional_backup_regions"];
    assert_eq!((&regions["type"], &regions["maxItems"]), (&json!(["array", "null"]), &json!(3)));
    assert_eq!(regions["items"]["type"], "string");
    assert_eq!(options["service_to_fork_from"]["createOnly"], true);
    assert_eq!(options["admin_password"]["writeOnly"], true);
    for name in ["recovery_target_time", "recovery_basebackup_name", "backup_retention_days", "backup_minute"] {
        assert!(options[name].is_object(), "{name}");
    }
}
