//! What a directory promises beyond the contract: modes, strangers' files, leftovers, a root that goes away.
#![allow(clippy::unwrap_used, reason = "the helpers of a test file are test code")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use farshore_objects::{Local, ObjectStore};
use farshore_types::ErrorKind;

/// Directories that are made until one gets the inode of another.
const INODES_TRIED: u32 = 2000;

fn names(store: &dyn ObjectStore, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    store
        .list(prefix, &mut |object| {
            names.push(object.name);
            Ok(())
        })
        .unwrap();
    names.sort();
    names
}

fn staged(root: &Path) -> usize {
    fs::read_dir(root.join("#staging")).unwrap().count()
}

#[test]
fn files_are_0600_and_directories_0700_and_no_staged_file_stays() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open_or_create(&home.path().join("store")).unwrap();
    store.put_new("a/b/c", "x".into()).unwrap();
    store.put_new("a/b/c", "y".into()).unwrap_err();
    let mode = |path: &str| fs::metadata(home.path().join("store").join(path)).unwrap().permissions().mode() & 0o777;
    for (path, expect) in [("", 0o700), ("a", 0o700), ("a/b", 0o700), ("a/b/c", 0o600), ("#staging", 0o700)] {
        assert_eq!(mode(path), expect, "{path:?}");
    }
    assert_eq!(staged(&home.path().join("store")), 0);
}

#[test]
fn what_cannot_be_an_object_is_not_listed_and_links_are_followed() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    store.put_new("a/b", "x".into()).unwrap();
    for stranger in ["README.txt", "a/b#1", "a/Upper", "#staging/123-4", "a/white space"] {
        fs::write(home.path().join(stranger), "x").unwrap();
    }
    fs::create_dir(home.path().join("lost+found")).unwrap();
    fs::write(home.path().join("lost+found/a"), "x").unwrap();
    std::os::unix::fs::symlink(home.path().join("a"), home.path().join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", home.path().join("broken")).unwrap();
    assert_eq!(names(&store, ""), ["a/b", "link/b"]);
    std::os::unix::fs::symlink(home.path(), home.path().join("a/loop")).unwrap();
    let looped = store.list("", &mut |_| Ok(()));
    assert_eq!(looped.unwrap_err().kind(), ErrorKind::Transient, "a loop of links ends, loudly");
}

#[test]
fn an_object_cannot_stand_where_others_have_a_directory_nor_below_another_object() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    store.put_new("a/b", "x".into()).unwrap();
    assert_eq!(store.put_new("a", "x".into()).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(store.put_new("a/b/c", "x".into()).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(store.put_new("a/b/c/d", "x".into()).unwrap_err().kind(), ErrorKind::Conflict);
    store.delete("a").unwrap();
    assert_eq!(names(&store, ""), ["a/b"]);
}

#[test]
fn leftovers_of_dead_writers_are_removed_only_when_they_are_old() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("#staging")).unwrap();
    for (name, hours) in [("1-0", 25), ("1-1", 23)] {
        let leftover = fs::File::create(home.path().join("#staging").join(name)).unwrap();
        let now = leftover.metadata().unwrap().modified().unwrap();
        leftover.set_modified(now - Duration::from_secs(hours * 3600)).unwrap();
    }
    let store = Local::open(home.path()).unwrap();
    assert_eq!(staged(home.path()), 2, "opening removes nothing");
    store.put_new("a", "x".into()).unwrap();
    assert_eq!(staged(home.path()), 1);
    assert!(home.path().join("#staging/1-1").exists());
}

#[test]
fn a_root_that_went_away_or_was_replaced_is_transient_and_never_absence() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("store");
    let store = Local::open_or_create(&root).unwrap();
    store.put_new("a/b", "x".into()).unwrap();
    fs::rename(&root, home.path().join("moved")).unwrap();
    let check = |when: &str| {
        let outcomes = [
            ("get", store.get("a/b").map(drop)),
            ("get_range", store.get_range("a/b", 0..1).map(drop)),
            ("head", store.head("a/b").map(drop)),
            ("list", store.list("", &mut |_| Ok(()))),
            ("list below", store.list("a/", &mut |_| Ok(()))),
            ("delete", store.delete("a/b")),
            ("put", store.put_new("c/d", "x".into())),
        ];
        for (verb, outcome) in outcomes {
            assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::Transient), "{verb} {when}");
        }
    };
    check("where the root has gone");
    assert!(!root.exists(), "a put does not make the root again");
    fs::create_dir(&root).unwrap();
    check("where another directory is in its place");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0, "nothing is put there");
    fs::remove_dir(&root).unwrap();
    fs::rename(home.path().join("moved"), &root).unwrap();
    assert_eq!(names(&store, ""), ["a/b"]);
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let former = inode(&root);
    fs::remove_dir_all(&root).unwrap();
    // Sooner or later ext4 gives a free inode away again; a file system that never does is checked with another one.
    let made = (0..INODES_TRIED).map(|number| home.path().join(format!("next-{number}"))).find(|next| {
        fs::create_dir(next).unwrap();
        inode(next) == former
    });
    fs::rename(made.unwrap_or_else(|| home.path().join("next-0")), &root).unwrap();
    check("where an empty directory took the place of one that was removed");
}

#[test]
fn a_directory_removed_by_somebody_else_is_made_again_by_the_next_try() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    store.put_new("a/b/c", "x".into()).unwrap();
    fs::remove_dir_all(home.path().join("a")).unwrap();
    assert_eq!(store.put_new("a/b/c", "x".into()).unwrap_err().kind(), ErrorKind::Transient);
    store.put_new("a/b/c", "x".into()).unwrap();
    fs::remove_dir_all(home.path().join("#staging")).unwrap();
    store.put_new("a/b/d", "x".into()).unwrap();
    // Also where only the one above is remembered.
    fs::remove_dir_all(home.path().join("a")).unwrap();
    assert_eq!(store.put_new("a/e/f", "x".into()).unwrap_err().kind(), ErrorKind::Transient);
    store.put_new("a/e/f", "x".into()).unwrap();
}

#[test]
fn modified_is_the_mtime_in_microseconds() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    store.put_new("a", "x".into()).unwrap();
    let file = fs::File::options().write(true).open(home.path().join("a")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123)).unwrap();
    assert_eq!(store.head("a").unwrap().modified.micros(), 1_234_567_890);
    file.set_modified(std::time::UNIX_EPOCH - Duration::from_millis(1)).unwrap();
    assert_eq!(store.head("a").unwrap().modified.micros(), -1000);
}
