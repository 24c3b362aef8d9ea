//! What a host's C library means for the databases of a node that was restored on it, a sentence each. A server starts whatever the
//! locales of its databases are: one that the host lacks is refused to each session alone, and the order of another version of the library
//! breaks indexes of texts silently. Nothing is changed here, and a server with such a database runs: the others can be used.

use std::sync::Arc;

use farshore_engines::postgresql::{admin, locale, wire::Connection};
use farshore_types::{Clock, Result};

use crate::postgres::Node;

/// Asks the server, and tries every database of the service; [`admin::LISTED_MAX`] at most.
pub fn troubles(node: &Node, clock: &Arc<dyn Clock>) -> Result<Vec<String>> {
    let settings = node.settings()?;
    let mut session = Connection::connect(&settings, clock.clone())?;
    admin::trust_catalog_alone(&mut session)?;
    let mut found = locale::of_other_versions(&mut session)?;
    for database in admin::databases(&mut session)? {
        match Connection::connect(&settings.clone().with_database(&database.name), clock.clone()) {
            Ok(session) => session.close(),
            Err(error) if locale::is_unknown_here(&error) => {
                let wanted: Vec<&str> =
                    [&database.collate, &database.ctype].into_iter().flatten().map(String::as_str).collect();
                found.push(format!(
                    "database {} cannot be used: its locale {} is not on this host; have it installed there (`locale -a` lists them)",
                    database.name,
                    wanted.join(" with "),
                ));
            }
            // Whoever uses it will be told.
            Err(error) => tracing::debug!(database = database.name, %error, "a database was not tried"),
        }
    }
    Ok(found)
}
