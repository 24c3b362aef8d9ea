//! What requests prove themselves with. The token itself is never here: only its SHA-256 and its first characters.

use farshore_types::{Error, Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;
/// Characters of the token that are shown, and name it among those of its user.
pub const PREFIX_CHARS: usize = 12;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// UUID.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// SHA-256 of the whole token.
    pub hash: [u8; HASH_BYTES],
    /// The first [`PREFIX_CHARS`] characters.
    pub prefix: String,
    /// For people to read.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long it is valid, in seconds; none: until revoked.
    pub max_age_s: Option<i64>,
    /// Whether each use makes `max_age_s` begin anew.
    pub extend: bool,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// From which address.
    pub last_ip: Option<String>,
    /// With which program.
    pub last_user_agent: Option<String>,
}

/// What a use leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// When the token ends from now on.
    pub expires_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, user_id, hash, prefix, description, created_at, max_age_s, extend, expires_at, last_used_at, last_ip, \
         last_user_agent"
    };
}

fn read(row: &Row) -> Result<Token> {
    let wrong = |_| Error::corrupt(format!("column hash does not hold {HASH_BYTES} bytes"));
    Ok(Token {
        id: row.text("id")?,
        user_id: row.text("user_id")?,
        hash: row.bytes("hash")?.try_into().map_err(wrong)?,
        prefix: row.text("prefix")?,
        description: row.text("description")?,
        created_at: row.time("created_at")?,
        max_age_s: row.int_or_null("max_age_s")?,
        extend: row.flag("extend")?,
        expires_at: row.time_or_null("expires_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
        last_ip: row.text_or_null("last_ip")?,
        last_user_agent: row.text_or_null("last_user_agent")?,
    })
}

/// Adds one.
pub fn insert(tx: &mut Tx<'_>, token: &Token) -> Result<()> {
    tx.execute(
        concat!("INSERT INTO tokens (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
        values![
            &token.id,
            &token.user_id,
            token.hash.as_slice(),
            &token.prefix,
            &token.description,
            token.created_at,
            token.max_age_s,
            token.extend,
            token.expires_at,
            token.last_used_at,
            token.last_ip.as_ref(),
            token.last_user_agent.as_ref(),
        ],
    )
    .map(drop)
}

/// The token with this hash, also one that has expired.
pub fn by_hash(tx: &mut Tx<'_>, hash: &[u8; HASH_BYTES]) -> Result<Option<Token>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM tokens WHERE hash = $1"), values![hash.as_slice()])?;
    row.as_ref().map(read).transpose()
}

/// Those of a user, newest first.
pub fn of_user(tx: &mut Tx<'_>, user_id: &str, limit: u32) -> Result<Vec<Token>> {
    let rows = tx.query(
        concat!("SELECT ", columns!(), " FROM tokens WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2"),
        values![user_id, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Notes a use; whether the token still exists.
pub fn touch(tx: &mut Tx<'_>, id: &str, used: &Use) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE tokens SET last_used_at = $2, last_ip = $3, last_user_agent = $4, expires_at = $5 WHERE id = $1",
        values![id, used.at, used.ip.as_ref(), used.user_agent.as_ref(), used.expires_at],
    )?;
    Ok(changed > 0)
}

/// Changes the description of a user's token; the token as it is then, none if there is none.
pub fn describe(tx: &mut Tx<'_>, user_id: &str, prefix: &str, description: &str) -> Result<Option<Token>> {
    let row = tx.first(
        concat!("UPDATE tokens SET description = $3 WHERE user_id = $1 AND prefix = $2 RETURNING ", columns!()),
        values![user_id, prefix, description],
    )?;
    row.as_ref().map(read).transpose()
}

/// Revokes a user's token; whether there was one.
pub fn delete(tx: &mut Tx<'_>, user_id: &str, prefix: &str) -> Result<bool> {
    let sql = "DELETE FROM tokens WHERE user_id = $1 AND prefix = $2";
    Ok(tx.execute(sql, values![user_id, prefix])? > 0)
}

/// Revokes all of a user; how many.
pub fn delete_all(tx: &mut Tx<'_>, user_id: &str) -> Result<u64> {
    tx.execute("DELETE FROM tokens WHERE user_id = $1", values![user_id])
}

/// Removes those that ended before a moment; how many.
pub fn delete_expired(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM tokens WHERE expires_at < $1", values![before])
}
