//! Backups restore bit-identical, full and incremental.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use common::{Bench, PAGE, page};
use farshore_objects::{Bucket, ObjectStore};
use std::sync::Arc;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

#[test]
fn a_full_and_an_incremental_backup_restore_bit_identical() {
    let bench = Bench::new(memory(), 1);
    let mut table: Vec<u8> = (0..1000).flat_map(|block| page(block, 10 + u64::from(block), block as u8)).collect();
    table[PAGE * 7..PAGE * 9].fill(0);
    bench.write("base/1/table.pages", &table);
    bench.write("base/1/small.pages", &table[..PAGE * 4]);
    bench.write("global/map", b"a map");
    bench.write("global/big", &vec![5; 700_000]);
    bench.write("empty", b"");
    std::os::unix::fs::symlink("/nowhere", bench.path("link")).unwrap();
    let full = bench.backup(2000, None);
    assert_eq!(bench.restored(&full.name).unwrap(), bench.content());

    for (block, fill) in [(3u32, 1u8), (500, 2), (999, 3), (7, 4)] {
        table[block as usize * PAGE..][..PAGE].copy_from_slice(&page(block, 2500 + u64::from(block), fill));
    }
    table.extend_from_slice(&page(1000, 2600, 9));
    std::fs::write(bench.path("base/1/table.pages"), &table).unwrap();
    bench.write("base/1/new", b"new");
    std::fs::remove_file(bench.path("empty")).unwrap();
    let next = bench.backup(3000, Some((&full.name, 2000)));
    assert_eq!(bench.restored(&next.name).unwrap(), bench.content());
    assert_eq!(next.custody.depth, 1);
    assert!(next.custody.sizes.new < full.custody.sizes.new / 2, "{:?} {:?}", next.custody.sizes, full.custody.sizes);
}
