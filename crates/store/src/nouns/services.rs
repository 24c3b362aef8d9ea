//! Services. A row stays for the life of its backups: one that was terminated keeps its id, and frees its name.
//!
//! Every change names the generation in whose name it is made. One of an earlier generation than the row's changes nothing
//! and is a `Conflict`: its author has been replaced and does not know it yet.

use farshore_types::{Error, Result, ServiceId, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Names it in stores, for ever.
    pub id: ServiceId,
    /// Where.
    pub project_id: String,
    /// Unique in its project while not terminated: `Conflict` on `services_project_id_name`.
    pub name: String,
    /// The word of its type.
    pub service_type: String,
    /// The name of its plan.
    pub plan: String,
    /// Where its node is.
    pub region: String,
    /// Where its backups and its log go, when that is not the region of its node.
    pub backup_region: Option<String>,
    /// The word of its state.
    pub state: String,
    /// Whether it is to run.
    pub powered: bool,
    /// Its settings: an object.
    pub user_config: serde_json::Value,
    /// Size of its disk in MiB.
    pub disk_mb: u64,
    /// Whether deleting and powering off are refused.
    pub termination_protection: bool,
    /// When it is maintained: an object.
    pub maintenance: Option<serde_json::Value>,
    /// Grows whenever somebody new acts for it.
    pub generation: u64,
    /// Passwords, sealed by the caller.
    pub sealed: Option<Vec<u8>>,
    /// What was found out about it, such as port and server version: an object.
    pub facts: serde_json::Value,
    /// The service that it was forked from.
    pub forked_from: Option<ServiceId>,
    /// Hour of its daily backup, UTC.
    pub backup_hour: u8,
    /// Minute of its daily backup.
    pub backup_minute: u8,
    /// When the next backup is due.
    pub next_backup_at: Option<Timestamp>,
    /// Since when it is powered off.
    pub off_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed by somebody.
    pub updated_at: Timestamp,
    /// When it was terminated.
    pub deleted_at: Option<Timestamp>,
    /// When its keys were destroyed.
    pub shredded_at: Option<Timestamp>,
}

impl Service {
    /// The region where its backups and its log go.
    pub fn stored_in(&self) -> &str {
        self.backup_region.as_deref().unwrap_or(&self.region)
    }

    /// The regions that it needs, that of its node first.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.region.as_str()).chain(self.backup_region.as_deref())
    }
}

macro_rules! columns {
    () => {
        "id, project_id, name, service_type, plan, region, backup_region, state, powered, user_config, disk_mb, \
         termination_protection, maintenance, generation, sealed, facts, forked_from, backup_hour, backup_minute, \
         next_backup_at, off_since, created_at, updated_at, deleted_at, shredded_at"
    };
}

fn read(row: &Row) -> Result<Service> {
    Ok(Service {
        id: row.parsed("id")?,
        project_id: row.text("project_id")?,
        name: row.text("name")?,
        service_type: row.text("service_type")?,
        plan: row.text("plan")?,
        region: row.text("region")?,
        backup_region: row.text_or_null("backup_region")?,
        state: row.text("state")?,
        powered: row.flag("powered")?,
        user_config: row.json("user_config")?,
        disk_mb: row.count("disk_mb")?,
        termination_protection: row.flag("termination_protection")?,
        maintenance: row.json_or_null("maintenance")?,
        generation: row.count("generation")?,
        sealed: row.bytes_or_null("sealed")?,
        facts: row.json("facts")?,
        forked_from: row.parsed_or_null("forked_from")?,
        backup_hour: row.count("backup_hour")?,
        backup_minute: row.count("backup_minute")?,
        next_backup_at: row.time_or_null("next_backup_at")?,
        off_since: row.time_or_null("off_since")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        deleted_at: row.time_or_null("deleted_at")?,
        shredded_at: row.time_or_null("shredded_at")?,
    })
}

/// Adds one.
pub fn insert(tx: &mut Tx<'_>, service: &Service) -> Result<()> {
    tx.execute(
        concat!(
            "INSERT INTO services (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                       $22, $23, $24, $25)"
        ),
        values![
            &service.id,
            &service.project_id,
            &service.name,
            &service.service_type,
            &service.plan,
            &service.region,
            service.backup_region.as_ref(),
            &service.state,
            service.powered,
            &service.user_config,
            service.disk_mb,
            service.termination_protection,
            service.maintenance.as_ref(),
            service.generation,
            service.sealed.as_ref(),
            &service.facts,
            service.forked_from.as_ref(),
            u32::from(service.backup_hour),
            u32::from(service.backup_minute),
            service.next_backup_at,
            service.off_since,
            service.created_at,
            service.updated_at,
            service.deleted_at,
            service.shredded_at,
        ],
    )
    .map(drop)
}

/// By id, also one that was terminated.
pub fn get(tx: &mut Tx<'_>, id: &ServiceId) -> Result<Option<Service>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM services WHERE id = $1"), values![id])?;
    row.as_ref().map(read).transpose()
}

/// By project and name, not terminated.
pub fn by_name(tx: &mut Tx<'_>, project_id: &str, name: &str) -> Result<Option<Service>> {
    let row = tx.first(
        concat!("SELECT ", columns!(), " FROM services WHERE project_id = $1 AND name = $2 AND deleted_at IS NULL"),
        values![project_id, name],
    )?;
    row.as_ref().map(read).transpose()
}

/// Those of a project that are not terminated, in the order of their names.
pub fn of_project(tx: &mut Tx<'_>, project_id: &str, limit: u32) -> Result<Vec<Service>> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM services WHERE project_id = $1 AND deleted_at IS NULL ORDER BY name LIMIT $2"
        ),
        values![project_id, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Those of all projects that are not terminated, in the order of their ids, behind an id: the pages of a reconciler.
pub fn live_after(tx: &mut Tx<'_>, after: Option<&ServiceId>, limit: u32) -> Result<Vec<Service>> {
    let rows = tx.query(
        concat!("SELECT ", columns!(), " FROM services WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2"),
        values![after.map_or("", ServiceId::as_str), limit],
    )?;
    rows.iter().map(read).collect()
}

/// Those that were terminated at or before a moment and whose keys are still there, longest gone first.
pub fn deleted_until(tx: &mut Tx<'_>, moment: Timestamp, limit: u32) -> Result<Vec<Service>> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM services WHERE deleted_at <= $1 AND shredded_at IS NULL ORDER BY deleted_at, id LIMIT $2"
        ),
        values![moment, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Writes everything that may change, in the name of `service.generation`, which becomes the row's.
pub fn update(tx: &mut Tx<'_>, service: &Service) -> Result<()> {
    let changed = tx.execute(
        "UPDATE services SET name = $3, plan = $4, region = $5, backup_region = $6, state = $7, powered = $8,
             user_config = $9, disk_mb = $10, termination_protection = $11, maintenance = $12, sealed = $13, facts = $14,
             backup_hour = $15, backup_minute = $16, next_backup_at = $17, off_since = $18, updated_at = $19,
             deleted_at = $20, shredded_at = $21, project_id = $22, generation = $2
         WHERE id = $1 AND generation <= $2",
        values![
            &service.id,
            service.generation,
            &service.name,
            &service.plan,
            &service.region,
            service.backup_region.as_ref(),
            &service.state,
            service.powered,
            &service.user_config,
            service.disk_mb,
            service.termination_protection,
            service.maintenance.as_ref(),
            service.sealed.as_ref(),
            &service.facts,
            u32::from(service.backup_hour),
            u32::from(service.backup_minute),
            service.next_backup_at,
            service.off_since,
            service.updated_at,
            service.deleted_at,
            service.shredded_at,
            &service.project_id,
        ],
    )?;
    one_changed(tx, &service.id, service.generation, changed)
}

/// Raises the generation by one and returns it: everybody who acted for the service before is refused from now on.
pub fn next_generation(tx: &mut Tx<'_>, id: &ServiceId) -> Result<u64> {
    let sql = "UPDATE services SET generation = generation + 1 WHERE id = $1 RETURNING generation";
    tx.first(sql, values![id])?.ok_or_else(|| missing(id))?.count("generation")
}

/// Sets the state alone.
pub fn set_state(tx: &mut Tx<'_>, id: &ServiceId, generation: u64, state: &str) -> Result<()> {
    let sql = "UPDATE services SET state = $3, generation = $2 WHERE id = $1 AND generation <= $2";
    let changed = tx.execute(sql, values![id, generation, state])?;
    one_changed(tx, id, generation, changed)
}

/// Sets what was found out alone.
pub fn set_facts(tx: &mut Tx<'_>, id: &ServiceId, generation: u64, facts: &serde_json::Value) -> Result<()> {
    let sql = "UPDATE services SET facts = $3, generation = $2 WHERE id = $1 AND generation <= $2";
    let changed = tx.execute(sql, values![id, generation, facts])?;
    one_changed(tx, id, generation, changed)
}

/// Sets when the next backup is due alone.
pub fn set_next_backup(tx: &mut Tx<'_>, id: &ServiceId, generation: u64, at: Option<Timestamp>) -> Result<()> {
    let sql = "UPDATE services SET next_backup_at = $3, generation = $2 WHERE id = $1 AND generation <= $2";
    let changed = tx.execute(sql, values![id, generation, at])?;
    one_changed(tx, id, generation, changed)
}

/// Removes the row of a service whose creation was undone, with its tags, contacts, backups and windows. Services that have stored
/// anything are marked as terminated instead, by [`update`].
pub fn remove(tx: &mut Tx<'_>, id: &ServiceId) -> Result<bool> {
    tx.execute("DELETE FROM tags WHERE owner_kind = 'service' AND owner_id = $1", values![id])?;
    tx.execute("DELETE FROM contacts WHERE owner_kind = 'service' AND owner_id = $1", values![id])?;
    tx.execute("DELETE FROM backups WHERE service_id = $1", values![id])?;
    tx.execute("DELETE FROM windows WHERE service_id = $1", values![id])?;
    tx.execute("DELETE FROM copies WHERE service_id = $1", values![id])?;
    Ok(tx.execute("DELETE FROM services WHERE id = $1", values![id])? > 0)
}

fn one_changed(tx: &mut Tx<'_>, id: &ServiceId, generation: u64, changed: u64) -> Result<()> {
    if changed == 1 {
        return Ok(());
    }
    let row = tx.first("SELECT generation FROM services WHERE id = $1", values![id])?.ok_or_else(|| missing(id))?;
    let now: u64 = row.count("generation")?;
    Err(Error::conflict(format!("service {id} is at generation {now}, later than {generation}")))
}

fn missing(id: &ServiceId) -> Error {
    Error::missing(format!("service {id} does not exist"))
}
