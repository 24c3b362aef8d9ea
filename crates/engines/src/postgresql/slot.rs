//! Physical replication slots: the server keeps its log until the slot's owner has confirmed it.
//!
//! Managed by SQL on an ordinary session, because the replication command to read a slot exists only since version 15.
//! A slot outlives sessions and crashes; only [`remove`] ends it. The server bounds what it keeps by
//! `max_slot_wal_keep_size`; beyond that the slot is [`WalStatus::Lost`].

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Position, Result};

use super::wire::{Connection, identifier, literal};

/// Longest name of a slot.
const NAME_BYTES_MAX: usize = 63;

/// Whether the log that a slot needs is still there (documentation of `pg_replication_slots.wal_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalStatus {
    /// Nothing is kept yet: the slot was never used.
    Unused,
    /// Within `max_wal_size`.
    Reserved,
    /// More than that, kept for this slot.
    Extended,
    /// About to be removed by the next checkpoint.
    Unreserved,
    /// Gone: the journal has a gap, and the slot is of no further use.
    Lost,
}

/// A slot as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The log is kept from here on.
    pub restart: Option<Position>,
    /// Whether somebody streams from it.
    pub active: bool,
    /// Whether the log is still there.
    pub status: WalStatus,
    /// Bytes of log that may still be written before the slot is lost; `None` without a bound.
    pub room_bytes: Option<i64>,
}

/// A checked name in quotes. 1 to 63 of `a-z`, `0-9`, `_`.
pub(super) fn quoted_name(name: &str) -> Result<String> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        let what = Error::invalid(format!("{name:?} is not a name for a replication slot"));
        return Err(what.hint("use 1 to 63 of a-z, 0-9 and '_'"));
    }
    identifier(name)
}

/// Makes a slot that keeps the log from now on; returns from where. `Conflict` if it exists.
pub fn create(connection: &mut Connection, name: &str) -> Result<Position> {
    quoted_name(name)?;
    let sql = format!("SELECT lsn::text FROM pg_create_physical_replication_slot({}, true)", literal(name)?);
    let position = connection.one_value(&sql).doing("create replication slot", name)?;
    position.ok_or_else(|| Error::invalid("the new replication slot keeps no log"))?.parse()
}

/// A slot, if it exists. A logical slot of that name is `Conflict`.
pub fn read(connection: &mut Connection, name: &str) -> Result<Option<Slot>> {
    let sql = format!(
        "SELECT slot_type, restart_lsn::text, active::text, wal_status, safe_wal_size::text \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(name)?
    );
    let answer = connection.query(&sql).doing("read replication slot", name)?;
    if answer.rows.is_empty() {
        return Ok(None);
    }
    if answer.value(0, "slot_type") != Some("physical") {
        return Err(Error::conflict(format!("replication slot {name} is a logical one")));
    }
    let status = match answer.value(0, "wal_status") {
        None => WalStatus::Unused,
        Some("reserved") => WalStatus::Reserved,
        Some("extended") => WalStatus::Extended,
        Some("unreserved") => WalStatus::Unreserved,
        Some(_) => WalStatus::Lost,
    };
    Ok(Some(Slot {
        restart: answer.value(0, "restart_lsn").map(str::parse).transpose()?,
        active: answer.value(0, "active") == Some("true"),
        status,
        room_bytes: answer.value(0, "safe_wal_size").and_then(|text| text.parse().ok()),
    }))
}

/// Removes a slot; one that does not exist is fine. `Conflict` while somebody streams from it.
pub fn remove(connection: &mut Connection, name: &str) -> Result<()> {
    let name_literal = literal(name)?;
    let sql = format!(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
         WHERE slot_name = {name_literal} AND slot_type = 'physical'"
    );
    connection.query(&sql).map(|_| ()).doing("drop replication slot", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_names_are_checked_before_they_reach_the_server() {
        for (name, good) in
            [("farshore_1", true), ("", false), ("A", false), ("a b", false), ("a\"b", false), ("a-b", false)]
        {
            assert_eq!(quoted_name(name).is_ok(), good, "{name:?}");
        }
        assert!(quoted_name(&"a".repeat(64)).is_err());
    }
}
