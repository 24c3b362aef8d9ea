//! Memory does not grow with what is backed up: 64 MiB and 24 MiB per worker, for backup and restore.
//!
//! Each measurement runs in a process of its own, because the kernel keeps one high-water mark per process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{Bench, PAGE, fingerprints, page};
use farshore_objects::Local;
use farshore_types::Progress;
use farshore_vault::read::restore;
use farshore_vault::testing::SeededEntropy;
use farshore_vault::{Identity, Repository};

/// Says to a child process what to do.
const TASK: &str = "FARSHORE_LIMITS_TASK";
/// 64 MiB and 24 MiB for each of two workers.
const PEAK_KIB_MAX: u64 = (64 + 2 * 24) << 10;

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn noise(path: &Path, offset: u64, length: usize, entropy: &SeededEntropy) {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
    let mut chunk = vec![0; 1 << 20];
    for at in (0..length).step_by(chunk.len()) {
        chunk.chunks_mut(8).for_each(|eight| eight.copy_from_slice(&entropy.next().to_le_bytes()));
        file.write_all_at(&chunk, offset + at as u64).unwrap();
    }
}

/// 600 MiB, two thirds of them noise, in files of all the ways that a backup knows.
fn big_tree(folder: &Path) {
    let entropy = SeededEntropy::new(1);
    for number in 0..4 {
        let path = folder.join(format!("plain-{number}"));
        noise(&path, 8 << 20, 50 << 20, &entropy);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(75 << 20).unwrap();
    }
    for number in 0..2u64 {
        let path = folder.join(format!("table-{number}.pages"));
        // Pages of noise under good checksums; the rest of the file is zero pages.
        let file = fs::File::create(&path).unwrap();
        let mut chunk = Vec::new();
        for block in 0..(100 << 20) / PAGE as u32 {
            let mut page = page(block, 10 + entropy.next() % 1000, 0);
            page[10..]
                .chunks_mut(8)
                .for_each(|eight| eight.copy_from_slice(&entropy.next().to_le_bytes()[..eight.len()]));
            let sum = common::sum(&page, block);
            page[8..10].copy_from_slice(&sum.to_le_bytes());
            chunk.extend_from_slice(&page);
            if chunk.len() >= 1 << 20 {
                file.write_all_at(&chunk, (u64::from(block) + 1) * PAGE as u64 - chunk.len() as u64).unwrap();
                chunk.clear();
            }
        }
        file.set_len(150 << 20).unwrap();
    }
}

fn tiny_tree(folder: &Path) {
    for number in 0..20_000u32 {
        let parent = folder.join(format!("{:03}", number / 100));
        fs::create_dir_all(&parent).unwrap();
        fs::write(
            parent.join(format!("a file of a database {number}")),
            number.to_be_bytes().repeat(1 + number as usize % 200),
        )
        .unwrap();
    }
}

fn open(base: &Path) -> Arc<Local> {
    Arc::new(Local::open_or_create(&base.join("store")).unwrap())
}

/// In the child: backs up twice (the second on top of the first) or restores the newest, and compares the high-water mark.
fn child(task: &str, base: &Path) {
    if task == "backup" {
        let mut bench = Bench::new(open(base), 1);
        bench.folder = tempfile::Builder::new().tempdir_in(base).unwrap();
        fs::remove_dir(bench.folder.path()).unwrap();
        fs::rename(base.join("tree"), bench.folder.path()).unwrap();
        let full = bench.backup(5000, None);
        bench.backup(6000, Some((&full.name, 5000)));
        fs::rename(bench.folder.path(), base.join("tree")).unwrap();
        fs::write(base.join("identity"), bench.identity.to_file_text()).unwrap();
    } else {
        let identity = Identity::parse(&fs::read_to_string(base.join("identity")).unwrap()).unwrap();
        let vault = Repository::open(open(base)).unwrap().unlock(&identity).unwrap();
        let name = vault.repository.find("newest").unwrap();
        let backup = vault.open_backup(&name).unwrap();
        let settings = restore::Settings { sync: false, ..Default::default() };
        farshore_vault::read::restore(&vault, &backup, &base.join("restored"), &settings, &Progress::default())
            .unwrap();
    }
    let peak = peak_kib();
    println!("peak of {task}: {} MiB", peak >> 10);
    assert!(peak <= PEAK_KIB_MAX, "{task} took {peak} KiB of memory, allowed are {PEAK_KIB_MAX}");
}

/// Not a test of its own: what [`measure`] runs in other processes.
#[test]
fn a_child_process_that_is_measured() {
    if let Some(task) = std::env::var_os(TASK) {
        let task = task.into_string().unwrap();
        let (task, base) = task.split_once(' ').unwrap();
        child(task, Path::new(base));
    }
}

fn measure(task: &str, base: &Path) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_child_process_that_is_measured", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{task} {}", base.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{}", said.lines().filter(|line| line.contains("peak")).collect::<String>());
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("peak of"), "{said}");
}

fn within_limits(make: fn(&Path)) {
    let base = tempfile::tempdir().unwrap();
    fs::create_dir(base.path().join("tree")).unwrap();
    make(&base.path().join("tree"));
    measure("backup", base.path());
    measure("restore", base.path());
    assert_eq!(fingerprints(&base.path().join("tree")), fingerprints(&base.path().join("restored")));
}

#[test]
fn six_hundred_megabytes_are_backed_up_and_restored_in_bounded_memory() {
    within_limits(big_tree);
}

#[test]
fn twenty_thousand_tiny_files_are_backed_up_and_restored_in_bounded_memory() {
    within_limits(tiny_tree);
}
