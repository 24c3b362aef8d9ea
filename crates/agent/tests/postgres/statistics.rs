//! Servers count their queries where their installation has the library for that, and start where it has not.

use std::fs;
use std::path::{Path, PathBuf};

use farshore_agent::postgres::provision;
use farshore_engines::postgresql::provision::Installation;
use farshore_engines::postgresql::statements;
use farshore_types::statistics::{Order, Page};

use crate::common::{DEADLINE, connect, host, installations, node_on, place, query};

const LOADED: &str = "SHOW shared_preload_libraries";

#[test]
fn every_node_counts_its_queries_also_those_from_before_a_restart() {
    for installation in installations() {
        let mut test = node_on("n", &installation);
        assert_eq!(test.sql(LOADED), "pg_stat_statements", "{installation:?}");
        test.sql("CREATE ROLE clerk LOGIN; SET ROLE clerk; SELECT 'counted' AS word");
        let page = Page::new(None, None, Order::default());
        let counted = |session: &mut _| statements::read(session, installation.major, "postgres", &page).unwrap();
        let before = counted(&mut test.connect());
        assert!(before.iter().any(|row| row.contains("AS word")), "{before:?}");
        test.node.stop(DEADLINE).unwrap();
        test.node.start(DEADLINE).unwrap();
        assert!(counted(&mut test.connect()).iter().any(|row| row.contains("AS word")));
    }
}

/// A copy of an installation that can be moved as a whole: one from a wheel, with the folder of libraries that its programs look for.
fn copied(from: &Installation, to: &Path) -> Option<Installation> {
    let root = from.bin_directory.parent().filter(|root| root.join("share/extension").is_dir())?;
    let wheel = root.parent()?;
    let libraries = PathBuf::from(format!("{}.libs", wheel.display()));
    copy(wheel, &to.join("wheel"));
    copy(&libraries, &to.join(libraries.file_name()?));
    let bin_directory = to.join("wheel").join(root.file_name()?).join("bin");
    Some(Installation { bin_directory, ..from.clone() })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match fs::metadata(entry.path()).unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_server_starts_whether_its_installation_lost_or_got_the_library_since() {
    let place = place();
    let Some(installation) = installations().iter().find_map(|one| copied(one, &place.path().join("pg"))) else {
        println!("skipped: no installation here can be copied");
        return;
    };
    let root = installation.bin_directory.parent().unwrap();
    let library = root.join("lib/pg_stat_statements.so");
    let aside = root.join("aside");
    let mut node = provision(&place.spec("n", &installation), &host()).unwrap();
    node.start(DEADLINE).unwrap();
    assert_eq!(query(&node, LOADED), "pg_stat_statements");
    let page = Page::new(None, None, Order::default());
    let ask = |node: &_| statements::read(&mut connect(node), installation.major, "postgres", &page);
    ask(&node).unwrap();
    for (from, to, loaded) in [(&library, &aside, ""), (&aside, &library, "pg_stat_statements")] {
        node.stop(DEADLINE).unwrap();
        fs::rename(from, to).unwrap();
        node.start(DEADLINE).unwrap();
        assert_eq!(query(&node, LOADED), loaded);
        assert_eq!(ask(&node).is_ok(), !loaded.is_empty(), "the extension stays, and is answered for");
    }
    // Without its own word for where things are, the installation is looked at.
    fs::remove_file(root.join("bin/pg_config")).unwrap();
    node.stop(DEADLINE).unwrap();
    node.start(DEADLINE).unwrap();
    assert_eq!(query(&node, LOADED), "pg_stat_statements");
    node.stop(DEADLINE).unwrap();
}
