//! Tablespaces that are created after the backup: a fork on the same host must not touch the source's files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use farshore_types::TargetKind;

use crate::support::cluster::{Cluster, give};
use crate::support::forks::fork;
use crate::support::installations;
use crate::support::protection::Protection;
use crate::support::region::Region;

/// Every path below a folder.
fn paths(folder: &Path, found: &mut BTreeMap<PathBuf, u64>) {
    for item in fs::read_dir(folder).unwrap().flatten() {
        let meta = item.metadata().unwrap();
        found.insert(item.path(), if meta.is_dir() { 0 } else { meta.len() });
        if meta.is_dir() {
            paths(&item.path(), found);
        }
    }
}

fn below(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    paths(folder, &mut found);
    found
}

#[test]
fn a_tablespace_made_after_the_backup_is_made_inside_the_fork() {
    for installation in installations() {
        let cluster = Cluster::start(&installation);
        let region = Region::new();
        let protection = Protection::start(cluster.settings(), &region);
        let space = cluster.folder("space");
        give(&space);
        cluster.sql(&format!("CREATE TABLESPACE late LOCATION '{}'", space.display()));
        cluster.sql("CREATE TABLE kept (n int) TABLESPACE late");
        cluster.sql("INSERT INTO kept SELECT generate_series(1, 5000)");
        protection.await_archived_now();
        protection.stop().unwrap();
        cluster.sql("CHECKPOINT");
        let before = below(&space);
        let forked = fork(&region.vault, &installation, TargetKind::Latest);
        assert_eq!(forked.sql("SELECT count(*) FROM kept"), "5000");
        forked.sql("INSERT INTO kept SELECT generate_series(1, 50000)");
        forked.sql("CHECKPOINT");
        assert_eq!(below(&space), before, "the fork wrote into the source's tablespace");
        assert_eq!(cluster.sql("SELECT count(*) FROM kept"), "5000");
        assert!(
            !forked
                .sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'late'")
                .starts_with('/')
        );
        forked.check();
    }
}
