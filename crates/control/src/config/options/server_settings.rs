//! Settings of PostgreSQL that can be chosen for a service, with the bounds that the public API documents; those that have
//! other units there than in the server say so.
//!
//! Left out on purpose: what Farshore must own to keep its backups (log level, senders, slots, archiving), what a build of
//! the server may lack (compression of toasted values), what can keep a server from starting on a small machine (depth of
//! the stack), and `statement_timeout`, which would end backups too: set it for roles or databases in SQL.

use super::super::definition::{Definition, Kind};
use super::timezones::TIMEZONES;

/// The greatest number of most settings.
const MAX: i64 = 2_147_483_647;
const ON_OFF: Kind = Kind::Choice(&["off", "on"]);

const fn integer(name: &'static str, min: i64, max: i64, title: &'static str) -> Definition {
    Definition::setting(name, Kind::integer(min, max), title)
}

const fn number(name: &'static str, min: f64, max: f64, title: &'static str) -> Definition {
    Definition::setting(name, Kind::Number { min, max }, title)
}

/// What stands in the object `pg`.
pub const SERVER_SETTINGS: &[Definition] = &[
    number("autovacuum_analyze_scale_factor", 0.0, 1.0, "Share of a table that changes before it is analyzed"),
    integer("autovacuum_analyze_threshold", 0, MAX, "Rows that change before a table is analyzed"),
    integer("autovacuum_freeze_max_age", 200_000_000, 1_500_000_000, "Age in transactions that forces a vacuum")
        .after_restart(),
    integer("autovacuum_max_workers", 1, 20, "Vacuums at the same time").after_restart(),
    integer("autovacuum_naptime", 1, 86_400, "Seconds between looks for work to vacuum").in_unit("s"),
    integer("autovacuum_vacuum_cost_delay", -1, 100, "Milliseconds that a vacuum rests").in_unit("ms"),
    integer("autovacuum_vacuum_cost_limit", -1, 10_000, "Cost after which a vacuum rests"),
    number("autovacuum_vacuum_scale_factor", 0.0, 1.0, "Share of a table that changes before it is vacuumed"),
    integer("autovacuum_vacuum_threshold", 0, MAX, "Rows that change before a table is vacuumed"),
    integer("bgwriter_delay", 10, 10_000, "Milliseconds between rounds of the background writer").in_unit("ms"),
    integer("bgwriter_flush_after", 0, 2048, "KiB written before the background writer flushes").in_unit("kB"),
    integer("bgwriter_lru_maxpages", 0, 1_073_741_823, "Pages that the background writer writes in a round"),
    number("bgwriter_lru_multiplier", 0.0, 10.0, "Pages that the background writer writes per page that was needed"),
    integer("deadlock_timeout", 500, 1_800_000, "Milliseconds of waiting before a deadlock is looked for")
        .in_unit("ms"),
    integer("idle_in_transaction_session_timeout", 0, 604_800_000, "Milliseconds that an open transaction may idle")
        .in_unit("ms"),
    Definition::setting("jit", Kind::Boolean, "Compile expressions of queries"),
    integer("log_autovacuum_min_duration", -1, MAX, "Milliseconds from which a vacuum is logged").in_unit("ms"),
    Definition::setting(
        "log_error_verbosity",
        Kind::Choice(&["TERSE", "DEFAULT", "VERBOSE"]),
        "How much is logged of an error",
    ),
    integer("log_min_duration_statement", -1, 86_400_000, "Milliseconds from which a statement is logged")
        .in_unit("ms"),
    integer("log_temp_files", -1, MAX, "KiB from which a temporary file is logged").in_unit("kB"),
    integer("max_files_per_process", 1000, 4096, "Files that a process keeps open").after_restart(),
    integer("max_locks_per_transaction", 64, 6400, "Locked objects of a transaction, on average").after_restart(),
    integer("max_logical_replication_workers", 4, 64, "Processes of logical replication").after_restart(),
    integer("max_parallel_workers", 0, 96, "Processes for parallel queries"),
    integer("max_parallel_workers_per_gather", 0, 96, "Processes for one parallel step of a query"),
    integer("max_pred_locks_per_transaction", 64, 5120, "Predicate locks of a transaction, on average").after_restart(),
    integer("max_prepared_transactions", 0, 10_000, "Prepared transactions at the same time").after_restart(),
    integer("max_worker_processes", 8, 96, "Background processes at the same time").after_restart(),
    integer("temp_file_limit", -1, MAX, "KiB of temporary files of one session").in_unit("kB"),
    Definition::setting("timezone", Kind::Choice(TIMEZONES), "Time zone in which times are shown"),
    integer("track_activity_query_size", 1024, 10_240, "Bytes of a running query that can be seen").after_restart(),
    Definition::setting("track_commit_timestamp", ON_OFF, "Record the times of commits").after_restart(),
    Definition::setting("track_functions", Kind::Choice(&["all", "pl", "none"]), "Count calls of functions"),
    Definition::setting("track_io_timing", ON_OFF, "Measure reads and writes"),
    Definition::setting(
        "wal_sender_timeout",
        Kind::Integer { min: 5000, max: 10_800_000, also: Some(0) },
        "Milliseconds after which a silent receiver of the log is given up",
    )
    .in_unit("ms"),
    integer("wal_writer_delay", 10, 200, "Milliseconds between flushes of the log").in_unit("ms"),
];
