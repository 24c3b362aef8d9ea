//! Files that change while a backup reads them: the backup is what was read, and it restores.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{Bench, KIND, PAGE, closing, page, restored_folder};
use farshore_objects::Bucket;
use farshore_types::snapshot::{PageSource, SourceFile, SourceKind};
use farshore_types::{PageKind, PageState};
use farshore_vault::backup::Taken;
use farshore_vault::names::ManifestName;

fn bench() -> Bench {
    Bench::new(Arc::new(Bucket::memory()), 1)
}

fn pages(count: u32, position: u64) -> Vec<u8> {
    (0..count).flat_map(|block| page(block, position, block as u8)).collect()
}

/// Lists now, edits just before the path is handed to the backup.
fn backup_while(bench: &Bench, parent: Option<(&ManifestName, u64)>, edit: &dyn Fn(&SourceFile)) -> Taken {
    let mut files = bench.list().into_iter().map(|file| {
        edit(&file);
        Ok(file)
    });
    bench.try_backup_of(&mut files, 2000, parent, &mut || Ok(closing(2000))).unwrap()
}

fn read_back(bench: &Bench, name: &ManifestName, path: &str) -> Option<Vec<u8>> {
    fs::read(restored_folder(&bench.vault, name).unwrap().path().join(path)).ok()
}

/// What happens to a file between being listed and being read.
#[derive(Debug, Clone, Copy)]
enum Event {
    Vanishes,
    Shrinks(usize),
    Grows,
    IsReplaced,
}

const EVENTS: [Event; 6] = [
    Event::Vanishes,
    Event::Shrinks(0),
    Event::Shrinks(PAGE * 3),
    Event::Shrinks(PAGE * 3 + 7),
    Event::Grows,
    Event::IsReplaced,
];

fn happen(event: Event, file: &SourceFile, other: &[u8]) {
    match event {
        Event::Vanishes => fs::remove_file(&file.location).unwrap(),
        Event::Shrinks(to) => {
            OpenOptions::new().write(true).open(&file.location).unwrap().set_len(to as u64).unwrap();
        }
        Event::Grows => {
            let open = OpenOptions::new().write(true).open(&file.location).unwrap();
            open.write_all_at(other, file.size).unwrap();
        }
        Event::IsReplaced => {
            fs::remove_file(&file.location).unwrap();
            fs::write(&file.location, other).unwrap();
        }
    }
}

/// What a backup may hold of a file of `old` bytes after the event.
fn expected(event: Event, old: &[u8], other: &[u8], way: &str) -> Option<Vec<u8>> {
    let small = old.len() <= 64 << 10;
    Some(match event {
        Event::Vanishes => return None,
        // Of a page file only whole pages are taken: the rest is being written.
        Event::Shrinks(to) if way == "pages" && !small => old[..to - to % PAGE].to_vec(),
        Event::Shrinks(to) => old[..to].to_vec(),
        Event::Grows if small => [old, other].concat().into_iter().take(64 << 10).collect(),
        Event::Grows => old.to_vec(),
        Event::IsReplaced => other[..other.len().min(if small { 64 << 10 } else { old.len() })].to_vec(),
    })
}

#[test]
fn a_file_that_changes_between_listing_and_reading_is_taken_as_it_was_read() {
    for count in [10, 1000] {
        for (way, path) in [("pages", "a/table.pages"), ("plain", "a/table")] {
            for event in EVENTS {
                for incremental in [false, true] {
                    let bench = bench();
                    let (old, other) = (pages(count, 100), pages(count + 5, 300));
                    bench.write(path, &old);
                    bench.write("other", b"other");
                    let full = incremental.then(|| bench.backup(1000, None).name);
                    let taken = backup_while(&bench, full.as_ref().map(|name| (name, 1000)), &|file| {
                        if file.path == path {
                            // A replaced file is another one: its pages are believed by identity, which was listed before.
                            happen(event, file, &if incremental { pages(count + 5, 1500) } else { other.clone() });
                        }
                    });
                    let other = if incremental { pages(count + 5, 1500) } else { other };
                    let what = format!("{count} pages, {way}, {event:?}, incremental: {incremental}");
                    assert_eq!(read_back(&bench, &taken.name, path), expected(event, &old, &other, way), "{what}");
                    assert_eq!(read_back(&bench, &taken.name, "other"), Some(b"other".to_vec()), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_file_that_shrinks_across_a_segment_is_filled_with_zeros_up_to_its_last_whole_segment() {
    let bench = bench();
    for path in ["big", "big.pages"] {
        bench.write(path, &pages(1000, 5));
        OpenOptions::new().write(true).open(bench.path(path)).unwrap().set_len((128 << 20) + 4096).unwrap();
    }
    let taken = backup_while(&bench, None, &|file| happen(Event::Shrinks(PAGE * 10), file, b""));
    for path in ["big", "big.pages"] {
        let restored = read_back(&bench, &taken.name, path).unwrap();
        assert_eq!(restored.len(), 128 << 20);
        assert_eq!(restored[..PAGE * 10], pages(10, 5));
        assert!(restored[PAGE * 10..].iter().all(|&byte| byte == 0));
    }
}

/// Checks of block 3 fail that many times before its checksum is looked at.
static TORN: AtomicU32 = AtomicU32::new(0);

fn check_torn(page: &[u8], block: u32) -> PageState {
    let torn = block == 3 && TORN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if torn { PageState::Bad } else { (KIND.check)(page, block) }
}

const TORN_KIND: PageKind = PageKind { check: check_torn, ..KIND };

fn torn_backup(bench: &Bench, failures: u32) -> Taken {
    TORN.store(failures, Ordering::SeqCst);
    let mut files = bench.list();
    for file in &mut files {
        if let SourceKind::Pages(PageSource { kind, .. }) = &mut file.kind {
            *kind = TORN_KIND;
        }
    }
    let taken = bench.try_backup_of(&mut files.into_iter().map(Ok), 2000, None, &mut || Ok(closing(2000))).unwrap();
    assert_eq!(TORN.load(Ordering::SeqCst), 0, "the page was not read again often enough");
    taken
}

#[test]
fn a_torn_page_that_becomes_whole_when_read_again_is_no_damage() {
    for count in [10, 1000] {
        let bench = bench();
        bench.write("table.pages", &pages(count, 100));
        let taken = torn_backup(&bench, 5);
        assert_eq!((taken.bad_pages.as_slice(), taken.custody.flags.as_slice()), (&[][..], &[][..]));
        assert_eq!(bench.restored(&taken.name).unwrap(), bench.content());
    }
}

#[test]
fn a_page_that_stays_bad_is_named_flagged_and_restored_as_it_was() {
    // The damage is in the body, in the checksum, in the position: none of it is hidden by a parent's good page.
    for at in [PAGE * 3 + 100, PAGE * 3 + 8, PAGE * 3] {
        for count in [10, 1000] {
            let bench = bench();
            let mut table = pages(count, 100);
            bench.write("a/table.pages", &table);
            let full = bench.backup(1000, None);
            table[at] ^= 1;
            fs::write(bench.path("a/table.pages"), &table).unwrap();
            let taken = bench.backup(2000, Some((&full.name, 1000)));
            assert_eq!(taken.bad_pages, [("a/table.pages".to_string(), 3)]);
            assert_eq!(taken.custody.flags, ["bad_pages"]);
            assert_eq!(bench.restored(&taken.name).unwrap(), bench.content(), "{at} {count}");
            let again = bench.backup(3000, Some((&taken.name, 2000)));
            assert_eq!(again.custody.flags, ["bad_pages"]);
            assert_eq!(bench.restored(&again.name).unwrap(), bench.content(), "{at} {count}");
        }
    }
}

#[test]
fn a_page_that_was_bad_in_the_parent_is_taken_when_it_is_well_again() {
    // The damage is in the body, so that the stamp tells nothing of it, or in the checksum; or there is more of it than is listed.
    for (places, count) in [(vec![PAGE * 3 + 100], 1000), (vec![PAGE * 3 + 8], 1000), (vec![100; 1100], 1200)] {
        let bench = bench();
        let well = pages(count, 100);
        let mut table = well.clone();
        let many = places.len() > 1;
        places.iter().enumerate().for_each(|(block, at)| table[at + if many { block * PAGE } else { 0 }] ^= 1);
        bench.write("a/table.pages", &table);
        let full = bench.backup(1000, None);
        assert_eq!(full.bad_pages.len(), places.len().min(1024));
        fs::write(bench.path("a/table.pages"), &well).unwrap();
        let taken = bench.backup(2000, Some((&full.name, 1000)));
        assert_eq!(taken.custody.flags, [""; 0]);
        assert!(bench.restored(&taken.name).unwrap() == bench.content(), "{places:?}");
    }
}

#[test]
fn files_that_are_broken_throughout_are_backed_up_in_bounded_time() {
    let bench = bench();
    let broken: Vec<u8> = pages(3000, 100).into_iter().map(|byte| byte ^ 0x55).collect();
    for number in 0..40 {
        bench.write(&format!("{number:02}/{}.pages", "long".repeat(50)), &broken);
    }
    let before = bench.now();
    let taken = bench.backup(1000, None);
    assert_eq!(taken.bad_pages.len(), 1024);
    let paused_s = (bench.now().micros() - before.micros()) / 1_000_000;
    assert!(paused_s < 40 * 60, "{paused_s}");
    assert_eq!(bench.restored(&taken.name).unwrap(), bench.content());
}
