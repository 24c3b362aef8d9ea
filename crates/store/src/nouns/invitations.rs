//! Who is to become a member of a project as soon as there is such a user. An address is stored as it was given, so the caller folds
//! its case.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The project.
    pub project_id: String,
    /// Who is invited.
    pub email: String,
    /// The role's word.
    pub role: String,
    /// The address of who invited.
    pub invited_by: String,
    /// When.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "project_id, email, role, invited_by, created_at"
    };
}

fn read(row: &Row) -> Result<Invitation> {
    Ok(Invitation {
        project_id: row.text("project_id")?,
        email: row.text("email")?,
        role: row.text("role")?,
        invited_by: row.text("invited_by")?,
        created_at: row.time("created_at")?,
    })
}

/// Remembers one, instead of the one before to the same address.
pub fn put(tx: &mut Tx<'_>, one: &Invitation) -> Result<()> {
    tx.execute(
        concat!(
            "INSERT INTO invitations (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5) ON CONFLICT (project_id, email) DO UPDATE
             SET role = excluded.role, invited_by = excluded.invited_by, created_at = excluded.created_at"
        ),
        values![&one.project_id, &one.email, &one.role, &one.invited_by, one.created_at],
    )
    .map(drop)
}

/// All of a project, in the order of their addresses.
pub fn of_project(tx: &mut Tx<'_>, project_id: &str, limit: u32) -> Result<Vec<Invitation>> {
    let sql = concat!("SELECT ", columns!(), " FROM invitations WHERE project_id = $1 ORDER BY email LIMIT $2");
    tx.query(sql, values![project_id, limit])?.iter().map(read).collect()
}

/// All to an address, letter by letter, the oldest first.
pub fn of_email(tx: &mut Tx<'_>, email: &str, limit: u32) -> Result<Vec<Invitation>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM invitations WHERE email = $1 ORDER BY created_at, project_id LIMIT $2");
    tx.query(sql, values![email, limit])?.iter().map(read).collect()
}

/// Takes one back; whether there was one.
pub fn remove(tx: &mut Tx<'_>, project_id: &str, email: &str) -> Result<bool> {
    let sql = "DELETE FROM invitations WHERE project_id = $1 AND email = $2";
    Ok(tx.execute(sql, values![project_id, email])? > 0)
}

/// Forgets all to an address.
pub fn remove_of_email(tx: &mut Tx<'_>, email: &str) -> Result<()> {
    tx.execute("DELETE FROM invitations WHERE email = $1", values![email]).map(drop)
}
