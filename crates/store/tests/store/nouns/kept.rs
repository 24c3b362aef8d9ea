//! Services, their backups and copies.

use farshore_store::{Tx, backups, copies, services, taken, windows};
use farshore_types::{ErrorKind, ServiceId};
use serde_json::json;

use super::{Change, at, begin, service};
use crate::places::each;

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
