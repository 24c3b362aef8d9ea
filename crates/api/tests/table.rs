//! The table of routes as a whole: it contradicts itself nowhere, and what is made of it is kept in files that a reader of a
//! change sees. `FARSHORE_BLESS=1 cargo test -p farshore-api --test table` writes them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's tools may fail loudly")]

use std::path::Path;

use farshore_api::{matrix, openapi, route, routes};
use serde_json::Value;

fn check_file(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api").join(name);
    if std::env::var_os("FARSHORE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let different = kept.lines().zip(text.lines()).position(|(old, new)| old != new);
    assert!(
        kept == text,
        "docs/api/{name} differs, first in line {different:?}: run with FARSHORE_BLESS=1, read the diff"
    );
}

#[test]
fn the_table_contradicts_itself_nowhere() {
    let table = routes::table();
    assert_eq!(route::faults(&table), Vec::<String>::new());
    assert_eq!(openapi::ambiguous(&table), Vec::<String>::new());
}

#[test]
fn the_document_is_the_committed_one_and_its_references_lead_somewhere() {
    let document = openapi::document(&routes::table());
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    let references = text.split("\"$ref\": \"#").skip(1).filter_map(|rest| rest.split('"').next());
    let lost: Vec<&str> = references.filter(|pointer| document.pointer(pointer).is_none()).collect();
    assert_eq!(lost, Vec::<&str>::new());
    check_file("openapi.json", &text);
}

#[test]
fn which_role_may_what_is_the_committed_matrix() {
    check_file("roles.txt", &matrix::matrix(&routes::table()));
}

#[test]
fn every_operation_says_what_it_answers() {
    let document = openapi::document(&routes::table());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{place}");
            let failure = &operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(failure, &Value::from("#/components/schemas/Errors"), "{place}");
        }
    }
}
