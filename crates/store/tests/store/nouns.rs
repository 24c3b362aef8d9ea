//! Each noun: what is written is read back, limits are kept, and what must not be changed is refused.

use std::collections::BTreeMap;

use farshore_store::tags::Owner;
use farshore_store::{
    Tx, backups, contacts, copies, events, integrations, invitations, members, outbox, projects, services, tags, taken,
    tokens, users, windows,
};
use farshore_types::{ErrorKind, ServiceId, Timestamp};
use serde_json::json;

use crate::places::each;

/// One change of a service.
type Change<'a> = &'a dyn Fn(&mut Tx<'_>) -> farshore_types::Result<()>;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn project(id: &str) -> projects::Project {
    projects::Project {
        id: id.to_string(),
        name: format!("name-{id}"),
        default_region: "local-north".to_string(),
        created_at: at(1),
        secrets: None,
    }
}

fn user(id: &str) -> users::User {
    users::User {
        id: id.to_string(),
        email: format!("{id}@example.org"),
        real_name: String::new(),
        password_hash: Some("$argon2id$".to_string()),
        created_at: at(1),
        tokens_valid_from: at(2),
    }
}

fn service(id: &str, name: &str) -> services::Service {
    services::Service {
        id: id.parse().unwrap(),
        project_id: "p".to_string(),
        name: name.to_string(),
        service_type: "pg".to_string(),
        plan: "startup-4".to_string(),
        region: "local-north".to_string(),
        backup_region: None,
        state: "REBUILDING".to_string(),
        powered: true,
        user_config: json!({"pg": {"work_mem": 4}}),
        disk_mb: 80_000,
        termination_protection: false,
        maintenance: None,
        generation: 1,
        sealed: Some(vec![0, 255]),
        facts: json!({}),
        forked_from: None,
        backup_hour: 23,
        backup_minute: 59,
        next_backup_at: None,
        off_since: None,
        created_at: at(1),
        updated_at: at(1),
        deleted_at: None,
        shredded_at: None,
    }
}

fn begin(tx: &mut Tx<'_>) {
    projects::insert(tx, &project("p")).unwrap();
    users::insert(tx, &user("ada")).unwrap();
}

#[test]
fn users_projects_and_members_are_found_and_changed() {
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                users::insert(tx, &user("bob"))?;
                let changed = users::User { real_name: "Ada".to_string(), tokens_valid_from: at(9), ..user("ada") };
                assert!(users::update(tx, &changed)?);
                assert_eq!(users::get(tx, "ada")?, Some(changed));
                assert!(!users::update(tx, &user("eve"))?);
                assert_eq!(users::list(tx, 1)?.len(), 1);

                let sealed = projects::Project { secrets: Some(vec![7]), ..project("p") };
                assert!(projects::update(tx, &sealed)?);
                assert_eq!(projects::by_name(tx, "name-p")?.as_ref(), Some(&sealed));
                projects::insert(tx, &project("q"))?;

                let role = |role: &str| members::Member {
                    project_id: "p".to_string(),
                    user_id: "ada".to_string(),
                    role: role.to_string(),
                };
                members::set(tx, &role("viewer"))?;
                members::set(tx, &role("owner"))?;
                assert_eq!(members::get(tx, "p", "ada")?, Some(role("owner")));
                assert_eq!(members::of_project(tx, "p", 9)?[0].email, "ada@example.org");
                assert_eq!(members::of_user(tx, "ada", 9)?, [role("owner")]);
                assert_eq!(projects::of_user(tx, "ada", 9)?, [sealed]);
                assert!(members::remove(tx, "p", "ada")? && !members::remove(tx, "p", "ada")?);
                assert!(projects::delete(tx, "q")? && !projects::delete(tx, "q")?);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn an_invitation_is_one_for_each_project_and_address() {
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                projects::insert(tx, &project("q"))?;
                let one = |project: &str, email: &str, role: &str, micros: i64| invitations::Invitation {
                    project_id: project.to_string(),
                    email: email.to_string(),
                    role: role.to_string(),
                    invited_by: "ada@example.org".to_string(),
                    created_at: at(micros),
                };
                let (eve, again, elsewhere) =
                    (one("p", "eve@b", "viewer", 1), one("p", "eve@b", "owner", 3), one("q", "eve@b", "viewer", 2));
                for invitation in [&eve, &elsewhere, &again, &one("p", "bob@b", "viewer", 4)] {
                    invitations::put(tx, invitation)?;
                }
                assert_eq!(invitations::of_email(tx, "eve@b", 9)?, [elsewhere, again.clone()]);
                assert_eq!(invitations::of_project(tx, "p", 9)?, [one("p", "bob@b", "viewer", 4), again]);
                assert_eq!(invitations::of_project(tx, "p", 1)?.len(), 1);
                assert!(invitations::remove(tx, "p", "bob@b")? && !invitations::remove(tx, "p", "bob@b")?);
                assert!(projects::delete(tx, "q")?, "with what is open in it");
                invitations::remove_of_email(tx, "eve@b")?;
                assert_eq!(invitations::of_email(tx, "eve@b", 9)?, []);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn contacts_keep_their_order_and_go_with_their_owner() {
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                services::insert(tx, &service("pg-1-0123456789abcdef", "pg-1"))?;
                let one: ServiceId = "pg-1-0123456789abcdef".parse()?;
                for owner in [Owner::Project("p"), Owner::Service(one.as_str())] {
                    for emails in [&["b@b".to_string(), "a@b".to_string()][..], &["c@b".to_string()], &[]] {
                        contacts::replace(tx, owner, emails)?;
                        assert_eq!(contacts::list(tx, owner)?, emails);
                    }
                    contacts::replace(tx, owner, &["d@b".to_string()])?;
                }
                assert!(services::remove(tx, &one)? && projects::delete(tx, "p")?);
                assert_eq!(contacts::list(tx, Owner::Service(one.as_str()))?, [""; 0]);
                assert_eq!(contacts::list(tx, Owner::Project("p"))?, [""; 0]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn tokens_are_found_by_hash_and_revoked_one_by_one_or_all() {
    let token = |number: u8| tokens::Token {
        id: number.to_string(),
        user_id: "ada".to_string(),
        hash: [number; 32],
        prefix: format!("prefix{number:06}"),
        description: String::new(),
        created_at: at(i64::from(number)),
        max_age_s: Some(60),
        extend: true,
        expires_at: Some(at(100 + i64::from(number))),
        last_used_at: None,
        last_ip: None,
        last_user_agent: None,
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                (1..=5).try_for_each(|number| tokens::insert(tx, &token(number)))?;
                assert_eq!(tokens::by_hash(tx, &[3; 32])?, Some(token(3)));
                assert_eq!(tokens::by_hash(tx, &[9; 32])?, None);
                assert_eq!(tokens::of_user(tx, "ada", 2)?, [token(5), token(4)]);
                let ip = Some("::1".to_string());
                let used = tokens::Use { at: at(50), ip: ip.clone(), user_agent: None, expires_at: None };
                assert!(tokens::touch(tx, "3", &used)?);
                let touched = tokens::Token { last_used_at: Some(at(50)), last_ip: ip, expires_at: None, ..token(3) };
                assert_eq!(tokens::by_hash(tx, &[3; 32])?, Some(touched));
                assert_eq!(tokens::describe(tx, "ada", "prefix000003", "new")?.unwrap().description, "new");
                assert!(tokens::delete(tx, "ada", "prefix000005")? && !tokens::delete(tx, "bob", "prefix000004")?);
                assert_eq!(tokens::delete_expired(tx, at(102))?, 1);
                assert_eq!(tokens::delete_all(tx, "ada")?, 3);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_services_name_is_free_again_once_it_is_terminated() {
    each(|place| {
        let store = place.open();
        store
            .write(|tx| {
                begin(tx);
                services::insert(tx, &service("one", "db"))
            })
            .unwrap();
        let error = store.write(|tx| services::insert(tx, &service("two", "db"))).unwrap_err();
        assert!(taken(&error, "services_project_id_name"), "{error}");
        store
            .write(|tx| {
                let mut gone = service("one", "db");
                assert_eq!(services::by_name(tx, "p", "db")?, Some(gone.clone()));
                gone.deleted_at = Some(at(50));
                services::update(tx, &gone)?;
                assert_eq!(services::by_name(tx, "p", "db")?, None);
                services::insert(tx, &service("two", "db"))?;
                assert_eq!(services::get(tx, &gone.id)?, Some(gone.clone()));
                assert_eq!(services::of_project(tx, "p", 9)?, [service("two", "db")]);
                assert_eq!(services::deleted_until(tx, at(50), 9)?, [gone]);
                assert!(services::deleted_until(tx, at(49), 9)?.is_empty());
                Ok(())
            })
            .unwrap();
        let back = service("one", "db");
        let error = store.write(|tx| services::update(tx, &back)).unwrap_err();
        assert!(taken(&error, "services_project_id_name"), "{error}");
    });
}

#[test]
fn a_service_of_a_later_generation_is_not_changed_by_an_earlier_one() {
    let id: ServiceId = "one".parse().unwrap();
    each(|place| {
        let store = place.open();
        store
            .write(|tx| {
                begin(tx);
                services::insert(tx, &service("one", "db"))?;
                assert_eq!(services::next_generation(tx, &id)?, 2);
                services::set_state(tx, &id, 2, "RUNNING")?;
                services::set_facts(tx, &id, 3, &json!({"port": 1}))?;
                services::set_next_backup(tx, &id, 3, Some(at(7)))
            })
            .unwrap();
        let late: [Change<'_>; 4] = [
            &|tx| services::update(tx, &service("one", "other")),
            &|tx| services::set_state(tx, &id, 2, "POWEROFF"),
            &|tx| services::set_facts(tx, &id, 2, &json!(null)),
            &|tx| services::set_next_backup(tx, &id, 2, None),
        ];
        for change in late {
            let error = store.write(change).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.message().contains("generation 3"), "{error}");
        }
        let kept = store.read(|tx| services::get(tx, &id)).unwrap().unwrap();
        let expect = services::Service {
            state: "RUNNING".to_string(),
            facts: json!({"port": 1}),
            next_backup_at: Some(at(7)),
            generation: 3,
            ..service("one", "db")
        };
        assert_eq!(kept, expect);
        let error = store.write(|tx| services::set_state(tx, &"none".parse()?, 2, "x")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
        assert!(store.write(|tx| services::remove(tx, &id)).unwrap());
        let none = store.read(|tx| services::live_after(tx, None, 9)).unwrap();
        assert!(none.is_empty());
    });
}

#[test]
fn backups_and_windows_are_replaced_as_a_whole_for_one_region() {
    let id: ServiceId = "one".parse().unwrap();
    let backup = |number: u64| backups::Backup {
        name: format!("b{number}"),
        taken_at: at(i64::try_from(number).unwrap()),
        sequence: number,
        raw_bytes: 1 << 40,
        stored_bytes: 0,
        full: number == 1,
        verified_at: None,
        details: json!({"timeline": 1}),
    };
    let window = |from: i64| windows::Window {
        from_at: at(from),
        to_at: at(from + 5),
        at_risk_bytes: 1,
        at_risk_us: 2,
        checked_at: at(99),
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                services::insert(tx, &service("one", "db"))?;
                backups::replace_all(tx, &id, "north", &[backup(1), backup(2)])?;
                backups::replace_all(tx, &id, "south", &[backup(1)])?;
                backups::replace_all(tx, &id, "north", &[backup(2), backup(3)])?;
                assert_eq!(backups::of_region(tx, &id, "north", 9)?, [backup(3), backup(2)]);
                assert_eq!(backups::of_region(tx, &id, "north", 1)?, [backup(3)]);
                assert_eq!(backups::of_region(tx, &id, "south", 9)?, [backup(1)]);
                windows::replace_all(tx, &id, "north", &[window(20), window(10)])?;
                windows::replace_all(tx, &id, "south", &[])?;
                assert_eq!(windows::of_region(tx, &id, "north", 9)?, [window(10), window(20)]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_copy_is_changed_found_when_it_ends_and_goes_with_what_was_known_of_its_region() {
    each(|place| {
        let store = place.open();
        store
            .write(|tx| {
                begin(tx);
                services::insert(tx, &service("a", "one")).unwrap();
                let id: ServiceId = "a".parse().unwrap();
                let copy = |region: &str, ends_at: Option<i64>| copies::Copy {
                    service: id.clone(),
                    region: region.to_string(),
                    enabled_at: at(5),
                    ends_at: ends_at.map(at),
                    late_since: None,
                };
                copies::put(tx, &copy("south", None)).unwrap();
                copies::put(tx, &copy("east", Some(20))).unwrap();
                assert_eq!(copies::of_service(tx, &id).unwrap(), [copy("east", Some(20)), copy("south", None)]);
                let late = copies::Copy { late_since: Some(at(9)), ..copy("south", Some(10)) };
                copies::put(tx, &late).unwrap();
                assert_eq!(copies::ended(tx, at(9), 9).unwrap(), []);
                assert_eq!(copies::ended(tx, at(20), 9).unwrap(), [late.clone(), copy("east", Some(20))]);
                assert_eq!(copies::ended(tx, at(20), 1).unwrap(), [late]);
                let window = windows::Window {
                    from_at: at(1),
                    to_at: at(2),
                    at_risk_bytes: 0,
                    at_risk_us: 0,
                    checked_at: at(3),
                };
                for region in ["south", "east"] {
                    windows::replace_all(tx, &id, region, std::slice::from_ref(&window)).unwrap();
                }
                copies::remove(tx, &id, "south").unwrap();
                copies::forget(tx, &id, "east").unwrap();
                assert_eq!(copies::of_service(tx, &id).unwrap(), []);
                let left = |tx: &mut Tx<'_>, region| windows::of_region(tx, &id, region, 9).unwrap().len();
                assert_eq!((left(tx, "south"), left(tx, "east")), (0, 1));
                copies::put(tx, &copy("south", None)).unwrap();
                assert!(services::remove(tx, &id).unwrap());
                Ok(())
            })
            .unwrap();
    });
}

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
