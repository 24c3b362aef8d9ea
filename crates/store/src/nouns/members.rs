//! Who may do what in which project: one role for each user and project.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A user's role in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The project.
    pub project_id: String,
    /// The user.
    pub user_id: String,
    /// The role's word.
    pub role: String,
}

/// A member with what is shown of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The membership.
    pub member: Member,
    /// The user's address.
    pub email: String,
    /// The user's name.
    pub real_name: String,
    /// When the user was made.
    pub created_at: Timestamp,
}

fn read(row: &Row) -> Result<Member> {
    Ok(Member { project_id: row.text("project_id")?, user_id: row.text("user_id")?, role: row.text("role")? })
}

/// Gives a user this role in a project, instead of the one before.
pub fn set(tx: &mut Tx<'_>, member: &Member) -> Result<()> {
    tx.execute(
        "INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role",
        values![&member.project_id, &member.user_id, &member.role],
    )
    .map(drop)
}

/// A user's role in a project.
pub fn get(tx: &mut Tx<'_>, project_id: &str, user_id: &str) -> Result<Option<Member>> {
    let row = tx.first(
        "SELECT project_id, user_id, role FROM members WHERE project_id = $1 AND user_id = $2",
        values![project_id, user_id],
    )?;
    row.as_ref().map(read).transpose()
}

/// All of a project, in the order of their addresses.
pub fn of_project(tx: &mut Tx<'_>, project_id: &str, limit: u32) -> Result<Vec<Shown>> {
    let rows = tx.query(
        "SELECT m.project_id AS project_id, m.user_id AS user_id, m.role AS role, u.email AS email,
                u.real_name AS real_name, u.created_at AS created_at
         FROM members m JOIN users u ON u.id = m.user_id WHERE m.project_id = $1 ORDER BY u.email LIMIT $2",
        values![project_id, limit],
    )?;
    let shown = |row: &Row| {
        Ok(Shown {
            member: read(row)?,
            email: row.text("email")?,
            real_name: row.text("real_name")?,
            created_at: row.time("created_at")?,
        })
    };
    rows.iter().map(shown).collect()
}

/// All of a user.
pub fn of_user(tx: &mut Tx<'_>, user_id: &str, limit: u32) -> Result<Vec<Member>> {
    let rows = tx.query(
        "SELECT project_id, user_id, role FROM members WHERE user_id = $1 ORDER BY project_id LIMIT $2",
        values![user_id, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Ends a membership; whether there was one.
pub fn remove(tx: &mut Tx<'_>, project_id: &str, user_id: &str) -> Result<bool> {
    let sql = "DELETE FROM members WHERE project_id = $1 AND user_id = $2";
    Ok(tx.execute(sql, values![project_id, user_id])? > 0)
}
