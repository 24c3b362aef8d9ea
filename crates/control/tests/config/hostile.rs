//! No accepted text can add a line or end its quotes where it is written into a file.

use farshore_control::config::{Kind, Purpose};
use farshore_types::ServiceType;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::definitions::all;
use crate::schema;

/// Whether a text could do harm in a configuration file, a command or a log.
fn harmful(text: &str) -> bool {
    text.contains(|c: char| c.is_control() || "'\"\\`$#;\u{2028}\u{2029}".contains(c))
}

/// All texts inside a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// The value at a path: objects around it, a list if the option is one.
fn at_path(path: &str, kind: &Kind, text: &str) -> Value {
    let leaf = if matches!(kind, Kind::List { .. }) { json!([text]) } else { json!(text) };
    path.rsplit('.')
        .fold(leaf, |inner, key| if key == "namespaces" { json!({key: [inner]}) } else { json!({key: inner}) })
}

#[test]
fn no_character_of_any_pattern_is_harmful() {
    for service_type in ServiceType::ALL {
        for (path, definition) in all(service_type) {
            let kind = if let Kind::List { items, .. } = definition.kind { *items } else { definition.kind };
            let Kind::Text(text) = kind else { continue };
            for character in (0..0x3000).chain([0xfeff, 0x1f600]).filter_map(char::from_u32) {
                if !harmful(&character.to_string()) {
                    continue;
                }
                for hostile in [format!("{character}"), format!("a{character}"), format!("1{character}a")] {
                    assert!(!text.pattern.matches(&hostile), "{service_type} {path} {hostile:?}");
                }
            }
        }
    }
}

#[test]
fn no_choice_is_harmful() {
    for service_type in ServiceType::ALL {
        for (path, definition) in all(service_type) {
            for choice in definition.kind.choices().unwrap_or_default() {
                assert!(!harmful(choice), "{service_type} {path} {choice:?}");
            }
        }
    }
}

fn hostile_text() -> impl Strategy<Value = String> {
    let word = "[a-zA-Z0-9][-a-zA-Z0-9/_.:]{0,12}";
    let piece = prop_oneof![
        Just("\n".to_string()),
        Just("'\ninclude 'x'".to_string()),
        Just("\\'".to_string()),
        Just("\r".to_string()),
        Just("\0".to_string()),
        Just("$(id)".to_string()),
        Just("\u{85}".to_string()),
        Just(String::new()),
        any::<char>().prop_map(String::from),
        Just("10.0.0.0/8".to_string()),
        Just("2025-07-01 15:16:22".to_string()),
    ];
    (word, piece, "[-a-z0-9/_.]{0,8}", any::<bool>()).prop_map(|(head, piece, tail, piece_first)| {
        if piece_first { format!("{piece}{tail}") } else { format!("{head}{piece}{tail}") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_accepted_text_is_harmful_wherever_it_is_given(text in hostile_text()) {
        for service_type in [ServiceType::Pg, ServiceType::Cassandra, ServiceType::M3db, ServiceType::Redis] {
            let schema = schema(service_type);
            for (path, definition) in all(service_type) {
                let given = at_path(&path, &definition.kind, &text);
                if let Ok(config) = schema.validate(&given, Purpose::Create) {
                    let map = Value::Object(config.map().clone());
                    prop_assert!(texts(&map).iter().all(|text| !harmful(text)), "{} {:?}", path, text);
                    for (name, value) in schema.settings(&config) {
                        prop_assert!(!harmful(&value) && !harmful(&name), "{} {:?}", name, value);
                    }
                }
            }
        }
    }

    #[test]
    fn an_update_given_twice_changes_nothing_the_second_time(
        hours in prop::collection::vec(prop::option::of(-1i64..26), 2),
        limits in prop::collection::vec(prop::option::of(-2i64..5), 2),
    ) {
        let pg = schema(ServiceType::Pg);
        let given = |at: usize| json!({"backup_hour": hours[at], "pg": {"temp_file_limit": limits[at], "jit": true}});
        let Ok(first) = pg.validate(&given(0), Purpose::Create) else { return Ok(()) };
        if let Ok(second) = pg.validate(&given(1), Purpose::Update { current: &first }) {
            prop_assert_eq!(second.integer("backup_hour"), hours[1]);
            prop_assert_eq!(&pg.validate(&given(1), Purpose::Update { current: &second }).unwrap(), &second);
            prop_assert!(!second.to_text().contains("null"));
        }
    }
}
