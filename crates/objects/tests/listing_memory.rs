//! Listing a directory holds one level at a time, not the entries. Alone in its process, because it looks at its memory.
#![allow(clippy::unwrap_used, reason = "the helpers of a test file are test code")]

use std::fs;

use farshore_objects::{Local, ObjectStore};

const OBJECTS: usize = 15_000;
const GROWTH_KIB_MAX: u64 = 1024;

/// The largest resident size of this process so far.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_of_a_listing_does_not_grow_with_the_number_of_objects() {
    let home = tempfile::tempdir().unwrap();
    for at in 0..OBJECTS {
        let directory = home.path().join(format!("packs/{}", at % 8));
        if at < 8 {
            fs::create_dir_all(&directory).unwrap();
        }
        // Names of 250 bytes: collected, they would be at least 3.7 MB.
        fs::write(directory.join(format!("{at:0250}")), "").unwrap();
    }
    let store = Local::open(home.path()).unwrap();
    store.list("packs/0/", &mut |_| Ok(())).unwrap();
    let before = peak_kib();
    let mut listed = 0;
    let count = &mut |_| {
        listed += 1;
        Ok(())
    };
    store.list("", count).unwrap();
    assert_eq!(listed, OBJECTS);
    let growth = peak_kib() - before;
    assert!(growth <= GROWTH_KIB_MAX, "a listing of {OBJECTS} objects grew the process by {growth} KiB");

    // The measure itself works: a listing that keeps the names is seen.
    let mut kept = Vec::new();
    let keep = &mut |object| {
        kept.push(object);
        Ok(())
    };
    store.list("", keep).unwrap();
    assert!(peak_kib() - before > GROWTH_KIB_MAX, "{} kept entries were not seen", kept.len());
}
