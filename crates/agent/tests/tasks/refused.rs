//! What a restore refuses, before anything is made and by name; and a damaged page of the source, by file and block.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use farshore_agent::tasks::fork::{Fork, Left};
use farshore_types::{ErrorKind, Progress, SystemEntropy, Target, TargetKind};
use farshore_vault::{Identity, Repository};

use crate::support::cluster::{Cluster, directory};
use crate::support::forks::{Volume, fork, try_fork};
use crate::support::region::Region;
use crate::support::{host, installation, installations};

fn world() -> (Cluster, Region) {
    let cluster = Cluster::start(&installation());
    cluster.sql("CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i");
    let region = Region::new();
    region.back_up(&cluster);
    (cluster, region)
}

fn refusal(region: &Region, target: Target) -> String {
    let volume = Volume::new();
    let error = try_fork(&region.vault, &installation(), target, &volume).unwrap_err();
    assert!(volume.server().is_none());
    error.to_string()
}

#[test]
fn a_key_that_opens_nothing_is_refused() {
    let (_cluster, region) = world();
    let stranger = Identity::random(&SystemEntropy).unwrap();
    let error = Repository::open(region.inner.clone()).unwrap().unlock(&stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("pg-1"), "{error}");
}

#[test]
fn damaged_and_missing_objects_are_named() {
    let (_cluster, region) = world();
    let packs = region.names("packs/");
    let largest = packs.iter().max_by_key(|name| region.inner.head(name).unwrap().size).unwrap();
    let whole = region.inner.get(largest).unwrap();
    region.damage(largest);
    let error = refusal(&region, Target::latest());
    assert!(error.contains(largest.as_str()), "{error} does not name {largest}");
    region.inner.delete(largest).unwrap();
    let error = refusal(&region, Target::latest());
    assert!(error.contains(largest.as_str()), "{error} does not name {largest}");
    region.inner.put_new(largest, whole).unwrap();
    fork(&region.vault, &installation(), TargetKind::Latest).check_pages();
}

#[test]
fn a_damaged_manifest_is_named_and_does_not_take_the_other_backups_with_it() {
    let (cluster, region) = world();
    cluster.sql("CREATE TABLE later AS SELECT 1 AS x");
    region.back_up(&cluster);
    let manifests = region.names("backups/");
    region.damage(&manifests[0]);
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Latest);
    assert_eq!(forked.sql("SELECT x FROM later"), "1");
    region.damage(&manifests[1]);
    let error = refusal(&region, Target::latest());
    assert!(manifests.iter().any(|name| error.contains(name.as_str())), "{error} names no manifest");
}

#[test]
fn another_major_version_is_refused_before_anything_is_made() {
    let (cluster, region) = world();
    let others = installations().into_iter().filter(|other| other.major != cluster.installation.major);
    for other in others {
        let volume = Volume::new();
        let error = try_fork(&region.vault, &other, Target::latest(), &volume).unwrap_err().to_string();
        let majors = [cluster.installation.major.to_string(), other.major.to_string()];
        assert!(majors.iter().all(|major| error.contains(major)), "{error}");
        assert!(!volume.path().exists());
    }
}

#[test]
fn a_region_that_has_everything_but_the_manifest_has_no_backup() {
    let (_cluster, region) = world();
    let half = Region::new();
    for name in half.names("") {
        half.inner.delete(&name).unwrap();
    }
    for name in region.names("").into_iter().filter(|name| !name.starts_with("backups/")) {
        half.inner.put_new(&name, region.inner.get(&name).unwrap()).unwrap();
    }
    let half = Region { identity: region.identity, ..half };
    let vault = half.reopened();
    let error = try_fork(&vault, &installation(), Target::latest(), &Volume::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("no complete backup"), "{error}");
}

/// A file system of a few megabytes.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Option<Tiny> {
        let folder = directory();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs"]).arg(folder.path());
        mount.status().is_ok_and(|status| status.success()).then_some(Tiny(folder))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn too_little_room_is_refused_before_a_file_is_written() {
    let (_cluster, region) = world();
    let Some(tiny) = Tiny::mount() else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must be able to mount a small file system");
        return println!("SKIPPED: only root can mount a small file system");
    };
    let host = host();
    let fork = Fork {
        backup: None,
        vault: region.vault,
        target: Target::latest(),
        volume: tiny.0.path().join("fork"),
        installation: installation(),
        port: 20_001,
        superuser: "postgres".to_string(),
        binary: "/bin/false".into(),
        workers: 2,
        left: Left::Running,
        host: &host,
    };
    let error = fork.run(&Progress::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains(tiny.0.path().to_str().unwrap()), "{error}");
    assert!(!fs::exists(tiny.0.path().join("fork/data/PG_VERSION")).unwrap());
}

#[test]
fn a_damaged_page_of_the_source_is_told_by_file_and_block_and_flags_the_backup() {
    let (mut cluster, region) = world();
    let path = cluster.sql("SELECT pg_relation_filepath('t')");
    cluster.stop();
    flip(&cluster.data.join(&path), 8192 * 7 + 4000);
    cluster.run(&[]);
    // The parent's copy of the page is whole; the page on disk is what the server would read, and what is told.
    for outcome in [region.back_up_in_full(&cluster), region.back_up(&cluster)] {
        assert_eq!(outcome.taken.bad_pages, [(path.clone(), 7)]);
        assert_eq!(outcome.taken.custody.flags, ["bad_pages"]);
    }
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    byte[0] ^= 0x10;
    file.write_all_at(&byte, at).unwrap();
}
