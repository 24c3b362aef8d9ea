//! Who is told about technical matters of projects and services, in the order in which they were given.

use farshore_types::Result;

use super::tags::Owner;
use crate::tx::Tx;
use crate::value::values;

/// Contacts that are returned at most. How many may be set is the caller's rule, and is less.
const CONTACTS_MAX: u32 = 1000;

/// The addresses of an owner.
pub fn list(tx: &mut Tx<'_>, owner: Owner<'_>) -> Result<Vec<String>> {
    let (kind, id) = owner.columns();
    let rows = tx.query(
        "SELECT email FROM contacts WHERE owner_kind = $1 AND owner_id = $2 ORDER BY position LIMIT $3",
        values![kind, id, CONTACTS_MAX],
    )?;
    rows.iter().map(|row| row.text("email")).collect()
}

/// Puts these addresses in the place of all others.
pub fn replace(tx: &mut Tx<'_>, owner: Owner<'_>, emails: &[String]) -> Result<()> {
    let (kind, id) = owner.columns();
    tx.execute("DELETE FROM contacts WHERE owner_kind = $1 AND owner_id = $2", values![kind, id])?;
    for (position, email) in (0_i64..).zip(emails) {
        tx.execute(
            "INSERT INTO contacts (owner_kind, owner_id, position, email) VALUES ($1, $2, $3, $4)",
            values![kind, id, position, email],
        )?;
    }
    Ok(())
}
