//! Statistics of the statements that a server ran, as its module `pg_stat_statements` counts them (PostgreSQL documentation, "Additional
//! Supplied Modules", heading "pg_stat_statements"). The server counts from its start on, for all databases at once; the extension only
//! shows it, so it is made where and when somebody asks: in the superuser's own database, in a schema of its own.
//!
//! Promise: nothing that a service's users can write is executed. They make neither schemas nor extensions in that database; every
//! name here is qualified or found in `pg_catalog`, and an order is one of known columns. Sessions of the superuser leave no trace.

use farshore_types::error::ErrorContext;
use farshore_types::statistics::{COLUMNS, Direction, Page};
use farshore_types::{Error, ErrorKind, Result};

use super::wire::{Connection, identifier, literal, sqlstate};

/// The library that a server loads at its start, and the name of its extension.
pub const LIBRARY: &str = "pg_stat_statements";
/// Statements that a server remembers, the least used are forgotten: some 3 MiB of shared memory.
const STATEMENTS_MAX: u32 = 5000;
/// The schema that the extension is made in.
const SCHEMA: &str = "farshore";
/// Characters of a statement that are shown.
const STATEMENT_CHARS_MAX: u32 = 8192;
/// Where the server keeps the texts of all statements, in its data directory. Who reads one has them all read into memory.
const TEXTS: &str = "pg_stat_tmp/pgss_query_texts.stat";
/// Above so many bytes of texts they are not read; numbers are shown all the same.
const TEXTS_BYTES_MAX: u64 = 64 << 20;
/// What stands in place of a text that was not read.
const TEXT_NOT_READ: &str =
    "<not read: all texts together are too large, or one has no known encoding; reset the statistics>";
/// The class of what a server says of a text that it cannot bring into the encoding of a session: a user may have made a database without one
/// (PostgreSQL documentation, "PostgreSQL Error Codes", class "Data Exception").
const NO_TEXT: &str = "22";
/// The first version that counts the time of reads for shared, local and temporary pages apart.
const TIMES_APART: u32 = 17;

/// What a server that counts is configured with. Commands that are no queries are not counted: their texts are kept as they came, with
/// the passwords that some of them hold.
pub(super) fn settings() -> [(&'static str, String); 5] {
    [
        ("shared_preload_libraries", LIBRARY.to_string()),
        ("pg_stat_statements.max", STATEMENTS_MAX.to_string()),
        ("pg_stat_statements.track", "top".to_string()),
        ("pg_stat_statements.track_utility", "off".to_string()),
        ("pg_stat_statements.save", "on".to_string()),
    ]
}

/// Whether the texts of statements are wanted; one that cannot be read keeps the server from giving any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    Wanted,
    LeftOut,
}

/// Rows as JSON objects with all of [`COLUMNS`]. A session of the superuser in its own database; `Conflict` says why nothing is counted.
pub fn read(session: &mut Connection, major: u32, superuser: &str, page: &Page) -> Result<Vec<String>> {
    let schema = shown_in(session)?;
    let mut ask = |texts| session.query(&statement(&schema, (major, superuser), page, texts)?);
    let answer = match ask(Texts::Wanted) {
        Err(error) if sqlstate(&error).is_some_and(|state| state.starts_with(NO_TEXT)) => ask(Texts::LeftOut),
        answer => answer,
    };
    let answer = answer.doing("read", "statistics of queries")?;
    Ok(answer.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Begins to count anew, for all users and databases.
pub fn reset(session: &mut Connection) -> Result<()> {
    let schema = shown_in(session)?;
    session
        .query(&format!("SELECT {schema}.pg_stat_statements_reset()"))
        .map(drop)
        .doing("reset", "statistics of queries")
}

/// The quoted schema of the extension, which is made if it is not there.
fn shown_in(session: &mut Connection) -> Result<String> {
    let loaded = "SELECT pg_catalog.current_setting('shared_preload_libraries')";
    let loaded = session.one_value(loaded)?.unwrap_or_default();
    if !loaded.split(',').any(|library| library.trim().trim_matches('"') == LIBRARY) {
        let what = format!("no statistics of queries are kept: the server did not load {LIBRARY} at its start");
        let hint =
            "power the service off and on; if that changes nothing, the PostgreSQL of its host lacks that library";
        return Err(Error::conflict(what).hint(hint));
    }
    if let Some(schema) = found_in(session)? {
        return Ok(schema);
    }
    // A schema that is there already is ours: nobody else makes one in this database.
    let make =
        format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE EXTENSION IF NOT EXISTS {LIBRARY} SCHEMA {SCHEMA}");
    let made = session.query(&make);
    match (found_in(session)?, made) {
        // Made a moment ago, maybe by somebody who asked at the same time, which our own attempt then failed on.
        (Some(schema), _) => Ok(schema),
        (None, Err(error)) if sqlstate(&error).is_none() => Err(error),
        (None, Err(error)) => Err(error.with_kind(ErrorKind::Conflict).context("prepare", "statistics of queries")),
        (None, Ok(_)) => Err(Error::conflict(format!("extension {LIBRARY} is gone again")).hint("ask once more")),
    }
}

fn found_in(session: &mut Connection) -> Result<Option<String>> {
    let ask = format!(
        "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n \
         ON n.oid OPERATOR(pg_catalog.=) e.extnamespace WHERE e.extname OPERATOR(pg_catalog.=) {}",
        literal(LIBRARY)?
    );
    session.one_value(&ask)?.map(|schema| identifier(&schema)).transpose()
}

fn statement(schema: &str, (major, superuser): (u32, &str), page: &Page, texts: Texts) -> Result<String> {
    let shown = COLUMNS.map(|column| format!("{} AS \"{column}\"", shown(column, major)));
    let direction = match page.order().direction() {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    Ok(format!(
        "SET search_path = pg_catalog; SELECT to_jsonb(q)::text FROM (SELECT {} \
         FROM {schema}.pg_stat_statements({} AND coalesce((pg_stat_file({}, true)).size, 0) <= {TEXTS_BYTES_MAX}) s \
         JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname <> {} \
         ORDER BY {} {direction} NULLS LAST, s.queryid, s.dbid, s.userid LIMIT {} OFFSET {}) q",
        shown.join(", "),
        texts == Texts::Wanted,
        literal(TEXTS)?,
        literal(superuser)?,
        counted(page.order().column(), major),
        page.limit(),
        page.offset(),
    ))
}

/// How a column is shown: bounded, and with the type that the documented answer has.
fn shown(column: &str, major: u32) -> String {
    match column {
        "query" => format!("coalesce(left(s.query, {STATEMENT_CHARS_MAX}), '{TEXT_NOT_READ}')"),
        "wal_bytes" => "s.wal_bytes::text".to_string(),
        _ => counted(column, major),
    }
}

/// What a column is to this version of the server.
fn counted(column: &str, major: u32) -> String {
    match column {
        "database_name" => "d.datname".to_string(),
        "user_name" => "r.rolname".to_string(),
        "blk_read_time" | "blk_write_time" if major >= TIMES_APART => {
            format!("(s.shared_{column} + s.local_{column})")
        }
        "max_time" | "mean_time" | "min_time" | "stddev_time" | "total_time" => {
            format!("s.{}_exec_time", column.trim_end_matches("_time"))
        }
        other => format!("s.{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_what_each_version_calls_it() {
        let table = [
            ("blk_read_time", 16, "s.blk_read_time"),
            ("blk_write_time", 17, "(s.shared_blk_write_time + s.local_blk_write_time)"),
            ("stddev_time", 13, "s.stddev_exec_time"),
            ("total_plan_time", 18, "s.total_plan_time"),
            ("user_name", 15, "r.rolname"),
        ];
        for (column, major, expected) in table {
            assert_eq!(counted(column, major), expected);
        }
    }
}
