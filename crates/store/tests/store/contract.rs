//! Transactions: what is promised of them on both databases.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use farshore_store::{Store, Tx, events, projects, settings, taken, users};
use farshore_types::{Error, ErrorKind, Result, Timestamp};

use crate::places::{each, postgresql, sqlite};

const THREADS: u32 = 4;
const WRITES: u32 = 100;

fn number(tx: &mut Tx<'_>, key: &str) -> Result<u32> {
    let value = settings::get(tx, key)?.unwrap_or_else(|| b"0".to_vec());
    Ok(String::from_utf8(value).unwrap().parse().unwrap())
}

fn set_number(tx: &mut Tx<'_>, key: &str, number: u32) -> Result<()> {
    settings::set(tx, key, number.to_string().as_bytes())
}

fn user(id: &str, email: &str) -> users::User {
    let at = Timestamp::from_micros(i64::MAX);
    users::User {
        id: id.to_string(),
        email: email.to_string(),
        real_name: "Ada Ω".to_string(),
        password_hash: None,
        created_at: at,
        tokens_valid_from: at,
    }
}

#[test]
fn writers_that_read_first_lose_nothing_also_from_stores_of_their_own() {
    each(|place| {
        let shared = place.open();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let shared = &shared;
                scope.spawn(move || {
                    let own = (thread % 2 == 0).then(|| place.open());
                    let store = own.as_ref().unwrap_or(shared);
                    for _ in 0..WRITES {
                        let add = |tx: &mut Tx<'_>| number(tx, "n").and_then(|n| set_number(tx, "n", n + 1));
                        store.write(add).unwrap();
                    }
                });
            }
        });
        assert_eq!(shared.read(|tx| number(tx, "n")).unwrap(), THREADS * WRITES);
    });
}

#[test]
fn readers_see_one_committed_state_while_a_writer_works() {
    each(|place| {
        let store = place.open();
        let (begun, seen) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                store.write(|tx| {
                    set_number(tx, "a", 1)?;
                    begun.wait();
                    seen.wait();
                    set_number(tx, "b", 1)
                })
            });
            begun.wait();
            assert_eq!(store.read(|tx| number(tx, "a")).unwrap(), 0);
            store
                .read(|tx| {
                    assert_eq!(number(tx, "a").unwrap(), 0);
                    seen.wait();
                    writer.join().unwrap().unwrap();
                    assert_eq!(number(tx, "b").unwrap(), 0, "a reader stays with the state it began with");
                    Ok(())
                })
                .unwrap();
            assert_eq!(store.read(|tx| Ok(number(tx, "a")? + number(tx, "b")?)).unwrap(), 2);
        });
    });
}

#[test]
fn a_failed_transaction_leaves_nothing_and_calls_nothing() {
    each(|place| {
        let store = place.open();
        let called = Arc::new(AtomicBool::new(false));
        let call = |tx: &mut Tx<'_>| {
            let called = called.clone();
            tx.on_commit(move || called.store(true, Ordering::Relaxed));
        };
        let failed: Result<()> = store.write(|tx| {
            set_number(tx, "n", 7)?;
            call(tx);
            Err(Error::busy("on purpose"))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Busy);
        let panicked = thread::scope(|scope| {
            let panics = scope.spawn(|| store.write(|tx| -> Result<()> { panic!("{:?}", set_number(tx, "n", 8)) }));
            panics.join()
        });
        assert!(panicked.is_err());
        assert_eq!(store.read(|tx| number(tx, "n")).unwrap(), 0);
        assert!(!called.load(Ordering::Relaxed));
        store
            .write(|tx| {
                call(tx);
                set_number(tx, "n", 9)
            })
            .unwrap();
        assert!(called.load(Ordering::Relaxed));
    });
}

#[test]
fn a_violated_index_is_named_and_ends_its_transaction() {
    each(|place| {
        let store = place.open();
        store.write(|tx| users::insert(tx, &user("1", "ada@example.org"))).unwrap();
        let error = store.write(|tx| users::insert(tx, &user("2", "ada@example.org"))).unwrap_err();
        assert!(taken(&error, "users_email"), "{error}");
        assert!(!taken(&error, "users_id"));
        let error = store.write(|tx| users::insert(tx, &user("1", "bob@example.org"))).unwrap_err();
        assert!(taken(&error, "users_id"), "{error}");
        let event = events::Event {
            id: "1".to_string(),
            project_id: "none".to_string(),
            at: Timestamp::default(),
            actor: String::new(),
            event_type: String::new(),
            service_name: None,
            text: String::new(),
        };
        let error = store.write(|tx| events::insert(tx, &event)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let ignored = store.write(|tx| {
            let _ = users::insert(tx, &user("1", "bob@example.org"));
            Ok(())
        });
        assert_eq!(ignored.unwrap_err().kind(), ErrorKind::Bug);
        let gone_on = store.write(|tx| {
            let _ = users::insert(tx, &user("1", "bob@example.org"));
            set_number(tx, "n", 1)
        });
        assert_eq!(gone_on.unwrap_err().kind(), ErrorKind::Bug);
        assert_eq!(store.read(|tx| Ok(users::list(tx, 10)?.len())).unwrap(), 1);
    });
}

#[test]
fn values_are_read_back_as_they_were_written() {
    each(|place| {
        let store = place.open();
        let all: Vec<u8> = (0..=255).collect();
        let ada = user("1", "ada'); DROP TABLE users; --");
        store.write(|tx| users::insert(tx, &ada).and_then(|()| settings::set(tx, "", &all))).unwrap();
        assert_eq!(store.read(|tx| users::by_email(tx, &ada.email)).unwrap(), Some(ada));
        assert_eq!(store.read(|tx| settings::get(tx, "")).unwrap(), Some(all));
        store.write(|tx| settings::set(tx, "", &[])).unwrap();
        assert_eq!(store.read(|tx| settings::get(tx, "")).unwrap(), Some(Vec::new()));
        let error = store.write(|tx| settings::set(tx, "a\0b", &[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let error = store.write(|tx| settings::set(tx, "a", &vec![0; (16 << 20) + 1])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    });
}

#[test]
fn a_reading_transaction_changes_nothing() {
    each(|place| {
        let store = place.open();
        let error = store.read(|tx| set_number(tx, "n", 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
        assert_eq!(store.read(|tx| number(tx, "n")).unwrap(), 0);
    });
}

#[test]
fn what_was_committed_is_there_when_the_store_is_opened_again() {
    each(|place| {
        place.open().write(|tx| set_number(tx, "n", 3)).unwrap();
        assert_eq!(place.open().read(|tx| number(tx, "n")).unwrap(), 3);
    });
}

#[test]
fn tables_of_a_newer_program_and_changed_migrations_are_refused_by_number() {
    each(|place| {
        place.open();
        place.meddle("INSERT INTO migrations (number, hash, applied_at) VALUES (99, 'x', 0)");
        let error = place.try_open().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.message().contains("migration 99"), "{error}");
        place.meddle("DELETE FROM migrations WHERE number = 99; UPDATE migrations SET hash = 'y' WHERE number = 1");
        let error = place.try_open().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.message().contains("migration 1 "), "{error}");
    });
}

#[test]
fn many_that_open_an_empty_store_at_once_make_its_tables_once() {
    each(|place| {
        let start = Barrier::new(4);
        thread::scope(|scope| {
            let open = || {
                start.wait();
                place.try_open().map(drop)
            };
            let opening: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            opening.into_iter().for_each(|opened| opened.join().unwrap().unwrap());
        });
        assert!(place.open().read(|tx| projects::list(tx, 1)).unwrap().is_empty());
    });
}

#[test]
fn a_lost_connection_fails_its_transaction_and_is_replaced() {
    let Some(place) = postgresql() else { return };
    let store = place.open();
    let lose = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let error = store
        .write(|tx| {
            set_number(tx, "n", 1)?;
            place.meddle(lose);
            set_number(tx, "n", 2)
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    assert_eq!(store.read(|tx| number(tx, "n")).unwrap(), 0);
    store.write(|tx| set_number(tx, "n", 3)).unwrap();
    place.meddle(lose);
    assert_eq!(store.read(|tx| number(tx, "n")).unwrap(), 3, "an idle connection that was lost is replaced unseen");
    let read = store.read(|tx| {
        let found = number(tx, "n");
        place.meddle(lose);
        found
    });
    assert_eq!(read.unwrap(), 3, "what was read stays true when the connection is lost behind it");
}

#[test]
fn the_file_is_for_its_owner_alone_also_its_log() {
    let place = sqlite();
    let path = place.location.strip_prefix("sqlite:").unwrap().to_string();
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = place.open();
    store.write(|tx| set_number(tx, "n", 3)).unwrap();
    for end in ["", "-wal", "-shm"] {
        assert_eq!(mode(&format!("{path}{end}")), 0o600, "{end}");
    }
}

#[test]
fn a_wrong_location_is_refused_without_repeating_it() {
    for location in ["", "sqlite:", "/tmp/x", "mysql://u:secret@h/d", "postgres://u:secret@10.0.0.1/d"] {
        let error = Store::open(location, crate::places::clock()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{location}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
