//! How a plan's memory is divided: how many clients may connect, how much the server keeps of its pages, and that all of what its processes
//! share is less than there is. A server that is given more ends at its start.

use farshore_types::{Error, Plan, Result};

use crate::config::Config;

/// `max_connections` for each GiB of a plan, and its bounds.
const CONNECTIONS: (u32, u32, u32) = (25, 50, 1000);
/// Part of a plan's memory that is `shared_buffers` unless the options say otherwise, in percent, and its least, in MiB.
const BUFFERS: (f64, u32) = (25.0, 64);
/// The option that says so.
const BUFFERS_OPTION: &str = "shared_buffers_percentage";

/// Part of a plan's memory that the server's processes may share; the rest is for what each of them needs.
const SHARED_PERCENT: u64 = 80;
/// Settings that take shared memory: their options, what the server takes for those that are left out (PostgreSQL documentation, "Server
/// Configuration").
const TAKERS: [(&str, u64); 6] = [
    ("pg.max_locks_per_transaction", 64),
    ("pg.max_pred_locks_per_transaction", 64),
    ("pg.max_prepared_transactions", 0),
    ("pg.max_worker_processes", 8),
    ("pg.autovacuum_max_workers", 3),
    ("pg.track_activity_query_size", 1024),
];
/// Walsenders, and processes of the server's own.
const OTHERS: u64 = 12;
/// Bytes for a lock, for a predicate lock, and for a process or prepared transaction besides; measured, and rounded up.
const LOCK_BYTES: u64 = 416;
const PREDICATE_LOCK_BYTES: u64 = 280;
const PROCESS_BYTES: u64 = 8 << 10;
/// What pages need on top of themselves: one part in so many. And what a server needs in any case, in MiB.
const PAGES_OVERHEAD: u64 = 32;
const ALWAYS_MIB: u64 = 16;

/// `max_connections`.
pub fn connections_max(plan: &Plan) -> u32 {
    let (each, least, most) = CONNECTIONS;
    ((plan.memory_mib / 1024).max(1) * each).clamp(least, most)
}

/// `shared_buffers` in MiB.
pub fn shared_buffers_mib(plan: &Plan, config: &Config) -> u32 {
    let (percent, least) = BUFFERS;
    let share = f64::from(plan.memory_mib) * config.number(BUFFERS_OPTION).unwrap_or(percent) / 100.0;
    // Whole numbers that are no such size, by whatever was kept, are not taken.
    format!("{:.0}", share.floor()).parse::<u32>().unwrap_or_default().clamp(least, plan.memory_mib.max(least))
}

/// MiB that the server's processes share at most, by these options. No server of the supported versions takes more.
pub fn shared_mib(plan: &Plan, config: &Config) -> u64 {
    let [locks, predicate_locks, prepared, workers, vacuums, query] = TAKERS.map(|(option, usually)| {
        config.integer(option).and_then(|number| u64::try_from(number).ok()).unwrap_or(usually)
    });
    let slots = u64::from(connections_max(plan)) + workers + vacuums + prepared + OTHERS;
    let each = locks * LOCK_BYTES + predicate_locks * PREDICATE_LOCK_BYTES + query + PROCESS_BYTES;
    let pages = u64::from(shared_buffers_mib(plan, config));
    pages + pages / PAGES_OVERHEAD + ALWAYS_MIB + ((slots * each) >> 20)
}

/// Refuses options with which the server could not be started.
pub fn must_fit(plan: &Plan, config: &Config) -> Result<()> {
    let (shared, most) = (shared_mib(plan, config), u64::from(plan.memory_mib) * SHARED_PERCENT / 100);
    if shared <= most {
        return Ok(());
    }
    let options = TAKERS.iter().map(|(option, _)| *option).chain([BUFFERS_OPTION]);
    let given: Vec<String> =
        options.filter_map(|option| config.get(option).map(|value| format!("{option} {value}"))).collect();
    let what = format!(
        "user_config: {} need {shared} MiB of shared memory; of the {} MiB of plan {} they may have {most}",
        given.join(", "),
        plan.memory_mib,
        plan.name
    );
    Err(Error::invalid(what).hint("lower one of them, or choose a plan with more memory"))
}

#[cfg(test)]
mod tests {
    use farshore_types::ServiceType;
    use serde_json::{Value, json};

    use super::*;

    fn plan(name: &str) -> Plan {
        Plan::documented(ServiceType::Pg).into_iter().find(|plan| plan.name == name).unwrap()
    }

    fn config(options: &Value) -> Config {
        Config::from_text(&options.to_string()).unwrap()
    }

    #[test]
    fn pages_have_a_quarter_of_the_plans_memory_unless_the_options_say_otherwise() {
        let table = [
            ("hobbyist", json!({}), (50, 512)),
            ("startup-4", json!({}), (100, 1024)),
            ("startup-4", json!({"shared_buffers_percentage": 20}), (100, 819)),
            ("startup-4", json!({"shared_buffers_percentage": 33.5}), (100, 1372)),
            ("premium-32", json!({"shared_buffers_percentage": 60}), (800, 19_660)),
        ];
        for (name, options, expect) in table {
            let (plan, config) = (plan(name), config(&options));
            assert_eq!((connections_max(&plan), shared_buffers_mib(&plan, &config)), expect, "{name} {options}");
        }
    }

    #[test]
    fn the_estimate_lies_above_what_a_server_takes_and_what_does_not_fit_is_refused_by_name() {
        let most = json!({"pg": {"max_prepared_transactions": 10_000, "max_locks_per_transaction": 6400,
            "max_pred_locks_per_transaction": 5120}});
        // What `postgres -C shared_memory_size` of PostgreSQL 15 says with `shared_buffers` of 1 MB and 100 connections, in MiB.
        let table = [
            (json!({}), 8, true),
            (json!({"pg": {"max_locks_per_transaction": 6400}}), 301, true),
            (json!({"pg": {"max_pred_locks_per_transaction": 5120}}), 159, true),
            (json!({"pg": {"max_prepared_transactions": 10_000}}), 467, true),
            (json!({"pg": {"max_prepared_transactions": 10_000, "max_locks_per_transaction": 6400}}), 24_204, false),
            (
                json!({"pg": {"max_prepared_transactions": 10_000, "max_pred_locks_per_transaction": 5120}}),
                12_445,
                false,
            ),
            (json!({"shared_buffers_percentage": 60}), 8, true),
            (most.clone(), 36_182, false),
        ];
        let plan = plan("startup-4");
        for (options, measured, fits) in table {
            let config = config(&options);
            let estimate = shared_mib(&plan, &config) - u64::from(shared_buffers_mib(&plan, &config));
            assert!(estimate > measured && estimate < measured * 5 / 4 + 100, "{options}: {estimate}");
            assert_eq!(must_fit(&plan, &config).is_ok(), fits, "{options}");
        }
        let error = must_fit(&plan, &config(&most)).unwrap_err().to_string();
        for word in ["pg.max_prepared_transactions 10000", "pg.max_locks_per_transaction 6400", "startup-4", "4096"] {
            assert!(error.contains(word), "{error}");
        }
        for plan in Plan::documented(ServiceType::Pg) {
            assert!(must_fit(&plan, &config(&json!({"shared_buffers_percentage": 60}))).is_ok(), "{}", plan.name);
        }
    }
}
