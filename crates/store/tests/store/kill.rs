//! A process that writes is killed; what it was told of is there. It is this test program itself, started again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use farshore_store::{Store, settings};

use crate::places::{clock, sqlite};

/// Where the child writes.
const CHILD: &str = "FARSHORE_STORE_TEST_CHILD";
const ROUNDS: u32 = 3;
const ROUNDS_SOAK: u32 = 60;

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let rounds = if std::env::var_os("FARSHORE_SOAK").is_some() { ROUNDS_SOAK } else { ROUNDS };
    let place = sqlite();
    let mut acknowledged = 0;
    for round in 1..=rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &place.location)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        for _ in 0..10 + 7 * (round % 5) {
            acknowledged = lines.next().unwrap().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had still written into the pipe was acknowledged, too.
        acknowledged = lines.map_while(|line| line.unwrap().parse().ok()).last().unwrap_or(acknowledged);
        let kept = place.open().read(|tx| settings::get(tx, "n")).unwrap().unwrap();
        let kept: u32 = String::from_utf8(kept).unwrap().parse().unwrap();
        let most = acknowledged + 1;
        assert!(kept == acknowledged || kept == most, "round {round}: {acknowledged} acknowledged, {kept} kept");
        let rows = place.open().read(|tx| settings::get(tx, &format!("row-{acknowledged}"))).unwrap();
        assert!(rows.is_some(), "round {round}: half a transaction");
    }
}

#[test]
fn writes_until_it_is_killed() {
    let Ok(location) = std::env::var(CHILD) else { return };
    let store = Store::open(&location, clock()).unwrap();
    loop {
        let written = store.write(|tx| {
            let before = settings::get(tx, "n")?.unwrap_or_else(|| b"0".to_vec());
            let number = String::from_utf8(before).unwrap().parse::<u32>().unwrap() + 1;
            settings::set(tx, "n", number.to_string().as_bytes())?;
            settings::set(tx, &format!("row-{number}"), b"")?;
            Ok(number)
        });
        eprintln!("{}", written.unwrap());
    }
}
