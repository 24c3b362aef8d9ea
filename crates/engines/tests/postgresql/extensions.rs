//! What an installation is said to offer is what its server makes for somebody who is no superuser.

use farshore_engines::postgresql::provision::{Folders, folders_program};
use farshore_engines::postgresql::wire::{Address, Connection, Settings};

use crate::provision::{execute, installation};
use crate::support::{Cluster, clock, installations};

const OFFERED: &str = "SELECT name, version FROM pg_available_extension_versions WHERE trusted OR NOT superuser";

#[test]
fn the_extensions_of_an_installation_are_those_that_its_server_lets_an_owner_make() {
    for bin in installations() {
        let found = installation(&bin);
        let printed = folders_program(&found).unwrap().map(|program| execute(&program));
        let offered = Folders::find(&found, printed.as_deref()).expect("its folders").offered().unwrap();
        let cluster = Cluster::start(&bin);
        let answer = cluster.connect().query(OFFERED).unwrap();
        let pair = |row: &Vec<Option<String>>| (row[0].clone().unwrap(), row[1].clone().unwrap());
        let mut told: Vec<(String, String)> = answer.rows.iter().map(pair).collect();
        let versions = |one: &farshore_engines::postgresql::provision::Extension| {
            one.versions.iter().map(|version| (one.name.clone(), version.clone())).collect::<Vec<_>>()
        };
        let mut read: Vec<(String, String)> = offered.iter().flat_map(versions).collect();
        told.sort();
        read.sort();
        assert_eq!(read, told, "{}", bin.display());

        for statement in ["CREATE ROLE clerk LOGIN PASSWORD 'p'", "CREATE DATABASE shop OWNER clerk"] {
            cluster.connect().query(statement).unwrap();
        }
        let settings = Settings::new(Address::loopback(cluster.port), "clerk").with_password("p").with_database("shop");
        Connection::connect(&settings, clock()).unwrap().query("CREATE EXTENSION hstore").unwrap();
        assert!(offered.iter().any(|one| one.name == "hstore"));
    }
}
