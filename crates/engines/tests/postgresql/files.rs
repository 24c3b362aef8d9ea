//! Listing a real cluster, and the pages that are found in it.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use farshore_engines::postgresql::files::{Listing, Tablespace, tablespaces};
use farshore_engines::postgresql::server::Server;
use farshore_types::PageState;
use farshore_types::snapshot::{SourceFile, SourceKind, path_order};

use crate::support::{Cluster, give, installations, make_directory};

fn list(cluster: &Cluster) -> Vec<SourceFile> {
    let server = Server::read(&mut cluster.connect()).unwrap();
    Listing::open(server.layout().unwrap()).unwrap().map(Result::unwrap).collect()
}

/// A database whose pages keep the positions that they have in its template.
const COPIED: &str = "CREATE DATABASE other STRATEGY file_copy";
const MADE: &str = "CREATE DATABASE other";

/// A cluster with everything that a listing must treat apart.
fn furnished(bin: &std::path::Path) -> (Cluster, Tablespace) {
    let cluster = Cluster::start(bin);
    let place = cluster.base().join("space");
    make_directory(&place);
    make_directory(&place.join("PG_9.6_201608131"));
    for sql in [
        format!("CREATE TABLESPACE space LOCATION '{}'", place.display()).as_str(),
        "CREATE TABLE kept AS SELECT g AS id, repeat('x', 200) AS filler FROM generate_series(1, 20000) AS g",
        "CREATE INDEX ON kept (id)",
        "CREATE TABLE spaced (a int) TABLESPACE space",
        "INSERT INTO spaced SELECT generate_series(1, 10000)",
        "CREATE UNLOGGED TABLE fleeting (a int, b text)",
        "INSERT INTO fleeting SELECT g, 'x' FROM generate_series(1, 10000) AS g",
        // Before 15 there was no other way.
        if cluster.sql("SHOW server_version_num").as_str() < "15" { MADE } else { COPIED },
        "VACUUM kept",
        "CHECKPOINT",
    ] {
        cluster.sql(sql);
    }
    let found = tablespaces(&cluster.data).unwrap();
    assert_eq!((found.len(), found[0].target.as_deref()), (1, Some(place.as_path())));
    (cluster, found[0].clone())
}

#[test]
fn a_listing_is_in_order_and_leaves_out_what_the_server_makes_anew() {
    for bin in installations() {
        let (cluster, tablespace) = furnished(&bin);
        let mut session = cluster.connect();
        session.query("CREATE TEMP TABLE mine AS SELECT generate_series(1, 1000)").unwrap();
        let mut path = |sql: &str| session.one_value(sql).unwrap().unwrap();
        let temporary = path("SELECT pg_relation_filepath('mine')");
        let kept = path("SELECT pg_relation_filepath('kept')");
        let unlogged = path("SELECT pg_relation_filepath('fleeting')");
        let spaced = path("SELECT pg_relation_filepath('spaced')");
        let files = list(&cluster);
        assert!(files.is_sorted_by(|left, right| path_order(&left.path, &right.path).is_lt()), "not in path order");
        let by_path: BTreeMap<&str, &SourceFile> = files.iter().map(|file| (file.path.as_str(), file)).collect();
        let has = |path: &str| by_path.contains_key(path);

        for absent in [
            "postmaster.pid",
            "postmaster.opts",
            "global/pg_control",
            temporary.as_str(),
            unlogged.as_str(),
            &format!("{unlogged}_fsm"),
            "pg_tblspc/x",
        ] {
            assert!(!has(absent), "{absent} is listed");
        }
        let oid = tablespace.oid;
        let plain = ["PG_VERSION", "global/pg_filenode.map", "pg_xact/0000", "postgresql.conf", "pg_hba.conf"];
        for name in plain.into_iter().chain([format!("{kept}_vm").as_str(), format!("{kept}_fsm").as_str()]) {
            assert_eq!(by_path.get(name).map(|file| &file.kind), Some(&SourceKind::File), "{name}");
        }
        let emptied =
            ["pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];
        for directory in emptied.into_iter().chain(["pg_wal", "pg_wal/archive_status", &format!("pg_tblspc/{oid}")]) {
            assert_eq!(by_path.get(directory).map(|file| &file.kind), Some(&SourceKind::Directory), "{directory}");
            let below = format!("{directory}/");
            let content = files.iter().filter(|file| file.path.starts_with(&below));
            let expected = if directory == "pg_wal" { 1 } else { 0 };
            let count = content.filter(|_| !directory.starts_with("pg_tblspc")).count();
            assert!(count <= expected.max(usize::from(directory == "pg_wal") * 2), "{directory} has {count} entries");
        }
        let init = format!("{unlogged}_init");
        for pages in [kept.as_str(), init.as_str(), spaced.as_str(), "global/1262"] {
            let file = by_path.get(pages).unwrap_or_else(|| panic!("{pages} is not listed"));
            let SourceKind::Pages(source) = &file.kind else { panic!("{pages} is {:?}", file.kind) };
            assert_eq!((source.first_block, source.checksums, source.believe_positions), (0, true, true));
            assert!(file.identity.0 > 0 && file.identity.1 > 0 && file.mtime > 1_700_000_000, "{file:?}");
        }
        assert!(spaced.starts_with(&format!("pg_tblspc/{oid}/PG_")));
        assert!(
            !files.iter().any(|file| file.path.contains("PG_9.6")),
            "another version's tablespace directory is listed"
        );
    }
}

#[test]
fn every_page_of_a_cluster_has_a_right_checksum_and_a_believable_position() {
    for bin in installations() {
        let (mut cluster, _) = furnished(&bin);
        let server = Server::read(&mut cluster.connect()).unwrap();
        let end = cluster.sql("SELECT pg_current_wal_lsn()").parse::<farshore_types::Position>().unwrap();
        let files = list(&cluster);
        cluster.stop();
        let (mut good, mut empty) = (0, 0);
        for file in files {
            let SourceKind::Pages(source) = &file.kind else { continue };
            let bytes = std::fs::read(&file.location).unwrap();
            let blocks = bytes.chunks(source.kind.size).zip(source.first_block..);
            for (page, block) in blocks {
                match (source.kind.check)(page, block) {
                    PageState::Good => good += 1,
                    PageState::Empty => empty += 1,
                    PageState::Bad => panic!("{} block {block}", file.path),
                }
                let changed = (source.kind.changed_at)(page);
                // The shutdown checkpoint is written after `end`, but touches no page.
                assert!(
                    changed <= end.0 + u64::from(server.wal_segment_size),
                    "{} block {block}: {changed:x}",
                    file.path
                );
            }
        }
        assert!(good > 2000, "{good} good pages, {empty} empty ones");
    }
}

#[test]
fn links_are_followed_where_the_server_uses_them_and_recorded_elsewhere() {
    let bin = &installations()[0];
    let mut cluster = Cluster::start(bin);
    cluster.sql("CREATE DATABASE moved");
    let oid = cluster.sql("SELECT oid FROM pg_database WHERE datname = 'moved'");
    cluster.stop();
    let elsewhere = |name: &str| cluster.base().join(format!("elsewhere-{name}"));
    for (path, name) in [("pg_wal", "wal"), ("pg_xact", "xact"), (&format!("base/{oid}"), "base")] {
        std::fs::rename(cluster.data.join(path), elsewhere(name)).unwrap();
        std::os::unix::fs::symlink(elsewhere(name), cluster.data.join(path)).unwrap();
    }
    std::fs::write(elsewhere("conf"), "# more\n").unwrap();
    give(&elsewhere("conf"));
    std::os::unix::fs::symlink(elsewhere("conf"), cluster.data.join("more.conf")).unwrap();
    std::os::unix::fs::symlink("/var/log", cluster.data.join("log")).unwrap();
    std::os::unix::fs::symlink("/no/such/place", cluster.data.join("dangling")).unwrap();
    cluster.run(&[]);
    let files = list(&cluster);
    let kind = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.kind.clone());
    assert_eq!(kind("pg_wal"), Some(SourceKind::Directory));
    assert_eq!(kind("pg_xact/0000"), Some(SourceKind::File));
    assert_eq!(kind("more.conf"), Some(SourceKind::File));
    assert!(matches!(kind(&format!("base/{oid}/1259")), Some(SourceKind::Pages(_))));
    assert_eq!(kind("log"), Some(SourceKind::Link("/var/log".to_string())));
    assert_eq!(kind("dangling"), Some(SourceKind::Link("/no/such/place".to_string())));
    let unique: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(unique.len(), files.len());
}

#[test]
fn a_tablespace_inside_the_data_directory_is_listed_once() {
    let cluster = Cluster::start(&installations()[0]);
    let place = cluster.data.join("inside");
    make_directory(&place);
    cluster.sql(&format!("CREATE TABLESPACE inside LOCATION '{}'", place.display()));
    cluster.sql("CREATE TABLE t (a int) TABLESPACE inside");
    let files = list(&cluster);
    assert!(files.iter().any(|file| file.path == "inside"));
    assert!(!files.iter().any(|file| file.path.starts_with("inside/")));
    assert!(files.iter().any(|file| file.path.starts_with("pg_tblspc/") && matches!(file.kind, SourceKind::Pages(_))));
}

#[test]
fn a_relation_of_several_files_counts_its_blocks_on() {
    let cluster = Cluster::start(&installations()[0]);
    cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 1000)");
    cluster.sql("CHECKPOINT");
    let path = cluster.sql("SELECT pg_relation_filepath('t')");
    // The second file of a relation, as the server would make it after 1 GiB.
    std::fs::write(cluster.data.join(format!("{path}.1")), []).unwrap();
    let files = list(&cluster);
    let second = files.iter().find(|file| file.path == format!("{path}.1")).unwrap();
    let SourceKind::Pages(source) = &second.kind else { panic!("{second:?}") };
    assert_eq!(source.first_block, 131_072);
}

#[test]
fn a_name_that_is_not_utf_8_is_refused_and_named() {
    let cluster = Cluster::start(&installations()[0]);
    let server = Server::read(&mut cluster.connect()).unwrap();
    std::fs::write(cluster.data.join(std::ffi::OsStr::from_bytes(b"b\xFFd")), []).unwrap();
    let error = Listing::open(server.layout().unwrap()).unwrap().find_map(Result::err).unwrap();
    assert!(error.to_string().contains("is not UTF-8"), "{error}");
}

#[test]
fn files_that_vanish_while_they_are_listed_are_skipped() {
    let cluster = Cluster::start(&installations()[0]);
    let server = Server::read(&mut cluster.connect()).unwrap();
    for number in 0..50 {
        std::fs::write(cluster.data.join(format!("pg_xact/F{number:03}")), []).unwrap();
    }
    let mut listing = Listing::open(server.layout().unwrap()).unwrap();
    let reached = listing.find(|file| file.as_ref().unwrap().path == "pg_xact/0000");
    assert!(reached.is_some());
    for number in 0..50 {
        std::fs::remove_file(cluster.data.join(format!("pg_xact/F{number:03}"))).unwrap();
    }
    std::fs::remove_dir_all(cluster.data.join("pg_stat_tmp")).unwrap();
    let rest: Vec<SourceFile> = listing.map(Result::unwrap).collect();
    assert!(
        rest.iter().all(|file| !file.path.starts_with("pg_xact/F"))
            && rest.iter().any(|file| file.path == "postgresql.conf")
    );
}
