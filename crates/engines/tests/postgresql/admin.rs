//! Users and databases of a service, on real servers: what the administrator may do, and what it may not.

use farshore_engines::postgresql::admin::{self, Founders};
use farshore_engines::postgresql::locale::{self, Locale};
use farshore_engines::postgresql::wire::{Address, Connection, Settings, sqlstate};
use farshore_types::ErrorKind;

use crate::support::{Cluster, clock, installations};

const FOUNDERS: Founders<'static> = Founders { administrator: "avnadmin", password: "s3cret'", database: "defaultdb" };

/// Locales that are tried; some hosts have hundreds.
const TRIED: usize = 8;

fn log_in(cluster: &Cluster, user: &str, password: &str, database: &str) -> Result<Connection, ErrorKind> {
    let settings = Settings::new(Address::loopback(cluster.port), user).with_password(password);
    Connection::connect(&settings.with_database(database), clock()).map_err(|error| error.kind())
}

#[test]
fn the_administrator_owns_its_databases_and_reaches_no_files_or_programs() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let mut superuser = cluster.connect();
        let major =
            superuser.parameter("server_version").unwrap().split(['.', 'b', 'r']).next().unwrap().parse().unwrap();
        for _ in 0..2 {
            admin::found(&mut superuser, major, &FOUNDERS).unwrap();
        }
        let mut session = log_in(&cluster, "avnadmin", "s3cret'", "defaultdb").unwrap();
        for allowed in [
            "CREATE TABLE public.t (i int)",
            "CREATE SCHEMA s",
            "SELECT * FROM pg_stat_activity",
            "CREATE DATABASE more",
        ] {
            session.query(allowed).unwrap_or_else(|error| panic!("{allowed}: {error}"));
        }
        for refused in [
            "COPY t FROM PROGRAM 'id'",
            "COPY t TO '/tmp/x'",
            "SELECT pg_read_file('/etc/passwd')",
            "GRANT pg_execute_server_program TO avnadmin",
            "ALTER ROLE avnadmin SUPERUSER",
            "ALTER SYSTEM SET work_mem = '1MB'",
            "SELECT lo_import('/etc/passwd')",
            "CREATE EXTENSION file_fdw",
        ] {
            let error = session.query(refused).expect_err(refused);
            assert_eq!(sqlstate(&error), Some("42501"), "{refused}: {error}");
        }
        let with_password = "SELECT string_agg(rolname, ' ') FROM pg_authid WHERE rolpassword IS NOT NULL";
        assert_eq!(superuser.one_value(with_password).unwrap().as_deref(), Some("avnadmin"), "no way in for another");
        assert_eq!(admin::users(&mut superuser, "postgres").unwrap(), ["avnadmin"]);
        let names: Vec<String> = admin::databases(&mut superuser).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["defaultdb", "more"]);
    }
}

#[test]
fn a_session_that_trusts_the_catalog_alone_calls_nothing_that_a_user_made() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let mut superuser = cluster.connect();
        // As it is before version 15.
        superuser.query("CREATE ROLE clerk LOGIN PASSWORD 'p'; GRANT CREATE ON SCHEMA public TO PUBLIC").unwrap();
        let sly = "CREATE FUNCTION public.to_jsonb(record) RETURNS jsonb LANGUAGE plpgsql \
                   AS $$BEGIN RAISE EXCEPTION 'as %', current_user; END$$";
        log_in(&cluster, "clerk", "p", "postgres").unwrap().query(sly).unwrap();
        let ask = "SELECT to_jsonb(a)::text FROM (SELECT 1 AS x) a";
        assert!(superuser.one_value(ask).unwrap_err().to_string().contains("as postgres"));
        admin::trust_catalog_alone(&mut superuser).unwrap();
        assert_eq!(superuser.one_value(ask).unwrap().as_deref(), Some("{\"x\": 1}"));
    }
}

#[test]
fn users_and_databases_are_made_listed_and_removed_and_names_of_the_server_are_refused() {
    for bin in installations() {
        let mut cluster = Cluster::make(&bin, &[]);
        cluster.run(&["log_statement=all"]);
        let mut superuser = cluster.connect();
        admin::create_user(&mut superuser, "o'hara \"x\"", "one").unwrap();
        assert_eq!(admin::create_user(&mut superuser, "o'hara \"x\"", "two").unwrap_err().kind(), ErrorKind::Conflict);
        admin::set_password(&mut superuser, "o'hara \"x\"", "two").unwrap();
        assert!(log_in(&cluster, "o'hara \"x\"", "one", "postgres").is_err());
        log_in(&cluster, "o'hara \"x\"", "two", "postgres").unwrap().close();
        admin::create_database(&mut superuser, "shop", "o'hara \"x\"", Locale::default()).unwrap();
        let owner = admin::drop_user(&mut superuser, "o'hara \"x\"", "avnadmin").unwrap_err();
        assert!(owner.kind() == ErrorKind::Conflict && owner.to_string().contains("REASSIGN OWNED"), "{owner}");
        let _session = log_in(&cluster, "o'hara \"x\"", "two", "shop").unwrap();
        admin::drop_database(&mut superuser, "shop").unwrap();
        admin::drop_user(&mut superuser, "o'hara \"x\"", "avnadmin").unwrap();
        assert_eq!(admin::drop_database(&mut superuser, "shop").unwrap_err().kind(), ErrorKind::Missing);
        assert_eq!(admin::drop_user(&mut superuser, "nobody", "avnadmin").unwrap_err().kind(), ErrorKind::Missing);
        for reserved in ["postgres", "pg_x", "template1", "", "a\nb", &"x".repeat(64)] {
            assert_eq!(
                admin::create_user(&mut superuser, reserved, "p").unwrap_err().kind(),
                ErrorKind::Invalid,
                "{reserved}"
            );
            assert!(
                admin::create_database(&mut superuser, reserved, "avnadmin", Locale::default()).is_err(),
                "{reserved}"
            );
        }
        let log = cluster.log();
        assert!(log.contains("SCRAM-SHA-256$") && !log.contains("'two'"), "a password stands in the server's log");
    }
}

#[test]
fn a_database_is_made_with_the_locales_of_the_host_and_others_are_refused_with_the_list() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let mut superuser = cluster.connect();
        superuser.query("CREATE ROLE avnadmin LOGIN").unwrap();
        let known = locale::locales(&mut superuser).unwrap();
        assert!(known.iter().any(|name| name == "C"), "{known:?}");
        for (number, name) in known.iter().take(TRIED).enumerate() {
            let locale = Locale { collate: Some(name), ctype: Some(name) };
            let database = format!("d{number:04}");
            admin::create_database(&mut superuser, &database, "avnadmin", locale).unwrap();
            let made = admin::databases(&mut superuser).unwrap().into_iter().find(|one| one.name == database).unwrap();
            // The server writes the two names of the same locale as one.
            let shown = if name == "POSIX" { "C" } else { name };
            assert_eq!((made.collate.as_deref(), made.ctype.as_deref()), (Some(shown), Some(shown)));
        }
        let order = Locale { collate: Some("C"), ctype: None };
        admin::create_database(&mut superuser, "order", "avnadmin", order).unwrap();
        for name in ["en_XX.UTF-8", "no'such \\", "ü", "", &"x".repeat(129)] {
            let locale = Locale { collate: None, ctype: Some(name) };
            let error = admin::create_database(&mut superuser, "never", "avnadmin", locale).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error}");
            assert!(error.to_string().contains("lc_ctype"), "{name}: {error}");
        }
        let missing = Locale { collate: Some("en_XX.UTF-8"), ctype: Some("C") };
        let error = admin::create_database(&mut superuser, "never", "avnadmin", missing).unwrap_err().to_string();
        for part in ["lc_collate \"en_XX.UTF-8\"", "no such locale", "use one of", "C, ", "locale -a"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!admin::database_exists(&mut superuser, "never").unwrap());
    }
}
