//! Restoring by hand: the files of a snapshot copied elsewhere, and a standby made from them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use farshore_engines::postgresql::conf;
use farshore_engines::postgresql::recovery::Placement;
use farshore_engines::postgresql::snapshot::{Checkpoint, Options, Snapshot};
use farshore_types::snapshot::{ClosingFile, SourceKind};

use crate::provision::write_files;
use crate::support::{Cluster, clock, give, make_directory};

/// Copies a listing to a directory as a restore would: the tablespaces to their new places.
pub fn copy(snapshot: &Snapshot, data: &Path, placements: &[Placement]) {
    make_directory(data);
    std::fs::set_permissions(data, PermissionsExt::from_mode(0o700)).unwrap();
    for Placement { oid, target } in placements {
        make_directory(&data.parent().unwrap().join(format!("spaces/{oid}")));
        assert!(target.is_dir());
    }
    for file in snapshot.files().unwrap().map(Result::unwrap) {
        let destination = data.join(&file.path);
        let placed = placements.iter().find(|placement| file.path == format!("pg_tblspc/{}", placement.oid));
        match (&file.kind, placed) {
            (SourceKind::Directory, Some(placement)) => {
                std::os::unix::fs::symlink(&placement.target, &destination).unwrap();
            }
            (SourceKind::Directory, None) => make_directory(&destination),
            (SourceKind::Link(_), _) => continue,
            _ => {
                std::fs::copy(&file.location, &destination).unwrap();
                give(&destination);
            }
        }
        if placed.is_none() {
            std::fs::set_permissions(&destination, PermissionsExt::from_mode(file.mode)).unwrap();
        }
    }
}

/// A running standby of a cluster without tablespaces, which follows it by streaming.
pub fn standby_of(cluster: &Cluster) -> Cluster {
    let mut standby = cluster.beside("standby");
    let options = Options { label: "standby".to_string(), checkpoint: Checkpoint::Fast, data_directory: None };
    let snapshot = Snapshot::open(cluster.connect(), clock(), &options).unwrap();
    copy(&snapshot, &standby.data, &[]);
    let mut files = snapshot.close().unwrap().files;
    let upstream = format!("host={} port={} user=postgres", cluster.base().display(), cluster.port);
    let settings = conf::line("primary_conninfo", &upstream).unwrap();
    for (path, content) in [("standby.signal", String::new()), ("postgresql.auto.conf", settings)] {
        files.push(ClosingFile { path: path.to_string(), mode: 0o600, content: content.into_bytes() });
    }
    write_files(&standby.data, &files);
    standby.run(&[]);
    standby
}
