//! What is inside the server of a node that lives in memory. Its host has the locales of the smallest installation.

use std::collections::BTreeMap;

use farshore_types::{Error, Result};

use crate::hosts::{Change, Database, Inhabitants};

/// Locales of the host.
const LOCALES: [&str; 3] = ["C", "C.UTF-8", "POSIX"];

/// Passwords by user, and databases.
#[derive(Clone, Default)]
pub(super) struct Inside {
    pub(super) users: BTreeMap<String, String>,
    databases: Vec<Database>,
}

impl Inside {
    pub(super) fn change(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Found { administrator, password, database } => {
                self.users.insert(administrator, password);
                if !self.databases.iter().any(|known| known.name == database) {
                    self.databases.push(with_locale(Database { name: database, ..Database::default() })?);
                }
            }
            Change::CreateUser(user, _) if self.users.contains_key(&user) => {
                return Err(Error::conflict(format!("user {user} already exists")));
            }
            Change::CreateUser(user, password) | Change::SetPassword(user, password) => {
                self.users.insert(user, password);
            }
            Change::DropUser(user, _) => {
                self.users.remove(&user);
            }
            Change::CreateDatabase(database, _) => self.databases.push(with_locale(database)?),
            Change::DropDatabase(database) => {
                let known = self.databases.len();
                self.databases.retain(|known| known.name != database);
                if self.databases.len() == known {
                    return Err(Error::missing(format!("database {database} does not exist")));
                }
            }
        }
        Ok(())
    }

    pub(super) fn inhabitants(&self) -> Inhabitants {
        Inhabitants { users: self.users.keys().cloned().collect(), databases: self.databases.clone() }
    }
}

/// The database as it becomes.
fn with_locale(database: Database) -> Result<Database> {
    let locale = |key: &str, given: Option<String>| match given.unwrap_or_else(|| "C.UTF-8".to_string()) {
        known if LOCALES.contains(&known.as_str()) => Ok(Some(known)),
        other => Err(Error::invalid(format!("{key} {other:?}: no such locale"))
            .hint(format!("use one of {}", LOCALES.join(", ")))),
    };
    let (collate, ctype) = (locale("lc_collate", database.collate)?, locale("lc_ctype", database.ctype)?);
    Ok(Database { name: database.name, collate, ctype })
}
