//! Projects: what isolates services, backups and keys from each other.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// UUID.
    pub id: String,
    /// Unique: a second one is refused with `Conflict` on `projects_name`.
    pub name: String,
    /// Where services go that name no region.
    pub default_region: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The project's certificate authority and the like, sealed by the caller.
    pub secrets: Option<Vec<u8>>,
}

macro_rules! columns {
    () => {
        "id, name, default_region, created_at, secrets"
    };
}

fn read(row: &Row) -> Result<Project> {
    Ok(Project {
        id: row.text("id")?,
        name: row.text("name")?,
        default_region: row.text("default_region")?,
        created_at: row.time("created_at")?,
        secrets: row.bytes_or_null("secrets")?,
    })
}

/// Adds one.
pub fn insert(tx: &mut Tx<'_>, project: &Project) -> Result<()> {
    tx.execute(
        concat!("INSERT INTO projects (", columns!(), ") VALUES ($1, $2, $3, $4, $5)"),
        values![&project.id, &project.name, &project.default_region, project.created_at, project.secrets.as_ref(),],
    )
    .map(drop)
}

/// By id.
pub fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Project>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM projects WHERE id = $1"), values![id])?;
    row.as_ref().map(read).transpose()
}

/// By name.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Project>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM projects WHERE name = $1"), values![name])?;
    row.as_ref().map(read).transpose()
}

/// In the order of their names.
pub fn list(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<Project>> {
    let rows = tx.query(concat!("SELECT ", columns!(), " FROM projects ORDER BY name LIMIT $1"), values![limit])?;
    rows.iter().map(read).collect()
}

/// Those that a user is a member of, in the order of their names.
pub fn of_user(tx: &mut Tx<'_>, user_id: &str, limit: u32) -> Result<Vec<Project>> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM projects WHERE id IN (SELECT project_id FROM members WHERE user_id = $1) ORDER BY name LIMIT $2"
        ),
        values![user_id, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Changes name, default region and secrets; whether the project exists.
pub fn update(tx: &mut Tx<'_>, project: &Project) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE projects SET name = $2, default_region = $3, secrets = $4 WHERE id = $1",
        values![&project.id, &project.name, &project.default_region, project.secrets.as_ref()],
    )?;
    Ok(changed > 0)
}

/// Removes an empty one, with its members, invitations, contacts, tags, events and integrations; `Conflict` while services are remembered for it.
pub fn delete(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    tx.execute("DELETE FROM tags WHERE owner_kind = 'project' AND owner_id = $1", values![id])?;
    tx.execute("DELETE FROM contacts WHERE owner_kind = 'project' AND owner_id = $1", values![id])?;
    tx.execute("DELETE FROM members WHERE project_id = $1", values![id])?;
    tx.execute("DELETE FROM invitations WHERE project_id = $1", values![id])?;
    tx.execute("DELETE FROM events WHERE project_id = $1", values![id])?;
    tx.execute("DELETE FROM integrations WHERE project_id = $1", values![id])?;
    Ok(tx.execute("DELETE FROM projects WHERE id = $1", values![id])? > 0)
}
