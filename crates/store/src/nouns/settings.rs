//! Single values under a name: what the program found out or made once, such as its own keys, sealed.

use farshore_types::Result;

use crate::tx::Tx;
use crate::value::values;

/// The value of a key.
pub fn get(tx: &mut Tx<'_>, key: &str) -> Result<Option<Vec<u8>>> {
    tx.first("SELECT value FROM settings WHERE key = $1", values![key])?.map(|row| row.bytes("value")).transpose()
}

/// Sets a key, whatever it was.
pub fn set(tx: &mut Tx<'_>, key: &str, value: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        values![key, value],
    )
    .map(drop)
}

/// Removes a key; whether it was there.
pub fn remove(tx: &mut Tx<'_>, key: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM settings WHERE key = $1", values![key])? > 0)
}
