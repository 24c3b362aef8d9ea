//! Brings the tables up to date: numbered files of statements, applied in order, each once.
//!
//! All of it is one writing transaction: of two programs that start at the same time the second finds the work done, and one
//! that dies leaves the tables as they were. A file that was released is never changed, which its recorded hash proves.

use aws_lc_rs::digest;
use farshore_types::ids::hex;
use farshore_types::{Error, Result};

use crate::tx::Tx;
use crate::value::values;

/// One file of statements.
struct Migration {
    number: i64,
    sql: &'static str,
}

/// In order, without gaps. `BYTES` stands for the byte strings of the database.
const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, sql: include_str!("../migrations/0001-first.sql") },
    Migration { number: 2, sql: include_str!("../migrations/0002-copies.sql") },
    Migration { number: 3, sql: include_str!("../migrations/0003-invitations.sql") },
    Migration { number: 4, sql: include_str!("../migrations/0004-contacts.sql") },
    Migration { number: 5, sql: include_str!("../migrations/0005-given-up.sql") },
];

/// Applies what is missing.
pub fn apply(tx: &mut Tx<'_>) -> Result<()> {
    apply_list(tx, MIGRATIONS)
}

fn apply_list(tx: &mut Tx<'_>, migrations: &[Migration]) -> Result<()> {
    tx.migrate(
        "CREATE TABLE IF NOT EXISTS migrations (
            number BIGINT NOT NULL PRIMARY KEY, hash TEXT NOT NULL, applied_at BIGINT NOT NULL
        )",
    )?;
    let rows = tx.query("SELECT number, hash FROM migrations ORDER BY number", values![])?;
    for (position, row) in rows.iter().enumerate() {
        let number = row.int("number")?;
        let Some(known) = migrations.get(position) else {
            let what = format!("a newer program has made the tables: migration {number} is not known here");
            return Err(Error::conflict(what).hint("start the newer farshore"));
        };
        if known.number != number || hash(known.sql) != row.text("hash")? {
            let what = format!("migration {number} was applied with other statements than this program has");
            return Err(Error::corrupt(what).hint("start the farshore that made this store"));
        }
    }
    for migration in migrations.iter().skip(rows.len()) {
        tx.migrate(migration.sql).map_err(|error| error.context("apply migration", migration.number))?;
        let now = tx.now();
        tx.execute(
            "INSERT INTO migrations (number, hash, applied_at) VALUES ($1, $2, $3)",
            values![migration.number, hash(migration.sql).as_str(), now],
        )?;
    }
    Ok(())
}

fn hash(sql: &str) -> String {
    hex(digest::digest(&digest::SHA256, sql.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use farshore_types::ErrorKind;

    use super::*;
    use crate::connection::{Access, Connection};
    use crate::sqlite::{Sqlite, create};

    const ONE: Migration = Migration { number: 1, sql: "CREATE TABLE a (x BIGINT)" };
    const TWO: Migration = Migration { number: 2, sql: "CREATE TABLE b (x BYTES)" };
    const CHANGED: Migration = Migration { number: 1, sql: "CREATE TABLE c (x BIGINT)" };
    const WRONG: Migration = Migration { number: 2, sql: "CREATE TABLE d (x BIGINT); CREATE" };

    fn apply_to(connection: &mut dyn Connection, migrations: &[Migration]) -> Result<()> {
        connection.begin(Access::Write)?;
        let now = farshore_types::Timestamp::default();
        let result = apply_list(&mut Tx::new(connection, Access::Write, now), migrations);
        if result.is_ok() {
            connection.commit()?;
        } else {
            connection.rollback()?;
        }
        result
    }

    #[test]
    fn migrations_are_applied_once_and_in_order_and_foreign_ones_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        create(&path).unwrap();
        let mut sqlite = Sqlite::open_writer(&path).unwrap();
        apply_to(&mut sqlite, &[ONE]).unwrap();
        apply_to(&mut sqlite, &[ONE]).unwrap();
        let error = apply_to(&mut sqlite, &[ONE, WRONG]).unwrap_err();
        assert!(error.message().contains("apply migration 2"), "{error}");
        apply_to(&mut sqlite, &[ONE, TWO]).unwrap();
        let error = apply_to(&mut sqlite, &[ONE]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.message().contains("migration 2"), "{error}");
        let error = apply_to(&mut sqlite, &[CHANGED, TWO]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.message().contains("migration 1"), "{error}");
    }
}
