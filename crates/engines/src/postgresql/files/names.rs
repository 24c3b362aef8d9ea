//! What the name of a file in a data directory says, and which names a backup leaves out.
//!
//! The rules are those of the PostgreSQL documentation, "Database File Layout", "Base Backup Protocol", and "Making a
//! Base Backup Using the Low Level API". Pure functions.

/// A part of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The pages themselves.
    Main,
    /// `_fsm`.
    FreeSpace,
    /// `_vm`.
    Visibility,
    /// `_init`: what an unlogged relation is reset to.
    Init,
}

/// A relation's file by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationFile {
    /// The file node number.
    pub number: u32,
    /// Which part.
    pub fork: Fork,
    /// Which piece of the part; 0 has no suffix.
    pub segment: u32,
}

impl RelationFile {
    /// Parses `16384`, `16384.2`, `16384_init` and so on; anything else is `None`.
    pub fn parse(name: &str) -> Option<RelationFile> {
        let (stem, segment) = match name.split_once('.') {
            Some((stem, segment)) => (stem, number(segment).filter(|segment| *segment > 0)?),
            None => (name, 0),
        };
        let (digits, fork) = match stem.split_once('_') {
            None => (stem, Fork::Main),
            Some((digits, "fsm")) => (digits, Fork::FreeSpace),
            Some((digits, "vm")) => (digits, Fork::Visibility),
            Some((digits, "init")) => (digits, Fork::Init),
            Some(_) => return None,
        };
        Some(RelationFile { number: number(digits)?, fork, segment })
    }

    /// Whether the file consists of pages whose log position and checksum can be used: main and init forks.
    pub fn has_pages(&self) -> bool {
        matches!(self.fork, Fork::Main | Fork::Init)
    }
}

/// Decimal digits without sign and without leading zero.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if digits && !leading_zero { text.parse().ok() } else { None }
}

/// Whether this is a file of a temporary relation: `t3_16384`, `t3_16384_fsm`, `t3_16384.1`.
pub(super) fn is_temporary_relation(name: &str) -> bool {
    let parts = name.strip_prefix('t').and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(backend, relation)| number(backend).is_some() && RelationFile::parse(relation).is_some())
}

/// What a directory holds, as far as the rules differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The data directory itself.
    Root,
    /// `base`, and the versioned directory of a tablespace: databases by number.
    Databases,
    /// One database.
    Database,
    /// `global`.
    Global,
    /// `pg_tblspc`: tablespaces by number.
    Tablespaces,
    /// One tablespace.
    Tablespace,
    /// `pg_wal`.
    Log,
    /// A directory that is kept without its content.
    Emptied,
    /// Anything else.
    Plain,
}

/// Directories whose content the server makes anew at every start.
const EMPTIED: [&str; 7] =
    ["pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];
/// Subdirectories of `pg_wal` that are kept, empty.
const LOG_DIRECTORIES: [&str; 2] = ["archive_status", "summaries"];
/// Files in the data directory that belong to the running server, to another backup, or to a recovery.
const ROOT_EXCLUDED: [&str; 14] = [
    "backup_label",
    "backup_label.old",
    "backup_manifest",
    "backup_manifest.tmp",
    "current_logfiles.tmp",
    "postgresql.auto.conf.tmp",
    "postmaster.opts",
    "postmaster.pid",
    "promote",
    "recovery.done",
    "recovery.signal",
    "standby.signal",
    "tablespace_map",
    "tablespace_map.old",
];
/// Beginnings of names that are left out everywhere: temporary files, and caches (with a process id appended while written).
const PREFIX_EXCLUDED: [&str; 2] = ["pgsql_tmp", "pg_internal.init"];

impl Place {
    /// What a subdirectory of this name is; `None` leaves it out with all it holds. `version` is the name of the
    /// directory that a server of this version makes in a tablespace.
    pub(super) fn below(&self, name: &str, version: &str) -> Option<Place> {
        match (self, name) {
            (_, "lost+found") | (Place::Emptied, _) => None,
            _ if PREFIX_EXCLUDED.iter().any(|prefix| name.starts_with(prefix)) => None,
            (Place::Root, "base") => Some(Place::Databases),
            (Place::Root, "global") => Some(Place::Global),
            (Place::Root, "pg_tblspc") => Some(Place::Tablespaces),
            (Place::Root, "pg_wal") => Some(Place::Log),
            (Place::Root, name) if EMPTIED.contains(&name) => Some(Place::Emptied),
            (Place::Databases, name) if number(name).is_some() => Some(Place::Database),
            (Place::Tablespaces, name) => number(name).map(|_| Place::Tablespace),
            (Place::Tablespace, name) => (name == version).then_some(Place::Databases),
            (Place::Log, name) => LOG_DIRECTORIES.contains(&name).then_some(Place::Emptied),
            _ => Some(Place::Plain),
        }
    }

    /// Whether a file of this name is part of a backup. `unlogged` says whether a relation has an init fork here.
    pub(super) fn keeps_file(&self, name: &str, unlogged: impl Fn(u32) -> bool) -> bool {
        if PREFIX_EXCLUDED.iter().any(|prefix| name.starts_with(prefix)) {
            return false;
        }
        match self {
            Place::Root => !ROOT_EXCLUDED.contains(&name),
            Place::Global => name != "pg_control",
            Place::Database if is_temporary_relation(name) => false,
            Place::Database => match RelationFile::parse(name) {
                Some(relation) => relation.fork == Fork::Init || !unlogged(relation.number),
                None => true,
            },
            Place::Emptied | Place::Log | Place::Tablespace | Place::Tablespaces => false,
            Place::Databases | Place::Plain => true,
        }
    }

    /// Whether relation files lie directly in here.
    pub(super) fn holds_relations(&self) -> bool {
        matches!(self, Place::Database | Place::Global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relation_files_are_known_by_their_names() {
        let table = [
            ("16384", Some((16384, Fork::Main, 0))),
            ("16384.3", Some((16384, Fork::Main, 3))),
            ("16384_fsm", Some((16384, Fork::FreeSpace, 0))),
            ("16384_vm.1", Some((16384, Fork::Visibility, 1))),
            ("16384_init", Some((16384, Fork::Init, 0))),
            ("pg_filenode.map", None),
            ("PG_VERSION", None),
            ("16384.", None),
            ("16384.0", None),
            ("016384", None),
            ("16384_x", None),
            ("t3_16384", None),
            ("99999999999", None),
            ("", None),
        ];
        for (name, expected) in table {
            let parsed = RelationFile::parse(name).map(|file| (file.number, file.fork, file.segment));
            assert_eq!(parsed, expected, "{name}");
        }
    }

    #[test]
    fn files_of_the_running_server_are_left_out() {
        let table = [
            (Place::Root, "postmaster.pid", false),
            (Place::Root, "backup_label", false),
            (Place::Root, "standby.signal", false),
            (Place::Root, "postgresql.auto.conf", true),
            (Place::Root, "postgresql.auto.conf.tmp", false),
            (Place::Root, "PG_VERSION", true),
            (Place::Global, "pg_control", false),
            (Place::Global, "1262", true),
            (Place::Global, "pg_internal.init", false),
            (Place::Database, "pg_internal.init.4711", false),
            (Place::Database, "t3_16384", false),
            (Place::Database, "t3_16384_fsm", false),
            (Place::Database, "t3_16384.1", false),
            (Place::Database, "backup_label", true),
            (Place::Plain, "pgsql_tmp123.0", false),
            (Place::Log, "000000010000000000000001", false),
            (Place::Emptied, "anything", false),
            (Place::Plain, "t3_16384", true),
        ];
        for (place, name, kept) in table {
            assert_eq!(place.keeps_file(name, |_| false), kept, "{place:?} {name}");
        }
    }

    #[test]
    fn of_an_unlogged_relation_only_the_init_fork_is_kept() {
        let unlogged = |number| number == 5;
        for (name, kept) in
            [("5", false), ("5.1", false), ("5_fsm", false), ("5_vm", false), ("5_init", true), ("6", true)]
        {
            assert_eq!(Place::Database.keeps_file(name, unlogged), kept, "{name}");
        }
    }

    #[test]
    fn directories_lead_to_the_right_places() {
        let version = "PG_15_202209061";
        let table = [
            (Place::Root, "base", Some(Place::Databases)),
            (Place::Root, "pg_replslot", Some(Place::Emptied)),
            (Place::Root, "pg_xact", Some(Place::Plain)),
            (Place::Root, "lost+found", None),
            (Place::Databases, "5", Some(Place::Database)),
            (Place::Databases, "pgsql_tmp", None),
            (Place::Tablespaces, "16400", Some(Place::Tablespace)),
            (Place::Tablespaces, "x", None),
            (Place::Tablespace, version, Some(Place::Databases)),
            (Place::Tablespace, "PG_14_202107181", None),
            (Place::Log, "archive_status", Some(Place::Emptied)),
            (Place::Log, "mine", None),
            (Place::Emptied, "slot", None),
            (Place::Plain, "pg_replslot", Some(Place::Plain)),
        ];
        for (place, name, expected) in table {
            assert_eq!(place.below(name, version), expected, "{place:?} {name}");
        }
    }
}
