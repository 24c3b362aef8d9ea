//! What is told of them and noted on them: events, tags, integrations, letters.

use std::collections::BTreeMap;

use farshore_store::tags::Owner;
use farshore_store::{events, integrations, outbox, tags};
use serde_json::json;

use super::{at, begin};
use crate::places::each;

#[test]
fn events_come_newest_first_also_when_the_clock_was_set_back() {
    let event = |number: i64| events::Event {
        id: number.to_string(),
        project_id: "p".to_string(),
        at: at(-number),
        actor: "ada@example.org".to_string(),
        event_type: "service_create".to_string(),
        service_name: Some("db".to_string()),
        text: "created".to_string(),
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                (1..=4).try_for_each(|number| events::insert(tx, &event(number)))?;
                assert_eq!(events::of_project(tx, "p", 2)?, [event(4), event(3)]);
                assert_eq!(events::delete_before(tx, at(-2))?, 2);
                assert_eq!(events::of_project(tx, "p", 9)?, [event(2), event(1)]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn tags_are_merged_and_replaced_for_one_owner() {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                let (one, other) = (Owner::Service("x"), Owner::Project("x"));
                tags::replace(tx, one, &map(&[("a", "1"), ("b", "2")]))?;
                tags::replace(tx, other, &map(&[("z", "1")]))?;
                let changes = [("b", None), ("a", Some("3")), ("c", Some(""))];
                let changes = changes.map(|(key, value)| (key.to_string(), value.map(str::to_string)));
                tags::merge(tx, one, &BTreeMap::from(changes))?;
                assert_eq!(tags::list(tx, one)?, map(&[("a", "3"), ("c", "")]));
                tags::replace(tx, one, &map(&[]))?;
                assert!(tags::list(tx, one)?.is_empty());
                assert_eq!(tags::list(tx, other)?, map(&[("z", "1")]));
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn integrations_go_with_their_service() {
    let integration = |id: &str, source: &str| integrations::Integration {
        id: id.to_string(),
        project_id: "p".to_string(),
        integration_type: "metrics".to_string(),
        source_service: Some(source.to_string()),
        dest_service: None,
        source_endpoint: None,
        dest_endpoint: Some("e".to_string()),
        user_config: json!({}),
        created_at: at(1),
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                integrations::insert(tx, &integration("1", "db"))?;
                integrations::insert(tx, &integration("2", "other"))?;
                assert_eq!(integrations::of_project(tx, "p", 1)?, [integration("1", "db")]);
                assert!(integrations::configure(tx, "p", "2", &json!({"a": 1}))?);
                assert_eq!(integrations::get(tx, "p", "2")?.unwrap().user_config, json!({"a": 1}));
                assert_eq!(integrations::get(tx, "q", "2")?, None);
                assert_eq!(integrations::delete_of_service(tx, "p", "db")?, 1);
                assert!(integrations::delete(tx, "p", "2")? && !integrations::delete(tx, "p", "2")?);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_message_is_written_once_for_its_key_and_due_until_it_is_delivered_or_given_up() {
    let message = |id: &str, key: &str| outbox::Message {
        id: id.to_string(),
        kind: "mail".to_string(),
        unique_key: key.to_string(),
        payload: json!({"to": "ada@example.org"}),
        due_at: at(10),
        tries: 0,
        delivered_at: None,
        given_up_at: None,
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                assert!(outbox::insert(tx, &message("1", "a"))?);
                assert!(!outbox::insert(tx, &message("2", "a"))?);
                assert!(outbox::insert(tx, &message("3", "b"))?);
                assert_eq!(outbox::due(tx, at(10), 9)?, [message("1", "a"), message("3", "b")]);
                assert!(outbox::due(tx, at(9), 9)?.is_empty());
                assert!(outbox::put_off(tx, "1", at(20))?);
                assert!(outbox::delivered(tx, "3", at(11))? && !outbox::delivered(tx, "3", at(12))?);
                assert_eq!(outbox::by_key(tx, "a")?.unwrap().tries, 1);
                assert!(outbox::due(tx, at(19), 9)?.is_empty());
                assert_eq!((outbox::waiting(tx, 9)?, outbox::waiting(tx, 0)?), (1, 0));
                assert!(outbox::given_up(tx, "1", at(21))? && !outbox::given_up(tx, "1", at(22))?);
                assert!(!outbox::given_up(tx, "3", at(21))? && outbox::due(tx, at(30), 9)?.is_empty());
                assert_eq!(outbox::waiting(tx, 9)?, 0);
                assert_eq!(outbox::delete_ended(tx, at(12))?, 1);
                assert!(outbox::insert(tx, &message("4", "b"))? && !outbox::insert(tx, &message("5", "a"))?);
                assert_eq!(outbox::delete_ended(tx, at(22))?, 1);
                Ok(())
            })
            .unwrap();
    });
}
