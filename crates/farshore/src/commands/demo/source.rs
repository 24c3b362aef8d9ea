//! The service in the first region: its data, and what is asked of it before it is lost and of every fork afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_engines::postgresql::wire::{Address, Connection, Settings, literal};
use farshore_types::error::ErrorContext;
use farshore_types::ids::hex;
use farshore_types::{Error, Program, Progress, Result, units};

use super::children::while_growing;
use super::north::North;
use super::scene::Scene;
use super::session::Login;
use super::workload::LEDGER;
use crate::progress;

/// The database.
pub const DATABASE: &str = "bank";
/// pgbench with its indexes.
const PGBENCH_DEADLINE: Duration = Duration::from_secs(900);
/// Bytes of a database for each step of pgbench's scale, about.
const BYTES_PER_SCALE: u64 = 15_500_000;
const QUERY_DEADLINE: Duration = Duration::from_secs(300);
const PASSWORD_BYTES: usize = 18;
/// Rows of invoices and statements for each step of pgbench's scale.
const ROWS_PER_SCALE: u32 = 2_000;

/// What must be the same in every fork.
pub const PROBES: [(&str, &str); 5] = [
    (
        "roles",
        "SELECT string_agg(r.rolname || ':' || r.rolcanlogin || ':' || coalesce(r.rolpassword, '-') || ':' || \
         coalesce((SELECT string_agg(g.rolname, ',') FROM pg_auth_members m JOIN pg_authid g ON g.oid = m.roleid \
         WHERE m.member = r.oid), '-'), ' ' ORDER BY r.rolname) FROM pg_authid r \
         WHERE r.rolname IN ('bank_owner', 'teller')",
    ),
    (
        "extension",
        "SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY extname) || ' ' || \
         encode(digest('farshore', 'sha256'), 'hex') FROM pg_extension WHERE extname IN ('pgcrypto', 'plpgsql')",
    ),
    (
        "tablespace",
        "SELECT t.spcname || ' ' || (SELECT count(*) || ' ' || md5(string_agg(id || line, ',' ORDER BY id)) \
         FROM statements) FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE c.relname = 'statements'",
    ),
    ("large object", "SELECT string_agg(md5(lo_get(oid)), ' ' ORDER BY oid) FROM pg_largeobject_metadata"),
    (
        "identity column",
        "SELECT a.attidentity::text || ' ' || (SELECT max(id) FROM statements) FROM pg_attribute a \
         WHERE a.attrelid = 'statements'::regclass AND a.attname = 'id'",
    ),
];

/// What the mistake destroys.
pub const INVOICES: &str = "SELECT count(*) || ' ' || sum(amount) || ' ' || md5(string_agg(id || note, ',' ORDER BY id)) \
    FROM invoices";
/// An unlogged table has no rows in a fork.
pub const SESSIONS: &str =
    "SELECT (SELECT relpersistence::text FROM pg_class WHERE relname = 'sessions') || ' ' || count(*) FROM sessions";

/// How to reach a server in a volume as the superuser.
pub fn settings(volume: &Path, port: u16, database: &str) -> Result<Settings> {
    let mut settings = Settings::new(Address::socket(volume.join("run"), port)?, "postgres").with_database(database);
    settings.deadline = Duration::from_secs(10);
    Ok(settings)
}

/// The service as its users reach it.
pub fn login(scene: &Scene, north: &North) -> Result<Login> {
    Login::new(&north.uri, DATABASE, scene.installation.program("psql")?, scene.outside().join("psql.log"))
}

/// Makes database, roles and data: with `service_uri` what users may make, on the node's socket what only the superuser may.
pub fn fill(scene: &Scene, north: &North, login: &Login, scale: u32) -> Result<()> {
    north.create_database(DATABASE)?;
    let mut password = [0; PASSWORD_BYTES];
    scene.host.entropy.fill(&mut password)?;
    let password = literal(&hex(&password))?;
    let tablespace = tablespace_folder(scene, north)?;
    let location = literal(&tablespace.to_string_lossy())?;
    pgbench(scene, north, login, scale)?;
    let mut connection = Connection::connect(&superuser(north, DATABASE)?, scene.clock().clone())?;
    for statement in [
        "CREATE ROLE bank_owner NOLOGIN",
        &format!("CREATE ROLE teller LOGIN PASSWORD {password} IN ROLE bank_owner"),
        &format!("CREATE TABLESPACE archive OWNER bank_owner LOCATION {location}"),
    ] {
        connection.query_within(statement, QUERY_DEADLINE).doing("prepare", DATABASE)?;
    }
    let mut session = login.open()?;
    for statement in of_users(scale) {
        session.run(&statement).doing("prepare", DATABASE)?;
    }
    for statement in of_superuser(scale) {
        connection.query_within(&statement, QUERY_DEADLINE).doing("prepare", DATABASE)?;
    }
    connection.close();
    Ok(())
}

/// How to reach the server of the service as its superuser: on its node's socket, as the agent does.
pub fn superuser(north: &North, database: &str) -> Result<Settings> {
    settings(&north.volume, north.port, database)
}

/// Further things than tables of numbers. The unlogged table has no identity column: PostgreSQL 15 leaves the sequence of such a
/// column empty after a recovery that replays its creation, pg_basebackup or not, and pg_dump then fails.
fn of_users(scale: u32) -> Vec<String> {
    let rows = scale * ROWS_PER_SCALE;
    vec![
        LEDGER.to_string(),
        "GRANT SELECT, INSERT ON ledger TO bank_owner".to_string(),
        "CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric(12, 2), note text)"
            .to_string(),
        format!(
            "INSERT INTO invoices (amount, note) SELECT n * 1.37, md5(n::text) FROM generate_series(1, {rows}) AS n"
        ),
        "CREATE UNLOGGED TABLE sessions (token text PRIMARY KEY)".to_string(),
        "INSERT INTO sessions (token) SELECT md5(n::text) FROM generate_series(1, 1000) AS n".to_string(),
    ]
}

/// What needs the superuser, or his tablespace. The large object does not compress: with it even the small demo holds more than
/// twice the bytes of an empty service's backup, after which the platform takes a full one.
fn of_superuser(scale: u32) -> Vec<String> {
    let rows = scale * ROWS_PER_SCALE;
    vec![
        "CREATE EXTENSION pgcrypto".to_string(),
        "CREATE TABLE statements (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, line text) \
         TABLESPACE archive"
            .to_string(),
        format!("INSERT INTO statements (line) SELECT md5(n::text) || n FROM generate_series(1, {rows}) AS n"),
        "SELECT lo_from_bytea(0, string_agg(digest(n::text, 'sha512'), '' ORDER BY n)) \
         FROM generate_series(1, 131072) AS n"
            .to_string(),
        "ANALYZE".to_string(),
    ]
}

/// A folder outside of the data directory, owned by the server's user.
fn tablespace_folder(scene: &Scene, north: &North) -> Result<PathBuf> {
    let folder = north.volume.join("archive");
    scene.make(&folder)?;
    let data = north.volume.join("data");
    let owner = fs::metadata(&data).doing("look at", data.display())?;
    chown(&folder, Some(owner.uid()), Some(owner.gid())).doing("give away", folder.display())?;
    Ok(folder)
}

fn pgbench(scene: &Scene, north: &North, login: &Login, scale: u32) -> Result<()> {
    let args = ["-i", "-q", "-s", &scale.to_string()];
    let mut program = Program::new(scene.installation.program("pgbench")?, &args).within(PGBENCH_DEADLINE);
    program.env = login.variables().to_vec();
    let counted = Arc::new(Progress::default());
    counted.expect_bytes(u64::from(scale) * BYTES_PER_SCALE);
    let _shown = progress::show("fill the database", counted.clone(), scene.clock().clone());
    while_growing(scene, &north.volume.join("data").join("base"), &counted, || scene.host.run(&program)).map(drop)
}

/// What the source says now: each probe by name, the invoices, and the size of everything for people.
pub struct Known {
    /// Answers to [`PROBES`], in order.
    pub answers: Vec<String>,
    /// The answer to [`INVOICES`].
    pub invoices: String,
    /// Bytes of all databases.
    pub bytes: u64,
}

/// Asks the source.
pub fn ask(scene: &Scene, server: &Settings) -> Result<Known> {
    let mut connection = Connection::connect(server, scene.clock().clone())?;
    let mut answer = |sql: &str| -> Result<String> {
        connection.one_value(sql)?.ok_or_else(|| Error::bug("the source has no answer to a probe"))
    };
    let answers = PROBES.iter().map(|(_, sql)| answer(sql)).collect::<Result<Vec<_>>>()?;
    let sessions = answer(SESSIONS)?;
    if sessions != "u 1000" {
        return Err(Error::bug(format!("the unlogged table of the source says {sessions:?}")));
    }
    let invoices = answer(INVOICES)?;
    let bytes = answer("SELECT sum(pg_database_size(oid)) FROM pg_database")?;
    Ok(Known { answers, invoices, bytes: bytes.parse().unwrap_or(0) })
}

/// The programs that the demo needs beside the server.
pub fn check_programs(scene: &Scene) -> Result<()> {
    for name in ["psql", "pgbench", "pg_amcheck", "pg_dumpall", "pg_checksums"] {
        let path = scene.installation.program(name)?;
        if !fs::exists(&path).doing("look at", path.display())? {
            return Err(Error::missing(format!("{} is missing", path.display()))
                .hint("`farshore doctor` says how to install it, --bin names another PostgreSQL (14 or newer)"));
        }
    }
    Ok(())
}

/// What the service is, in a sentence.
pub fn describe(known: &Known) -> String {
    format!(
        "The database holds {}: pgbench's tables, roles, an extension, a tablespace, a large object, identity columns, an \
         unlogged table.",
        units::bytes(known.bytes)
    )
}
