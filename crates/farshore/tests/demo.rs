//! The demo, small: it must match, say so in one JSON object, and leave nothing behind. Needs a PostgreSQL of 14 or newer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot go on fails its test")]

use std::path::Path;
use std::process::{Command, Output};

use farshore_agent::process::working_in;
use serde_json::Value;

const FARSHORE: &str = env!("CARGO_BIN_EXE_farshore");

fn farshore(args: &[&str]) -> (Value, Output) {
    let output = Command::new(FARSHORE).args(args).arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{said}")), output)
}

/// A folder that does not exist yet, in one that the server's user can enter.
fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::Builder::new().prefix("fs-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let folder = place.path().join("demo");
    (place, folder)
}

fn figure(answer: &Value, pointer: &str) -> f64 {
    answer.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in {answer:#}"))
}

#[test]
fn the_main_job_is_done_and_everything_matches() {
    let (_place, folder) = place();
    let folder_text = folder.to_str().unwrap();
    let (answer, output) = farshore(&["demo", "--small", "--keep", folder_text]);
    assert!(output.status.success(), "{answer:#}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(answer["matched"], true, "{answer:#}");
    for fork in answer["forks"].as_array().unwrap() {
        assert!(figure(fork, "/rows") > 0.0 && fork["checks"].as_array().unwrap().len() >= 15, "{fork:#}");
    }
    assert!(figure(&answer, "/full/new") > figure(&answer, "/incremental/new"), "{answer:#}");
    assert!(figure(&answer, "/rpo/seconds") < 10.0, "{answer:#}");
    let message = answer["refused"].as_str().unwrap();
    assert!(message.contains("cannot be restored") && message.contains(" to "), "{message}");

    // The folder that was kept: a fork runs, the lines of its README work, and one command stops it.
    let readme = std::fs::read_to_string(folder.join("README.txt")).unwrap();
    let regions: Vec<&str> = readme.lines().filter(|line| line.starts_with("--store ")).collect();
    assert_eq!(regions.len(), 2, "{readme}");
    for line in regions {
        let mut args = vec!["vault", "show", "newest"];
        args.extend(line.split(' '));
        let (shown, output) = farshore(&args);
        assert!(output.status.success() && shown["window"].is_object(), "{shown:#}");
    }
    let data = folder.join("forks").join("moment").join("data");
    assert!(!working_in(&data).unwrap().is_empty(), "the fork that is kept does not run");
    assert!(!folder.join("north").exists());
    let (stopped, _) = farshore(&["down", "--data", folder_text]);
    assert_eq!(stopped["stopped"].as_array().unwrap().len(), 1, "{stopped:#}");
    assert!(working_in(&data).unwrap().is_empty());
}

#[test]
fn a_folder_that_is_in_use_is_refused_and_not_touched() {
    let (_place, folder) = place();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mine"), "mine").unwrap();
    let (answer, output) = farshore(&["demo", "--small", "--keep", folder.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(answer["error"]["message"].as_str().unwrap().contains("is not empty"), "{answer:#}");
    assert_eq!(names(&folder), ["mine"]);
}

fn names(folder: &Path) -> Vec<String> {
    let items = std::fs::read_dir(folder).unwrap();
    items.map(|item| item.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
