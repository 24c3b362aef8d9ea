//! Words that people hang on projects and services.

use std::collections::BTreeMap;

use farshore_types::Result;

use crate::tx::Tx;
use crate::value::values;

/// What tags, and contacts, hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A project's id.
    Project(&'a str),
    /// A service's id.
    Service(&'a str),
}

impl<'a> Owner<'a> {
    pub(super) fn columns(self) -> (&'static str, &'a str) {
        match self {
            Owner::Project(id) => ("project", id),
            Owner::Service(id) => ("service", id),
        }
    }
}

/// Tags that are returned at most. How many may be set is the caller's rule, and is less.
const TAGS_MAX: u32 = 1000;

/// All tags of an owner.
pub fn list(tx: &mut Tx<'_>, owner: Owner<'_>) -> Result<BTreeMap<String, String>> {
    let (kind, id) = owner.columns();
    let rows = tx.query(
        "SELECT key, value FROM tags WHERE owner_kind = $1 AND owner_id = $2 ORDER BY key LIMIT $3",
        values![kind, id, TAGS_MAX],
    )?;
    rows.iter().map(|row| Ok((row.text("key")?, row.text("value")?))).collect()
}

/// Sets the keys that have a value, removes those that have none, leaves all others.
pub fn merge(tx: &mut Tx<'_>, owner: Owner<'_>, changes: &BTreeMap<String, Option<String>>) -> Result<()> {
    let (kind, id) = owner.columns();
    for (key, value) in changes {
        match value {
            Some(value) => tx.execute(
                "INSERT INTO tags (owner_kind, owner_id, key, value) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (owner_kind, owner_id, key) DO UPDATE SET value = excluded.value",
                values![kind, id, key, value],
            )?,
            None => tx.execute(
                "DELETE FROM tags WHERE owner_kind = $1 AND owner_id = $2 AND key = $3",
                values![kind, id, key],
            )?,
        };
    }
    Ok(())
}

/// Puts these tags in the place of all others.
pub fn replace(tx: &mut Tx<'_>, owner: Owner<'_>, tags: &BTreeMap<String, String>) -> Result<()> {
    let (kind, id) = owner.columns();
    tx.execute("DELETE FROM tags WHERE owner_kind = $1 AND owner_id = $2", values![kind, id])?;
    let all = tags.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    merge(tx, owner, &all)
}
