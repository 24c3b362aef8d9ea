//! Restores into a folder: what is refused, what a restore that is run again keeps, where files may go.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{Bench, content, page};
use farshore_objects::{Bucket, Faults, Verb};
use farshore_types::snapshot::{ClosingFile, SourceFile, SourceKind};
use farshore_types::{ErrorKind, Progress, Result};
use farshore_vault::backup::Taken;
use farshore_vault::read::restore::{MARKER, Restored, Settings};
use farshore_vault::read::{OpenBackup, restore};

fn bench() -> Bench {
    let bench = Bench::new(Arc::new(Bucket::memory()), 1);
    bench.write("base/1/table.pages", &(0..2000).flat_map(|block| page(block, 9, block as u8)).collect::<Vec<u8>>());
    bench.write("base/1/map", b"a map");
    bench.write("base/2/other", &[8; 300_000]);
    bench.write("x", b"the file x");
    bench.write(".x.part", b"no part of x");
    bench.write(&"n".repeat(255), b"the longest name");
    bench.write("empty", b"");
    fs::create_dir(bench.path("nothing in it")).unwrap();
    symlink("/etc/hostname", bench.path("a link")).unwrap();
    bench
}

fn try_restore(bench: &Bench, taken: &Taken, to: &Path, progress: &Progress) -> Result<Restored> {
    let backup = bench.vault.open_backup(&taken.name)?;
    restore(&bench.vault, &backup, to, &Settings { workers: 1, ..Settings::default() }, progress)
}

#[test]
fn modes_and_times_of_files_come_back() {
    let bench = bench();
    fs::set_permissions(bench.path("x"), fs::Permissions::from_mode(0o4750)).unwrap();
    fs::File::options().write(true).open(bench.path("x")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut files = bench.list();
    files.iter_mut().find(|file| file.path == "x").unwrap().mode = 0o4750;
    let mut files = files.into_iter().map(Ok);
    let taken = bench.try_backup_of(&mut files, 1000, None, &mut || Ok(common::closing(1000))).unwrap();
    let to = tempfile::tempdir().unwrap();
    let done = try_restore(&bench, &taken, to.path(), &Progress::default()).unwrap();
    assert_eq!(content(to.path()), bench.content());
    assert_eq!((done.files, done.kept), (8, 0));
    assert_eq!(done.bytes, taken.custody.sizes.raw);
    let meta = fs::metadata(to.path().join("x")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o4750, 0));
}

#[test]
fn a_folder_that_holds_anything_is_refused_and_left_as_it_was() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let to = tempfile::tempdir().unwrap();
    fs::write(to.path().join("mine"), b"precious").unwrap();
    let error = try_restore(&bench, &taken, to.path(), &Progress::default()).unwrap_err();
    assert_eq!((error.kind(), error.advice().is_some()), (ErrorKind::Conflict, true), "{error}");
    assert_eq!(content(to.path()).len(), 1);
    // So is a folder for a relocated part.
    let (empty, full) = (tempfile::tempdir().unwrap(), to);
    let settings = Settings { relocate: vec![("base/2".into(), full.path().into())], ..Settings::default() };
    let backup = bench.vault.open_backup(&taken.name).unwrap();
    let error = restore(&bench.vault, &backup, empty.path(), &settings, &Progress::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(content(empty.path()).len() + content(full.path()).len(), 1);
}

/// Stops a restore at its `reads`-th read of a pack.
fn stopped_restore(bench: &Bench, taken: &Taken, to: &Path, reads: u64) -> Result<Restored> {
    let faults = Arc::new(Faults::new(bench.store.clone()));
    let vault = bench.fresh(faults.clone()).unwrap();
    let backup = vault.open_backup(&taken.name).unwrap();
    let progress = Arc::new(Progress::default());
    let (stopping, left) = (progress.clone(), std::sync::atomic::AtomicU64::new(reads));
    faults.set_hook(Arc::new(move |verb, _| {
        if verb == Verb::GetRange && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            stopping.stop();
        }
        farshore_objects::layers::Action::Go
    }));
    restore(&vault, &backup, to, &Settings { workers: 1, ..Settings::default() }, &progress)
}

#[test]
fn a_restore_that_was_stopped_anywhere_is_marked_and_ends_identical_when_it_is_run_again() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let mut kept = Vec::new();
    for reads in 1.. {
        let to = tempfile::tempdir().unwrap();
        let stopped = stopped_restore(&bench, &taken, to.path(), reads);
        assert_eq!(to.path().join(MARKER).exists(), stopped.is_err());
        if stopped.is_ok() {
            break;
        }
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Busy);
        let done = try_restore(&bench, &taken, to.path(), &Progress::default()).unwrap();
        assert_eq!(content(to.path()), bench.content());
        // All files but the closing one, which is always written.
        assert_eq!(done.files + done.kept, 8);
        kept.push(done.kept);
    }
    assert!(kept.iter().any(|&kept| kept > 0), "{kept:?}");
}

#[test]
fn nobody_else_can_read_a_folder_or_a_file_that_is_being_restored() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let parent = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    let new = parent.path().join("made/by/the restore");
    try_restore(&bench, &taken, &new, &Progress::default()).unwrap();
    assert_eq!(mode(&new), 0o700);
    let open = parent.path().join("open to all");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let mut parts = 0;
    for reads in 1..6 {
        stopped_restore(&bench, &taken, &open, reads).unwrap_err();
        for folder in ["", "base/1", "base/2"].map(|folder| open.join(folder)).iter().filter(|folder| folder.exists()) {
            for item in fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()) {
                if item.file_name().unwrap().to_str().unwrap().starts_with(MARKER) {
                    parts += usize::from(item.file_name().unwrap() != MARKER);
                    assert_eq!(mode(&item), 0o600, "{}", item.display());
                }
            }
        }
    }
    assert!(parts > 0);
}

#[test]
fn everything_that_is_restored_belongs_to_the_owner_the_folder_too() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let parent = tempfile::tempdir().unwrap();
    // Only root may give files away: anybody else gives them to itself.
    let us = fs::metadata(parent.path()).unwrap();
    let owner = if us.uid() == 0 { (12_345, 12_346) } else { (us.uid(), us.gid()) };
    let to = parent.path().join("to");
    let settings = Settings { owner: Some(owner), ..Settings::default() };
    let backup = bench.vault.open_backup(&taken.name).unwrap();
    restore(&bench.vault, &backup, &to, &settings, &Progress::default()).unwrap();
    for path in ["", "x", "base", "base/1/table.pages", "closing/control"] {
        let meta = fs::metadata(to.join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), owner, "{path:?}");
    }
}

#[test]
fn files_of_an_unfinished_restore_are_kept_only_if_their_content_is_right() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let to = tempfile::tempdir().unwrap();
    try_restore(&bench, &taken, to.path(), &Progress::default()).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let mark = |id: &dyn std::fmt::Display, boot: &str| {
        fs::write(to.path().join(MARKER), format!("{id}\n{}", boot.trim())).unwrap();
    };
    mark(&taken.name.id, &boot);
    fs::write(to.path().join("x"), b"the file y").unwrap();
    fs::write(to.path().join("empty"), b"no more").unwrap();
    let done = try_restore(&bench, &taken, to.path(), &Progress::default()).unwrap();
    assert_eq!((done.files, done.kept), (3, 5));
    assert_eq!(content(to.path()), bench.content());
    // After a reboot nothing is believed: it may not have been durable.
    mark(&taken.name.id, "another boot");
    let done = try_restore(&bench, &taken, to.path(), &Progress::default()).unwrap();
    assert_eq!((done.files, done.kept), (8, 0));
    // Another backup's unfinished restore is not continued.
    let next = bench.backup(2000, Some((&taken.name, 1000)));
    mark(&taken.name.id, &boot);
    let error = try_restore(&bench, &next, to.path(), &Progress::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[test]
fn an_unfinished_restore_cannot_be_backed_up() {
    let bench = bench();
    bench.write(MARKER, b"x\ny");
    let error = bench.try_backup(1000, None).unwrap_err();
    assert_eq!((error.kind(), error.advice().is_some()), (ErrorKind::Conflict, true), "{error}");
}

#[test]
fn a_part_of_the_backup_goes_where_it_is_told() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let (to, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let volume = elsewhere.path().join("volume");
    let settings = Settings { relocate: vec![("base/1".into(), volume.clone())], ..Settings::default() };
    let backup = bench.vault.open_backup(&taken.name).unwrap();
    restore(&bench.vault, &backup, to.path(), &settings, &Progress::default()).unwrap();
    assert!(!to.path().join("base/1").exists());
    let mut whole = content(to.path());
    whole.extend(content(&volume).into_iter().map(|(path, bytes)| (format!("base/1/{path}"), bytes)));
    whole.insert("base/1".into(), b"directory".to_vec());
    assert_eq!(whole, bench.content());
}

/// A file system of 2 MiB, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "farshore-test"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(folder)),
            why => {
                eprintln!("skipped: no tmpfs could be mounted: {why:?}");
                assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must be able to mount");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn too_little_room_is_refused_before_anything_is_written() {
    let bench = bench();
    bench.write("big", &vec![1; 1_500_000]);
    let taken = bench.backup(1000, None);
    let Some(disk) = SmallDisk::mount() else { return };
    let to = disk.0.path();
    let error = try_restore(&bench, &taken, to, &Progress::default()).unwrap_err();
    assert_eq!((error.kind(), error.advice().is_some()), (ErrorKind::Busy, true), "{error}");
    assert_eq!(content(to).len(), 0);
}

#[test]
fn an_unfinished_restore_needs_room_only_for_what_is_missing() {
    let bench = bench();
    let taken = bench.backup(1000, None);
    let Some(disk) = SmallDisk::mount() else { return };
    let to = disk.0.path().join("data");
    try_restore(&bench, &taken, &to, &Progress::default()).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    fs::write(to.join(MARKER), format!("{}\n{}", taken.name.id, boot.trim())).unwrap();
    assert_eq!(try_restore(&bench, &taken, &to, &Progress::default()).unwrap().kept, 7);
}

fn with_paths(bench: &Bench, paths: &[(&str, SourceKind)], closing: Option<&str>) -> Result<Taken> {
    bench.write("source", b"evil");
    let file = |(path, kind): &(&str, SourceKind)| SourceFile {
        path: (*path).to_string(),
        location: bench.path("source"),
        kind: kind.clone(),
        size: 4,
        mode: 0o600,
        mtime: 0,
        identity: (1, 1),
    };
    let mut files = paths.iter().map(|path| Ok(file(path)));
    bench.try_backup_of(&mut files, 1000, None, &mut || {
        let mut last = common::closing(1000);
        last.files.extend(closing.map(|path| ClosingFile {
            path: path.into(),
            mode: 0o600,
            content: b"evil".to_vec(),
        }));
        Ok(last)
    })
}

fn opened(bench: &Bench, taken: &Taken) -> Result<OpenBackup> {
    bench.vault.open_backup(&taken.name)
}

#[test]
fn nothing_is_restored_outside_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let link = SourceKind::Link(outside.path().to_str().unwrap().to_string());
    let (file, folder) = (SourceKind::File, SourceKind::Directory);
    type Case<'a> = (&'a [(&'a str, SourceKind)], Option<&'a str>);
    let cases: [Case; 12] = [
        (&[("../evil", file.clone())], None),
        (&[("/tmp/evil", file.clone())], None),
        (&[("a/../../evil", file.clone())], None),
        (&[("a//evil", file.clone())], None),
        (&[("./evil", file.clone())], None),
        (&[("..", folder)], None),
        (&[("l", link.clone()), ("l/evil", file.clone())], None),
        (&[("l", link.clone()), ("l", file.clone())], None),
        (&[("z", file.clone()), ("a", file.clone())], None),
        (&[("l", link.clone())], Some("l/evil")),
        (&[("l", link)], Some("l")),
        (&[("a", file)], Some("../evil")),
    ];
    for (paths, closing) in cases {
        let bench = Bench::new(Arc::new(Bucket::memory()), 1);
        let target = tempfile::tempdir().unwrap();
        let restored = with_paths(&bench, paths, closing).and_then(|taken| {
            let backup = opened(&bench, &taken)?;
            restore(&bench.vault, &backup, &target.path().join("to"), &Settings::default(), &Progress::default())
        });
        assert_eq!(restored.unwrap_err().kind(), ErrorKind::Corrupt, "{paths:?} {closing:?}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{paths:?} {closing:?}");
        assert!(!Path::new("/tmp/evil").exists() && !target.path().join("evil").exists(), "{paths:?}");
    }
}
