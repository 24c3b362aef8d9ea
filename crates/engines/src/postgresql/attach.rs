//! Backing up a cluster that somebody else made: the rights that are needed, as SQL to be shown, and the check that they
//! are held. Nothing is granted here.
//!
//! Needed are a role with REPLICATION, the two backup functions, the settings that name the data directory, and read
//! access to the files for the operating system user of the agent. Function rights are those of the database that the
//! agent connects to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_types::{Clock, Error, ErrorKind, Result};

use super::control::CONTROL_PATH;
use super::replication::Replication;
use super::server::check_version;
use super::wire::{Connection, Settings, identifier, literal};

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What and why, one sentence.
    pub what: String,
    /// The SQL, or the line for a configuration file, that mends it.
    pub remedy: String,
    /// Whether a backup or a journal is impossible without it.
    pub blocking: bool,
}

/// A function with its argument types, and what it is needed for.
struct Function {
    signature: &'static str,
    purpose: &'static str,
    blocking: bool,
}

const fn function(signature: &'static str, purpose: &'static str, blocking: bool) -> Function {
    Function { signature, purpose, blocking }
}

const BEFORE_15: [Function; 2] = [
    function("pg_start_backup(text, boolean, boolean)", "start a backup", true),
    function("pg_stop_backup(boolean, boolean)", "stop a backup", true),
];
const SINCE_15: [Function; 2] = [
    function("pg_backup_start(text, boolean)", "start a backup", true),
    function("pg_backup_stop(boolean)", "stop a backup", true),
];
const ALWAYS: [Function; 2] = [
    function("pg_switch_wal()", "end a file of the log early", false),
    function("pg_create_restore_point(text)", "make named points", false),
];

fn functions(major: u32) -> impl Iterator<Item = &'static Function> {
    let backup = if major < 15 { &BEFORE_15 } else { &SINCE_15 };
    backup.iter().chain(&ALWAYS)
}

/// The SQL that an administrator runs in the database that the agent will connect to. The role gets no password here;
/// `peer` on the socket needs none. `major` is 13 to 18.
pub fn sql(major: u32, role: &str, database: &str) -> Result<Vec<String>> {
    check_version(major.saturating_mul(10_000))?;
    let (role, database) = (identifier(role)?, identifier(database)?);
    let mut statements = vec![
        format!("CREATE ROLE {role} LOGIN REPLICATION;"),
        format!("GRANT pg_read_all_settings TO {role};"),
        format!("GRANT CONNECT ON DATABASE {database} TO {role};"),
    ];
    let grant = |function: &Function| format!("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {role};", function.signature);
    statements.extend(functions(major).map(grant));
    Ok(statements)
}

/// The lines for `pg_hba.conf` that let an operating system user be the role on the socket; before other `local` lines.
/// With different names a map in `pg_ident.conf` is needed.
pub fn host_rules(role: &str) -> Result<Vec<String>> {
    let role = super::conf::account(role)?;
    Ok(["all", "replication"].iter().map(|database| format!("local {database} {role} peer")).collect())
}

/// All that is lacking to protect this server with these settings: rights, settings, the way to the log and to the files. The directory
/// is the cluster's as this host sees it, if it differs from what the server says.
pub fn check_server(settings: &Settings, data_directory: Option<&Path>, clock: &Arc<dyn Clock>) -> Result<Vec<Lack>> {
    let mut connection = Connection::connect(settings, clock.clone())?;
    let mut lacks = check(&mut connection)?;
    match Replication::connect(settings, clock.clone()) {
        Ok(replication) => replication.close(),
        Err(error) if error.kind() == ErrorKind::Denied => lacks.push(Lack {
            what: format!("role {} may not stream the log: {}", settings.user, error.what()),
            remedy: format!("in pg_hba.conf: {}", host_rules(&settings.user)?.join(", ")),
            blocking: true,
        }),
        Err(error) => return Err(error),
    }
    let shown = "SELECT setting FROM pg_settings WHERE name = 'data_directory'";
    let directory = match data_directory {
        Some(directory) => Some(directory.to_path_buf()),
        // Not shown to a role without the right to see it: that was found above.
        None => connection.one_value(shown)?.map(PathBuf::from),
    };
    lacks.extend(directory.map(|directory| check_files(&directory)).unwrap_or_default());
    Ok(lacks)
}

/// Refuses a server for which something indispensable is lacking; the error names it all, the hint mends it.
pub fn refuse(lacks: &[Lack]) -> Result<()> {
    let blocking: Vec<&Lack> = lacks.iter().filter(|lack| lack.blocking).collect();
    if blocking.is_empty() {
        return Ok(());
    }
    let list = |text: fn(&Lack) -> &str| blocking.iter().map(|lack| text(lack)).collect::<Vec<_>>();
    let what = format!("the server cannot be protected: {}", list(|lack| &lack.what).join("; "));
    Err(Error::denied(what).hint(list(|lack| &lack.remedy).join(" ")))
}

/// What the role of this session lacks; empty when backup and journal are possible.
pub fn check(connection: &mut Connection) -> Result<Vec<Lack>> {
    let number = connection.one_value("SHOW server_version_num")?.unwrap_or_default();
    let number: u32 = number.parse().map_err(|_| Error::invalid(format!("the server has version {number:?}")))?;
    check_version(number)?;
    let mut lacks = Vec::new();
    check_role(connection, &mut lacks)?;
    for function in functions(number / 10_000) {
        check_function(connection, function, &mut lacks)?;
    }
    check_settings(connection, &mut lacks)?;
    Ok(lacks)
}

fn holds(connection: &mut Connection, condition: &str) -> Result<bool> {
    Ok(connection.one_value(&format!("SELECT ({condition})::text"))?.as_deref() == Some("true"))
}

fn check_role(connection: &mut Connection, lacks: &mut Vec<Lack>) -> Result<()> {
    let role = connection.one_value("SELECT quote_ident(current_user)")?.unwrap_or_default();
    let table = [
        (
            "(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)",
            format!("role {role} may not stream the log"),
            format!("ALTER ROLE {role} REPLICATION;"),
        ),
        (
            "pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')",
            format!("role {role} may not see where the data directory is"),
            format!("GRANT pg_read_all_settings TO {role};"),
        ),
    ];
    for (condition, what, remedy) in table {
        if !holds(connection, condition)? {
            lacks.push(Lack { what, remedy, blocking: true });
        }
    }
    Ok(())
}

fn check_function(connection: &mut Connection, function: &Function, lacks: &mut Vec<Lack>) -> Result<()> {
    let signature = format!("pg_catalog.{}", function.signature);
    if !holds(connection, &format!("has_function_privilege({}, 'EXECUTE')", literal(&signature)?))? {
        let answer = connection.query("SELECT quote_ident(current_user) AS role, current_database() AS database")?;
        let (role, database) = (answer.value(0, "role"), answer.value(0, "database"));
        let (role, database) = (role.unwrap_or_default(), database.unwrap_or_default());
        lacks.push(Lack {
            what: format!("role {role} may not {} in database {database}", function.purpose),
            remedy: format!("GRANT EXECUTE ON FUNCTION {signature} TO {role};"),
            blocking: function.blocking,
        });
    }
    Ok(())
}

fn check_settings(connection: &mut Connection, lacks: &mut Vec<Lack>) -> Result<()> {
    let table = [
        (
            "current_setting('wal_level') <> 'minimal'",
            "the log is too short to recover from",
            "wal_level = 'replica'",
            true,
        ),
        ("current_setting('max_wal_senders')::int > 0", "the log cannot be streamed", "max_wal_senders = 10", true),
        (
            "current_setting('max_replication_slots')::int > 0",
            "no replication slot fits",
            "max_replication_slots = 10",
            true,
        ),
        ("current_setting('fsync') = 'on'", "a crash of the machine can damage the cluster", "fsync = on", false),
        (
            "current_setting('max_slot_wal_keep_size') <> '-1'",
            "while the store is away the log may fill the disk",
            "max_slot_wal_keep_size = '10GB'",
            false,
        ),
        (
            "current_setting('data_checksums') = 'on' OR current_setting('wal_log_hints') = 'on'",
            "every backup has to be a full one",
            "wal_log_hints = on",
            false,
        ),
    ];
    for (condition, what, remedy, blocking) in table {
        if !holds(connection, condition)? {
            lacks.push(Lack { what: what.to_string(), remedy: remedy.to_string(), blocking });
        }
    }
    Ok(())
}

/// Whether this process can read the cluster's files.
pub fn check_files(data_directory: &Path) -> Vec<Lack> {
    let mut lacks = Vec::new();
    for path in ["PG_VERSION", CONTROL_PATH, "base", "pg_wal"] {
        let location = data_directory.join(path);
        let opened = std::fs::File::open(&location);
        if let Err(error) = opened {
            lacks.push(Lack {
                what: format!("{} cannot be read: {error}", location.display()),
                remedy: "run the agent as the database's operating system user, or as root".to_string(),
                blocking: true,
            });
        }
    }
    lacks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sql_names_the_functions_of_the_version_and_quotes_the_role() {
        for (major, present, absent) in [
            (13, "pg_start_backup(text, boolean, boolean)", "pg_backup_start"),
            (14, "pg_stop_backup(boolean, boolean)", "pg_backup_stop"),
            (15, "pg_backup_start(text, boolean)", "pg_start_backup"),
            (18, "pg_backup_stop(boolean)", "pg_stop_backup"),
        ] {
            let text = sql(major, "back\"up", "postgres").unwrap().join("\n");
            assert!(text.contains(present) && !text.contains(absent) && text.contains("\"back\"\"up\""), "{text}");
        }
        assert!(sql(12, "x", "postgres").is_err());
        assert!(host_rules("x\ntrust").is_err());
    }
}
