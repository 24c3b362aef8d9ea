//! What is typed against a store that is not as it should be, or with words that do not fit it: named, and nothing is made, removed or
//! hidden because of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

#[path = "../../agent/tests/tasks/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::cluster::{Cluster, directory};
use support::installation;

const BINARY: &str = env!("CARGO_BIN_EXE_farshore");

/// A store with the backups of one service, and its key.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let (world, cluster) = (World { folder: directory() }, Cluster::start(&installation()));
        assert!(run(world.farshore(&["keygen"]).arg(world.path("key"))).0.status.success());
        for _ in 0..2 {
            let mut backup = world.farshore(&["backup", "pg", "--host"]);
            backup.arg(cluster.base()).args(["--port", &cluster.port.to_string()]);
            let (output, answer) = run(world.at(&mut backup));
            assert!(output.status.success(), "{answer:#}");
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn farshore(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("--json").args(words);
        command
    }

    fn at<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.arg("--store").arg(self.path("store")).arg("--identity").arg(self.path("key"))
    }

    /// Runs a command on the store; its answer, and its exit status.
    fn ask(&self, words: &[&str]) -> (Value, i32) {
        let (output, answer) = run(self.at(&mut self.farshore(words)));
        (answer, output.status.code().unwrap())
    }
}

fn run(command: &mut Command) -> (Output, Value) {
    let output = command.output().unwrap();
    let answer = serde_json::from_slice(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, answer.unwrap_or_else(|error| panic!("{command:?}: {error}: {said}")))
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(file).unwrap();
    fs::write(file, bytes).unwrap();
}

#[test]
fn what_cannot_be_done_is_named_before_anything_is_made_or_removed() {
    let world = World::new();
    whole(&world);
    wrong_words(&world);
    not_ours(&world);
    full_disk(&world);
    damaged(&world);
}

fn whole(world: &World) {
    let (verified, code) = world.ask(&["vault", "verify"]);
    assert_eq!((code, &verified["verified"]["broken"]), (0, &Value::Array(Vec::new())), "{verified:#}");
    let figure = |name: &str| verified["verified"][name].as_u64().unwrap_or_else(|| panic!("{name} in {verified:#}"));
    assert!(figure("objects") > 0 && figure("pages") > 0 && figure("bytes") > 0);
    let (shown, _) = world.ask(&["vault", "show"]);
    assert!(shown["window"]["from"].as_str().is_some_and(|from| from.starts_with("0/")), "{shown:#}");
    let mut show = Command::new(BINARY);
    world.at(show.args(["vault", "show"]));
    let said = String::from_utf8(show.output().unwrap().stdout).unwrap();
    assert!(said.contains("restores  to its own end, "), "no log follows it: {said}");
}

fn wrong_words(world: &World) {
    let mut list = world.farshore(&["vault", "list", "--service", "another", "--store"]);
    let (output, answer) = run(list.arg(world.path("store/pg-1")));
    assert!(!output.status.success() && message(&answer).contains("is the folder of service pg-1"), "{answer:#}");
    let fork = world.path("fork");
    let words = ["fork", "pg", "--new-service", "pg-1", "--data", fork.to_str().unwrap()];
    let (answer, code) = world.ask(&words);
    assert!(code == 2 && message(&answer).contains("the name of its source") && !fork.exists(), "{answer:#}");
    let (answer, _) = world.ask(&["vault", "restore", "--file", "base", "--to", "-"]);
    assert!(message(&answer).contains("not a file"), "{answer:#}");
}

fn not_ours(world: &World) {
    let (staging, socket) = (world.path("staging"), world.path("socket"));
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join("mine"), "mine").unwrap();
    let (staging_text, socket_text) = (staging.to_str().unwrap(), socket.to_str().unwrap());
    let words = ["log-serve", "--staging", staging_text, "--socket", socket_text];
    let (answer, _) = world.ask(&words);
    assert!(message(&answer).contains("holds mine"), "{answer:#}");
    fs::rename(staging.join("mine"), &socket).unwrap();
    let (answer, _) = world.ask(&words);
    assert!(message(&answer).contains("is no socket"), "{answer:#}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
}

fn full_disk(world: &World) {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut export = Command::new(BINARY);
    world.at(export.args(["vault", "export", "newest", "--to", "-"]));
    let output = export.stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("No space left"), "{said}");
}

fn damaged(world: &World) {
    let mut manifests: Vec<PathBuf> =
        fs::read_dir(world.path("store/pg-1/backups")).unwrap().map(|item| item.unwrap().path()).collect();
    manifests.sort();
    assert_eq!(manifests.len(), 2, "{manifests:?}");
    damage(&manifests[0]);
    let (listed, code) = world.ask(&["vault", "list"]);
    assert_eq!((code, listed["backups"].as_array().unwrap().len()), (3, 1), "{listed:#}");
    let name = manifests[0].file_name().unwrap().to_str().unwrap();
    assert!(listed["damaged"][0].as_str().unwrap().contains(name), "{listed:#}");
}
