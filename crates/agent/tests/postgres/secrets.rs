//! The superuser's password stands in no argument, no environment, no log, and no file that others can read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use farshore_agent::postgres::provision;

use crate::common::{DEADLINE, host, installations, place};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Everything that a process list shows.
fn arguments() -> Vec<Vec<u8>> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter(|entry| entry.path().join("cmdline").exists());
    let parts = processes.flat_map(|entry| [entry.path().join("cmdline"), entry.path().join("environ")]);
    parts.filter_map(|path| fs::read(path).ok()).filter(|bytes| !bytes.is_empty()).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_password_is_shown_nowhere() {
    let (place, host) = (place(), host());
    let spec = place.spec("n", &installations().swap_remove(0));
    let done = AtomicBool::new(false);
    let (node, seen) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                seen.extend(arguments());
                seen.sort();
                seen.dedup();
            }
            seen
        });
        let mut node = provision(&spec, &host).unwrap();
        node.start(DEADLINE).unwrap();
        done.store(true, Ordering::Relaxed);
        (node, watch.join().unwrap())
    });
    let password = node.password().unwrap().unwrap();
    let password = password.expose().as_bytes();
    assert!(password.len() >= 32);
    assert!(seen.iter().any(|arguments| contains(arguments, b"initdb")), "nobody watched");
    assert!(!seen.iter().any(|arguments| contains(arguments, password)));
    let mut holders = Vec::new();
    for path in files(place.path()).into_iter().filter(|path| path.extension().is_none_or(|end| end != "5432")) {
        // Sockets and files that went away cannot be read.
        let Ok(bytes) = fs::read(&path) else { continue };
        if contains(&bytes, password) {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
            holders.push(path);
        }
    }
    assert_eq!(holders, [node.layout().password()]);
}
