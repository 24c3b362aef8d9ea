//! Further regions of a service: where its backups and log are copied, and where copies are kept for a while after that was turned off.
//! A row stays until the copy is gone: what is not in this table no region holds.

use farshore_types::{Result, ServiceId, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A copy in a further region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Whose.
    pub service: ServiceId,
    /// Where.
    pub region: String,
    /// Since when it shall be there.
    pub enabled_at: Timestamp,
    /// When it is deleted; `None` while it shall be there.
    pub ends_at: Option<Timestamp>,
    /// Since when it is further behind than its objective; `None` while it is not.
    pub late_since: Option<Timestamp>,
}

fn read(row: &Row) -> Result<Copy> {
    Ok(Copy {
        service: row.parsed("service_id")?,
        region: row.text("region")?,
        enabled_at: row.time("enabled_at")?,
        ends_at: row.time_or_null("ends_at")?,
        late_since: row.time_or_null("late_since")?,
    })
}

/// Adds one, or changes the one that is there.
pub fn put(tx: &mut Tx<'_>, copy: &Copy) -> Result<()> {
    tx.execute(
        "INSERT INTO copies (service_id, region, enabled_at, ends_at, late_since) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (service_id, region) DO UPDATE SET enabled_at = $3, ends_at = $4, late_since = $5",
        values![&copy.service, &copy.region, copy.enabled_at, copy.ends_at, copy.late_since],
    )
    .map(drop)
}

/// Of a service, in the order of the regions' names.
pub fn of_service(tx: &mut Tx<'_>, service: &ServiceId) -> Result<Vec<Copy>> {
    let sql =
        "SELECT service_id, region, enabled_at, ends_at, late_since FROM copies WHERE service_id = $1 ORDER BY region";
    tx.query(sql, values![service])?.iter().map(read).collect()
}

/// Those that are to be deleted by now, longest due first, at most `limit`.
pub fn ended(tx: &mut Tx<'_>, now: Timestamp, limit: u32) -> Result<Vec<Copy>> {
    let rows = tx.query(
        "SELECT service_id, region, enabled_at, ends_at, late_since FROM copies
         WHERE ends_at <= $1 ORDER BY ends_at, service_id, region LIMIT $2",
        values![now, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Forgets that a region is a further one of a service, which has become its own: what it holds stays.
pub fn forget(tx: &mut Tx<'_>, service: &ServiceId, region: &str) -> Result<()> {
    tx.execute("DELETE FROM copies WHERE service_id = $1 AND region = $2", values![service, region]).map(drop)
}

/// Removes one that is gone, with what was known of its region.
pub fn remove(tx: &mut Tx<'_>, service: &ServiceId, region: &str) -> Result<()> {
    tx.execute("DELETE FROM backups WHERE service_id = $1 AND region = $2", values![service, region])?;
    tx.execute("DELETE FROM windows WHERE service_id = $1 AND region = $2", values![service, region])?;
    tx.execute("DELETE FROM copies WHERE service_id = $1 AND region = $2", values![service, region]).map(drop)
}
