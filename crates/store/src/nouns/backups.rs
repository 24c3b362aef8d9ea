//! Which backups a region holds, as it was last read there. The region is the truth; this is what can be shown without it.

use farshore_types::{Result, ServiceId, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A backup in a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// Its name in the region's repository.
    pub name: String,
    /// The moment that it holds.
    pub taken_at: Timestamp,
    /// Its place in the order of the repository.
    pub sequence: u64,
    /// Bytes of the database's files.
    pub raw_bytes: u64,
    /// Bytes that were stored for it.
    pub stored_bytes: u64,
    /// Whether it needs no other.
    pub full: bool,
    /// When it was last found good.
    pub verified_at: Option<Timestamp>,
    /// What else is shown of it: an object.
    pub details: serde_json::Value,
}

fn read(row: &Row) -> Result<Backup> {
    Ok(Backup {
        name: row.text("name")?,
        taken_at: row.time("taken_at")?,
        sequence: row.count("sequence")?,
        raw_bytes: row.count("raw_bytes")?,
        stored_bytes: row.count("stored_bytes")?,
        full: row.flag("is_full")?,
        verified_at: row.time_or_null("verified_at")?,
        details: row.json("details")?,
    })
}

/// Puts what was read in a region in the place of what was known.
pub fn replace_all(tx: &mut Tx<'_>, service: &ServiceId, region: &str, backups: &[Backup]) -> Result<()> {
    tx.execute("DELETE FROM backups WHERE service_id = $1 AND region = $2", values![service, region])?;
    for backup in backups {
        tx.execute(
            "INSERT INTO backups (service_id, region, name, taken_at, sequence, raw_bytes, stored_bytes, is_full,
                                  verified_at, details)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                service,
                region,
                &backup.name,
                backup.taken_at,
                backup.sequence,
                backup.raw_bytes,
                backup.stored_bytes,
                backup.full,
                backup.verified_at,
                &backup.details,
            ],
        )?;
    }
    Ok(())
}

/// Of a service in a region, newest first.
pub fn of_region(tx: &mut Tx<'_>, service: &ServiceId, region: &str, limit: u32) -> Result<Vec<Backup>> {
    let rows = tx.query(
        "SELECT name, taken_at, sequence, raw_bytes, stored_bytes, is_full, verified_at, details FROM backups
         WHERE service_id = $1 AND region = $2 ORDER BY taken_at DESC, sequence DESC LIMIT $3",
        values![service, region, limit],
    )?;
    rows.iter().map(read).collect()
}
