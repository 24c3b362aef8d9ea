//! Statistics of queries on real servers: what is counted, and that nothing of a user's is executed by asking.

use std::path::Path;

use farshore_engines::postgresql::statements;
use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::ErrorKind;
use farshore_types::statistics::{COLUMNS, Order, Page};
use serde_json::Value;

use crate::support::{Cluster, clock, installations};

const SETTINGS: [&str; 3] = [
    "shared_preload_libraries=pg_stat_statements",
    "pg_stat_statements.track_utility=off",
    "track_activity_query_size=1024",
];

fn counting(bin: &Path) -> (Cluster, u32) {
    let mut cluster = Cluster::make(bin, &[]);
    cluster.run(&SETTINGS);
    let major = cluster.sql("SELECT (current_setting('server_version_num')::int / 10000)::text").parse().unwrap();
    for statement in ["CREATE ROLE clerk LOGIN PASSWORD 'p'", "CREATE DATABASE shop OWNER clerk"] {
        cluster.connect().query(statement).unwrap();
    }
    (cluster, major)
}

fn clerk(cluster: &Cluster, database: &str) -> Connection {
    let settings = Settings::new(Address::loopback(cluster.port), "clerk").with_password("p").with_database(database);
    Connection::connect(&settings, clock()).unwrap()
}

fn page(limit: u32, offset: u32, order: &str) -> Page {
    Page::new(Some(limit), Some(offset), order.parse::<Order>().unwrap())
}

fn read(cluster: &Cluster, major: u32, page: &Page) -> Vec<Value> {
    let rows = statements::read(&mut cluster.connect(), major, "postgres", page).unwrap();
    rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

#[test]
fn queries_of_all_databases_are_counted_and_given_in_any_order() {
    for bin in installations() {
        let (cluster, major) = counting(&bin);
        let mut shop = clerk(&cluster, "shop");
        for number in 0..7 {
            shop.query(&format!("SELECT {number} + 4711")).unwrap();
        }
        shop.query(&format!("SELECT /* {} */ 1", "ü".repeat(9000))).unwrap();
        clerk(&cluster, "postgres").query("SELECT 'elsewhere'").unwrap();
        let rows = read(&cluster, major, &page(100, 0, "calls:desc"));
        let (first, mut names) = (rows[0].as_object().unwrap(), COLUMNS);
        names.sort_unstable();
        assert_eq!(first.keys().map(String::as_str).collect::<Vec<_>>(), names, "{major}");
        assert_eq!((&first["calls"], &first["rows"]), (&Value::from(7), &Value::from(7)), "{major}: {first:?}");
        assert_eq!((&first["database_name"], &first["user_name"]), (&"shop".into(), &"clerk".into()));
        assert_eq!(first["query"], "SELECT $1 + $2");
        assert_eq!(first["total_time"], first["total_exec_time"]);
        for column in COLUMNS {
            let text = ["database_name", "query", "user_name", "wal_bytes"].contains(&column);
            assert_eq!((first[column].is_string(), first[column].is_number()), (text, !text), "{column}: {first:?}");
        }
        assert!(rows.iter().all(|row| row["user_name"] == "clerk"), "{rows:?}");
        assert!(rows.iter().any(|row| row["database_name"] == "postgres"), "{rows:?}");
        let longest = rows.iter().map(|row| row["query"].as_str().unwrap().chars().count()).max();
        assert_eq!(longest, Some(8192), "{major}");
        for column in COLUMNS {
            for direction in ["asc", "desc"] {
                let ordered = read(&cluster, major, &page(500, 0, &format!("{column}:{direction}")));
                assert_eq!(ordered.len(), rows.len(), "{major} {column}");
            }
        }
        let least = read(&cluster, major, &page(1, u32::try_from(rows.len()).unwrap() - 1, "calls:asc"));
        assert_eq!((least.len(), &least[0]["calls"]), (1, &Value::from(7)));
        assert_eq!(read(&cluster, major, &page(0, 0, "calls:asc")).len(), 0);

        statements::reset(&mut cluster.connect()).unwrap();
        assert_eq!(read(&cluster, major, &page(100, 0, "calls:desc")), [] as [Value; 0]);
    }
}

#[test]
fn texts_that_are_too_large_for_memory_are_not_read_and_their_numbers_are() {
    let (cluster, major) = counting(&installations()[0]);
    let (mut shop, comment) = (clerk(&cluster, "shop"), "x".repeat(1 << 20));
    for number in 0..65 {
        shop.query(&format!("SELECT /* {comment} */ 1{}", ", 1".repeat(number))).unwrap();
    }
    let rows = read(&cluster, major, &page(100, 0, "calls:desc"));
    assert_eq!(rows.len(), 65);
    assert!(rows.iter().all(|row| row["calls"] == 1 && row["query"].as_str().unwrap().contains("too large")));
    statements::reset(&mut cluster.connect()).unwrap();
    shop.query("SELECT 1 AS short").unwrap();
    assert_eq!(read(&cluster, major, &page(1, 0, "calls:desc"))[0]["query"], "SELECT $1 AS short");
}

#[test]
fn a_text_without_encoding_keeps_nobody_from_the_numbers() {
    for bin in installations() {
        let (cluster, major) = counting(&bin);
        let made = "CREATE DATABASE raw OWNER clerk TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'";
        for statement in [made, "ALTER ROLE clerk SET pg_stat_statements.track = 'all'"] {
            cluster.connect().query(statement).unwrap();
        }
        let odd = r#"DO $$BEGIN EXECUTE 'SELECT 1 AS "' || chr(228) || '"'; END$$"#;
        clerk(&cluster, "raw").query(odd).unwrap();
        let rows = read(&cluster, major, &page(100, 0, "calls:desc"));
        assert!(rows.iter().any(|row| row["database_name"] == "raw"), "{rows:?}");
        assert!(rows.iter().all(|row| row["query"].as_str().unwrap().contains("no known encoding")), "{rows:?}");
    }
}

#[test]
fn commands_that_hold_a_password_are_not_kept() {
    for bin in installations() {
        let (cluster, major) = counting(&bin);
        clerk(&cluster, "shop").query("ALTER ROLE clerk PASSWORD 'hush hush'").unwrap();
        let rows = read(&cluster, major, &page(500, 0, "query:asc"));
        assert!(!format!("{rows:?}").contains("hush"), "{rows:?}");
    }
}

#[test]
fn nothing_that_a_user_made_is_executed_by_who_reads() {
    for bin in installations() {
        let (cluster, major) = counting(&bin);
        // Before version 15 everybody may write into this schema.
        cluster.connect().query("GRANT CREATE ON SCHEMA public TO PUBLIC").unwrap();
        let mut sly = clerk(&cluster, "postgres");
        let body = "RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'as %', current_user; END$$";
        for made in [
            format!("CREATE FUNCTION public.to_jsonb(record) {body}"),
            "CREATE VIEW public.pg_stat_statements AS SELECT 1 AS x".to_string(),
            "CREATE VIEW public.pg_database AS SELECT 1 AS x".to_string(),
            format!("CREATE FUNCTION public.pg_stat_statements_reset() {body}"),
            format!("CREATE FUNCTION public.pg_stat_statements(boolean) {body}"),
        ] {
            sly.query(&made).unwrap_or_else(|error| panic!("{made}: {error}"));
        }
        for refused in ["CREATE SCHEMA farshore", "SELECT farshore.pg_stat_statements_reset()"] {
            assert!(sly.query(refused).is_err(), "{refused}");
        }
        let found = read(&cluster, major, &page(100, 0, "calls:desc"));
        assert!(found.iter().all(|row| row["user_name"] == "clerk"), "{found:?}");
        assert!(sly.query("SELECT farshore.pg_stat_statements_reset()").is_err());
        statements::reset(&mut cluster.connect()).unwrap();
    }
}

#[test]
fn many_who_ask_first_at_the_same_time_are_all_answered() {
    let (cluster, major) = counting(&installations()[0]);
    let ask = || read(&cluster, major, &page(1, 0, "calls:desc"));
    std::thread::scope(|scope| (0..6).map(|_| scope.spawn(ask)).for_each(|asked| drop(asked.join().unwrap())));
}

#[test]
fn a_server_that_did_not_load_the_library_says_so() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let asked = statements::read(&mut cluster.connect(), 15, "postgres", &page(1, 0, "calls:desc"));
        for error in [asked.unwrap_err(), statements::reset(&mut cluster.connect()).unwrap_err()] {
            let text = error.to_string();
            assert!(error.kind() == ErrorKind::Conflict && text.contains("power the service off and on"), "{text}");
        }
        assert_eq!(cluster.sql("SELECT count(*)::text FROM pg_extension"), "1");
    }
}
