//! People. An e-mail address names one; it is stored as it was given, so the caller folds its case.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A person who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// UUID.
    pub id: String,
    /// Unique: a second one is refused with `Conflict` on `users_email`.
    pub email: String,
    /// For people to read.
    pub real_name: String,
    /// Argon2id, in its own text form; none: cannot log in with a password.
    pub password_hash: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Tokens made before are void.
    pub tokens_valid_from: Timestamp,
}

macro_rules! columns {
    () => {
        "id, email, real_name, password_hash, created_at, tokens_valid_from"
    };
}

fn read(row: &Row) -> Result<User> {
    Ok(User {
        id: row.text("id")?,
        email: row.text("email")?,
        real_name: row.text("real_name")?,
        password_hash: row.text_or_null("password_hash")?,
        created_at: row.time("created_at")?,
        tokens_valid_from: row.time("tokens_valid_from")?,
    })
}

/// Adds one.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    tx.execute(
        concat!("INSERT INTO users (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6)"),
        values![
            &user.id,
            &user.email,
            &user.real_name,
            user.password_hash.as_ref(),
            user.created_at,
            user.tokens_valid_from,
        ],
    )
    .map(drop)
}

/// By id.
pub fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<User>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"), values![id])?;
    row.as_ref().map(read).transpose()
}

/// By e-mail address, letter by letter.
pub fn by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<User>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM users WHERE email = $1"), values![email])?;
    row.as_ref().map(read).transpose()
}

/// In the order of their addresses.
pub fn list(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<User>> {
    let rows = tx.query(concat!("SELECT ", columns!(), " FROM users ORDER BY email LIMIT $1"), values![limit])?;
    rows.iter().map(read).collect()
}

/// Changes everything but id and `created_at`; whether the user exists.
pub fn update(tx: &mut Tx<'_>, user: &User) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE users SET email = $2, real_name = $3, password_hash = $4, tokens_valid_from = $5 WHERE id = $1",
        values![&user.id, &user.email, &user.real_name, user.password_hash.as_ref(), user.tokens_valid_from],
    )?;
    Ok(changed > 0)
}
