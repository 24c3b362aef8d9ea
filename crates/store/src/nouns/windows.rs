//! To which moments a service can be brought back in a region, as it was last read there.

use farshore_types::{Result, ServiceId, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// One unbroken stretch of moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from_at: Timestamp,
    /// The last moment.
    pub to_at: Timestamp,
    /// Bytes of log that the service had written and the region did not hold, when it was checked.
    pub at_risk_bytes: u64,
    /// The age of the oldest acknowledged work that the region did not hold, in microseconds.
    pub at_risk_us: u64,
    /// When it was checked.
    pub checked_at: Timestamp,
}

fn read(row: &Row) -> Result<Window> {
    Ok(Window {
        from_at: row.time("from_at")?,
        to_at: row.time("to_at")?,
        at_risk_bytes: row.count("at_risk_bytes")?,
        at_risk_us: row.count("at_risk_us")?,
        checked_at: row.time("checked_at")?,
    })
}

/// Puts what was read in a region in the place of what was known.
pub fn replace_all(tx: &mut Tx<'_>, service: &ServiceId, region: &str, windows: &[Window]) -> Result<()> {
    tx.execute("DELETE FROM windows WHERE service_id = $1 AND region = $2", values![service, region])?;
    for window in windows {
        tx.execute(
            "INSERT INTO windows (service_id, region, from_at, to_at, at_risk_bytes, at_risk_us, checked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                service,
                region,
                window.from_at,
                window.to_at,
                window.at_risk_bytes,
                window.at_risk_us,
                window.checked_at,
            ],
        )?;
    }
    Ok(())
}

/// Of a service in a region, in order of time.
pub fn of_region(tx: &mut Tx<'_>, service: &ServiceId, region: &str, limit: u32) -> Result<Vec<Window>> {
    let rows = tx.query(
        "SELECT from_at, to_at, at_risk_bytes, at_risk_us, checked_at FROM windows
         WHERE service_id = $1 AND region = $2 ORDER BY from_at LIMIT $3",
        values![service, region, limit],
    )?;
    rows.iter().map(read).collect()
}
