//! Users and databases of a service, as its owner may see and change them: statements over one connection of the superuser.
//!
//! The administrator of a service is no superuser: it owns the databases and may watch the server, but reaches neither files nor
//! programs of the host (PostgreSQL documentation, "Predefined Roles"). Before version 16 whoever may create roles could give itself
//! the predefined ones too, so there users are made here only. Passwords go to the server as SCRAM verifiers: they never stand in a
//! statement, nor in the server's log. Every verb may be repeated.

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use postgres_protocol::password::scram_sha_256;

use super::locale::{self, Locale};
use super::wire::{Connection, identifier, literal};

/// The first version in which a role that may create roles cannot give itself roles that it does not administer.
const SAFE_CREATEROLE: u32 = 16;
/// Roles and databases that belong to the server or to us.
const RESERVED: [&str; 4] = ["postgres", "template0", "template1", "replication"];
/// Users and databases that are listed.
pub const LISTED_MAX: usize = 1000;
/// Longest name that PostgreSQL keeps whole.
const NAME_BYTES_MAX: usize = 63;

/// The administrator of a service, and the database that it starts with.
pub struct Founders<'a> {
    /// The administrator's name.
    pub administrator: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The first database, which it owns.
    pub database: &'a str,
}

/// From now on this session finds names in the server's own catalog alone. Before version 15 everybody may write into the schema `public`
/// of the superuser's database, and a function there that fits its arguments better would be called in place of the server's.
pub fn trust_catalog_alone(connection: &mut Connection) -> Result<()> {
    connection.query("SET search_path = pg_catalog").map(drop).doing("prepare", "a session of the superuser")
}

/// Makes the administrator and its database, or gives an existing administrator this password. The superuser, who asks for it, has no
/// password any more: it comes in over the socket alone, and what it had may be that of the cluster from which this one was restored.
pub fn found(connection: &mut Connection, major: u32, founders: &Founders<'_>) -> Result<()> {
    let role = name(founders.administrator)?;
    let creates = if major >= SAFE_CREATEROLE { "CREATEROLE" } else { "NOCREATEROLE" };
    set_password(connection, founders.administrator, founders.password)?;
    connection.query("ALTER ROLE CURRENT_USER PASSWORD NULL").doing("take the password of", "the superuser")?;
    let rights = format!("ALTER ROLE {role} NOSUPERUSER CREATEDB {creates} NOREPLICATION NOBYPASSRLS LOGIN");
    connection.query(&rights).doing("give rights to", founders.administrator)?;
    let mut watch = vec!["pg_monitor", "pg_signal_backend"];
    if major >= 15 {
        watch.push("pg_checkpoint");
    }
    for granted in watch {
        connection.query(&format!("GRANT {granted} TO {role}")).doing("give rights to", founders.administrator)?;
    }
    create_database(connection, founders.database, founders.administrator, Locale::default())
}

/// Makes a user that can log in, or gives an existing one this password. Nothing else about it changes.
pub fn set_password(connection: &mut Connection, user: &str, password: &str) -> Result<()> {
    let role = name(user)?;
    let verifier = literal(&scram_sha_256(password.as_bytes()))?;
    let verb = if role_exists(connection, user)? { "ALTER" } else { "CREATE" };
    let statement = format!("{verb} ROLE {role} LOGIN PASSWORD {verifier}");
    connection.query(&statement).map(drop).doing("set the password of user", user)
}

/// Makes a user; `Conflict` if it exists.
pub fn create_user(connection: &mut Connection, user: &str, password: &str) -> Result<()> {
    name(user)?;
    if role_exists(connection, user)? {
        return Err(Error::conflict(format!("user {user} already exists")));
    }
    set_password(connection, user, password)
}

/// Removes a user; what it owns goes to the administrator. `Missing` if there is none.
pub fn drop_user(connection: &mut Connection, user: &str, administrator: &str) -> Result<()> {
    let role = name(user)?;
    if !role_exists(connection, user)? {
        return Err(Error::missing(format!("user {user} does not exist")));
    }
    if user == administrator {
        return Err(Error::denied(format!("user {user} administers the service and cannot be removed")));
    }
    let holds = connection.one_value(&format!(
        "SELECT count(*)::text FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass \
         AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = {})",
        literal(user)?
    ))?;
    if holds.as_deref() != Some("0") {
        let what = format!("user {user} owns or may use objects of the service's databases");
        let hint =
            format!("in each database: REASSIGN OWNED BY {role} TO {}; DROP OWNED BY {role}", name(administrator)?);
        return Err(Error::conflict(what).hint(hint));
    }
    connection.query(&format!("DROP ROLE {role}")).map(drop).doing("remove user", user)
}

/// Users that may log in, besides the superuser.
pub fn users(connection: &mut Connection, superuser: &str) -> Result<Vec<String>> {
    listed(
        connection,
        &format!(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> {} ORDER BY 1 LIMIT {LISTED_MAX}",
            literal(superuser)?
        ),
    )
}

/// A database as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its order of texts.
    pub collate: Option<String>,
    /// Its classes of characters.
    pub ctype: Option<String>,
}

/// Databases of the service.
pub fn databases(connection: &mut Connection) -> Result<Vec<Database>> {
    let statement = format!(
        "SELECT datname, datcollate, datctype FROM pg_database \
         WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1 LIMIT {LISTED_MAX}"
    );
    let answer = connection.query(&statement)?;
    let listed = answer.rows.into_iter().filter_map(|row| {
        let [name, collate, ctype] = <[Option<String>; 3]>::try_from(row).ok()?;
        Some(Database { name: name?, collate, ctype })
    });
    Ok(listed.collect())
}

/// Makes a database that belongs to a user; nothing happens if it is there. `Invalid` says which locales the server has.
pub fn create_database(connection: &mut Connection, database: &str, owner: &str, locale: Locale<'_>) -> Result<()> {
    let quoted = name(database)?;
    if database_exists(connection, database)? {
        return Ok(());
    }
    let statement = format!("CREATE DATABASE {quoted} OWNER {}{}", name(owner)?, locale.clauses()?);
    match connection.query(&statement) {
        Err(error) if locale != Locale::default() && locale::refused(&error) => {
            Err(locale::explained(connection, locale)?)
        }
        made => made.map(drop).doing("create database", database),
    }
}

/// Removes a database and ends its sessions. `Missing` if there is none.
pub fn drop_database(connection: &mut Connection, database: &str) -> Result<()> {
    let quoted = name(database)?;
    if !database_exists(connection, database)? {
        return Err(Error::missing(format!("database {database} does not exist")));
    }
    connection.query(&format!("DROP DATABASE {quoted} WITH (FORCE)")).map(drop).doing("remove database", database)
}

/// Whether a database is there.
pub fn database_exists(connection: &mut Connection, database: &str) -> Result<bool> {
    let statement = format!("SELECT count(*)::text FROM pg_database WHERE datname = {}", literal(database)?);
    Ok(connection.one_value(&statement)?.as_deref() == Some("1"))
}

fn role_exists(connection: &mut Connection, user: &str) -> Result<bool> {
    let statement = format!("SELECT count(*)::text FROM pg_roles WHERE rolname = {}", literal(user)?);
    Ok(connection.one_value(&statement)?.as_deref() == Some("1"))
}

fn listed(connection: &mut Connection, statement: &str) -> Result<Vec<String>> {
    let answer = connection.query(statement)?;
    Ok(answer.rows.iter().filter_map(|row| row.first()?.clone()).collect())
}

/// A name that a service's owner may choose, quoted. Those of the server itself and of its predefined roles are refused.
fn name(text: &str) -> Result<String> {
    let refused = |why: &str| Err(Error::invalid(format!("{text:?} cannot be the name of a user or database: {why}")));
    if text.len() > NAME_BYTES_MAX {
        return refused("it is longer than 63 bytes");
    }
    if RESERVED.contains(&text) || text.starts_with("pg_") || text.starts_with("farshore_") {
        return refused("it belongs to the server");
    }
    if text.chars().any(char::is_control) {
        return refused("it holds a control character");
    }
    identifier(text)
}
