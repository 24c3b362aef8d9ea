//! How often a plan backs up and how much it keeps: one table, a line for each service type and a cell for each tier.
//!
//! A cell without a policy means that the plan is not offered; a policy that keeps nothing means that there are no
//! backups. Numbers only: when a backup is due and which one may go is decided elsewhere.

use crate::service_type::ServiceType;
use crate::tier::Tier;

/// To what a service can be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryMode {
    /// To a backup.
    Basic,
    /// To any moment between the oldest backup and the end of the journal.
    Pitr,
}

impl RecoveryMode {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            RecoveryMode::Basic => "basic",
            RecoveryMode::Pitr => "pitr",
        }
    }
}

/// One of the two rhythms of a type that keeps recent backups densely and older ones sparsely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Minutes from one kept backup to the next.
    pub interval_minutes: u32,
    /// Minutes after which a backup of this rhythm goes.
    pub oldest_age_minutes: u32,
}

/// How often a plan backs up and how much it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupPolicy {
    /// Hours from one backup to the next.
    pub interval_hours: u32,
    /// Backups kept by the plan; 0: there are none. A window of moments needs one more, see [`BackupPolicy::window_hours`].
    pub count_max: u32,
    /// To what a service can be brought back.
    pub recovery_mode: RecoveryMode,
    /// The dense rhythm, where there are two.
    pub frequent: Option<Rhythm>,
    /// The sparse rhythm, where there are two.
    pub infrequent: Option<Rhythm>,
}

impl BackupPolicy {
    /// Whether there are backups at all.
    pub const fn takes_backups(&self) -> bool {
        self.count_max > 0
    }

    /// Hours back from now that can be restored; `None` if only the newest backup is kept, for disaster recovery.
    pub const fn window_hours(&self) -> Option<u32> {
        match (self.infrequent, self.recovery_mode, self.count_max) {
            (_, _, 0) | (None, RecoveryMode::Basic, 1) => None,
            (Some(rhythm), _, _) => Some(rhythm.oldest_age_minutes / 60),
            (None, _, count) => Some(self.interval_hours * count),
        }
    }
}

/// What a type offers in one tier.
type Cell = Option<BackupPolicy>;

/// The plan is not offered.
const ABSENT: Cell = None;
/// The plan is offered, without backups.
const NO_BACKUPS: Cell = basic(24, 0);

const fn basic(interval_hours: u32, count_max: u32) -> Cell {
    let recovery_mode = RecoveryMode::Basic;
    Some(BackupPolicy { interval_hours, count_max, recovery_mode, frequent: None, infrequent: None })
}

const fn pitr(days: u32) -> Cell {
    let recovery_mode = RecoveryMode::Pitr;
    Some(BackupPolicy { interval_hours: 24, count_max: days, recovery_mode, frequent: None, infrequent: None })
}

/// Every hour kept for a day, and one of each day kept for some days.
const fn hourly_then_daily(days: u32) -> Cell {
    const HOURS: u32 = 24;
    const DAY_MINUTES: u32 = 1440;
    Some(BackupPolicy {
        interval_hours: 1,
        count_max: HOURS + days,
        recovery_mode: RecoveryMode::Basic,
        frequent: Some(Rhythm { interval_minutes: 60, oldest_age_minutes: DAY_MINUTES }),
        infrequent: Some(Rhythm { interval_minutes: DAY_MINUTES, oldest_age_minutes: days * DAY_MINUTES }),
    })
}

/// Hobbyist, startup, business, premium.
const fn cells(service_type: ServiceType) -> [Cell; 4] {
    match service_type {
        ServiceType::Pg | ServiceType::Mysql => [basic(24, 1), pitr(2), pitr(14), pitr(30)],
        ServiceType::Opensearch => [basic(24, 1), hourly_then_daily(3), hourly_then_daily(14), hourly_then_daily(30)],
        ServiceType::Cassandra => [ABSENT, basic(24, 1), basic(24, 1), basic(24, 1)],
        ServiceType::Redis => [basic(12, 1), basic(12, 2), basic(12, 6), basic(12, 26)],
        ServiceType::Influxdb => [ABSENT, basic(12, 5), ABSENT, ABSENT],
        ServiceType::Flink => [ABSENT, basic(1, 2), basic(1, 2), ABSENT],
        ServiceType::M3db => [ABSENT, basic(24, 1), basic(24, 6), basic(24, 13)],
        ServiceType::M3aggregator | ServiceType::M3coordinator => [ABSENT, ABSENT, NO_BACKUPS, NO_BACKUPS],
        ServiceType::Grafana => [ABSENT, basic(1, 24), ABSENT, ABSENT],
        ServiceType::Clickhouse => [basic(24, 2), basic(24, 2), basic(24, 14), basic(24, 30)],
        ServiceType::Kafka | ServiceType::KafkaConnect | ServiceType::KafkaMirrormaker => [NO_BACKUPS; 4],
    }
}

/// The policy of a service type in a tier; `None` if no such plan is offered.
pub const fn backup_policy(service_type: ServiceType, tier: Tier) -> Option<BackupPolicy> {
    let [hobbyist, startup, business, premium] = cells(service_type);
    match tier {
        Tier::Hobbyist => hobbyist,
        Tier::Startup => startup,
        Tier::Business => business,
        Tier::Premium => premium,
    }
}

/// Whether any plan of the type takes backups.
pub fn has_backups(service_type: ServiceType) -> bool {
    cells(service_type).iter().flatten().any(BackupPolicy::takes_backups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServiceType::*;
    use Tier::*;

    /// One cell in words: `-` not offered, `none` no backups, `single`, `PITR days`, `every HOURS, COUNT kept`,
    /// `hourly a day, daily DAYS`.
    fn said(cell: Option<BackupPolicy>) -> String {
        let Some(policy) = cell else { return "-".to_string() };
        match (policy.recovery_mode, policy.frequent, policy.infrequent) {
            (RecoveryMode::Basic, Some(frequent), Some(sparse)) => {
                assert_eq!((frequent.interval_minutes, sparse.interval_minutes), (60, 1440));
                assert_eq!(frequent.oldest_age_minutes, 1440);
                format!("hourly a day, daily {}", sparse.oldest_age_minutes / 1440)
            }
            (RecoveryMode::Basic, None, None) if policy.count_max == 0 => "none".to_string(),
            (RecoveryMode::Basic, None, None) => {
                format!("every {} h, {} kept", policy.interval_hours, policy.count_max)
            }
            (RecoveryMode::Pitr, None, None) => {
                assert_eq!(policy.interval_hours, 24);
                format!("PITR {}", policy.count_max)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Type, tier, what is kept in words, hours that can be restored.
    #[rustfmt::skip]
    const TABLE: [(ServiceType, Tier, &str, Option<u32>); 60] = [
        (Pg, Hobbyist, "every 24 h, 1 kept", None),
        (Pg, Startup, "PITR 2", Some(2 * 24)),
        (Pg, Business, "PITR 14", Some(14 * 24)),
        (Pg, Premium, "PITR 30", Some(30 * 24)),
        (Mysql, Hobbyist, "every 24 h, 1 kept", None),
        (Mysql, Startup, "PITR 2", Some(2 * 24)),
        (Mysql, Business, "PITR 14", Some(14 * 24)),
        (Mysql, Premium, "PITR 30", Some(30 * 24)),
        (Opensearch, Hobbyist, "every 24 h, 1 kept", None),
        (Opensearch, Startup, "hourly a day, daily 3", Some(3 * 24)),
        (Opensearch, Business, "hourly a day, daily 14", Some(14 * 24)),
        (Opensearch, Premium, "hourly a day, daily 30", Some(30 * 24)),
        (Cassandra, Hobbyist, "-", None),
        (Cassandra, Startup, "every 24 h, 1 kept", None),
        (Cassandra, Business, "every 24 h, 1 kept", None),
        (Cassandra, Premium, "every 24 h, 1 kept", None),
        (Redis, Hobbyist, "every 12 h, 1 kept", None),
        (Redis, Startup, "every 12 h, 2 kept", Some(24)),
        (Redis, Business, "every 12 h, 6 kept", Some(3 * 24)),
        (Redis, Premium, "every 12 h, 26 kept", Some(13 * 24)),
        (Influxdb, Hobbyist, "-", None),
        (Influxdb, Startup, "every 12 h, 5 kept", Some(60)),
        (Influxdb, Business, "-", None),
        (Influxdb, Premium, "-", None),
        (Flink, Hobbyist, "-", None),
        (Flink, Startup, "every 1 h, 2 kept", Some(2)),
        (Flink, Business, "every 1 h, 2 kept", Some(2)),
        (Flink, Premium, "-", None),
        (M3db, Hobbyist, "-", None),
        (M3db, Startup, "every 24 h, 1 kept", None),
        (M3db, Business, "every 24 h, 6 kept", Some(6 * 24)),
        (M3db, Premium, "every 24 h, 13 kept", Some(13 * 24)),
        (M3aggregator, Hobbyist, "-", None),
        (M3aggregator, Startup, "-", None),
        (M3aggregator, Business, "none", None),
        (M3aggregator, Premium, "none", None),
        (M3coordinator, Hobbyist, "-", None),
        (M3coordinator, Startup, "-", None),
        (M3coordinator, Business, "none", None),
        (M3coordinator, Premium, "none", None),
        (Grafana, Hobbyist, "-", None),
        (Grafana, Startup, "every 1 h, 24 kept", Some(24)),
        (Grafana, Business, "-", None),
        (Grafana, Premium, "-", None),
        (Clickhouse, Hobbyist, "every 24 h, 2 kept", Some(2 * 24)),
        (Clickhouse, Startup, "every 24 h, 2 kept", Some(2 * 24)),
        (Clickhouse, Business, "every 24 h, 14 kept", Some(14 * 24)),
        (Clickhouse, Premium, "every 24 h, 30 kept", Some(30 * 24)),
        (Kafka, Hobbyist, "none", None),
        (Kafka, Startup, "none", None),
        (Kafka, Business, "none", None),
        (Kafka, Premium, "none", None),
        (KafkaConnect, Hobbyist, "none", None),
        (KafkaConnect, Startup, "none", None),
        (KafkaConnect, Business, "none", None),
        (KafkaConnect, Premium, "none", None),
        (KafkaMirrormaker, Hobbyist, "none", None),
        (KafkaMirrormaker, Startup, "none", None),
        (KafkaMirrormaker, Business, "none", None),
        (KafkaMirrormaker, Premium, "none", None),
    ];

    #[test]
    fn every_type_and_tier_keeps_what_is_documented() {
        for (service_type, tier, expect, window_hours) in TABLE {
            let cell = backup_policy(service_type, tier);
            assert_eq!(said(cell), expect, "{service_type} {tier}");
            assert_eq!(cell.and_then(|policy| policy.window_hours()), window_hours, "{service_type} {tier}");
        }
        assert_eq!(TABLE.len(), ServiceType::ALL.len() * Tier::ALL.len());
    }

    #[test]
    fn a_type_has_backups_if_one_of_its_plans_takes_them() {
        let without: Vec<ServiceType> = ServiceType::ALL.into_iter().filter(|one| !has_backups(*one)).collect();
        assert_eq!(without, [M3aggregator, M3coordinator, Kafka, KafkaConnect, KafkaMirrormaker]);
    }
}
