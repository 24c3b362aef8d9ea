//! Plans: what size and what policy a service has been given. The documented ones are made from one table; an operator may
//! add further ones with the same fields. Facts only: whether a machine has room is decided elsewhere.

use crate::backup_policy::{BackupPolicy, backup_policy};
use crate::error::{Error, Result};
use crate::service_type::ServiceType;
use crate::tier::Tier;

/// What size and what policy a service has been given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// For which services.
    pub service_type: ServiceType,
    /// As it is written in requests, for example `startup-4`.
    pub name: String,
    /// The level, which decides about backups.
    pub tier: Tier,
    /// Nodes of a service.
    pub node_count: u32,
    /// Memory of each node in MiB.
    pub memory_mib: u32,
    /// Processors of each node.
    pub cpu_count: u32,
    /// Disk of each node in MiB, if nothing else is asked for.
    pub disk_mib: u64,
    /// Most disk that can be asked for, in MiB.
    pub disk_cap_mib: u64,
    /// Disk grows in pieces of so many MiB.
    pub disk_step_mib: u64,
}

/// Memory, processors and disk of a node.
struct Size {
    /// What stands behind the tier in the plan's name: GiB of memory.
    gib: u32,
    cpu_count: u32,
    disk_gib: u64,
}

/// The only size of hobbyist plans.
const SMALL: Size = Size { gib: 2, cpu_count: 1, disk_gib: 8 };
/// The sizes of all other plans.
const SIZES: [Size; 4] = [
    Size { gib: 4, cpu_count: 2, disk_gib: 80 },
    Size { gib: 8, cpu_count: 2, disk_gib: 175 },
    Size { gib: 16, cpu_count: 4, disk_gib: 350 },
    Size { gib: 32, cpu_count: 8, disk_gib: 700 },
];
/// So many times its disk can a plan be given.
const DISK_CAP_FACTOR: u64 = 3;
/// Disk grows in pieces of so many GiB.
const DISK_STEP_GIB: u64 = 10;
/// MiB of a GiB.
const MIB: u64 = 1024;

/// Nodes of a service: hobbyist, startup, business, premium.
const fn node_counts(service_type: ServiceType) -> [u32; 4] {
    match service_type {
        ServiceType::Cassandra | ServiceType::Kafka => [3, 3, 3, 6],
        ServiceType::Opensearch | ServiceType::Clickhouse | ServiceType::M3db | ServiceType::Flink => [1, 1, 3, 6],
        ServiceType::KafkaConnect | ServiceType::KafkaMirrormaker => [1, 1, 3, 6],
        ServiceType::M3aggregator | ServiceType::M3coordinator => [1, 1, 2, 3],
        ServiceType::Pg | ServiceType::Mysql | ServiceType::Redis => [1, 1, 2, 3],
        ServiceType::Influxdb | ServiceType::Grafana => [1, 1, 2, 3],
    }
}

impl Plan {
    /// The documented plans of a service type, smallest first.
    pub fn documented(service_type: ServiceType) -> Vec<Plan> {
        let mut plans = Vec::new();
        for tier in Tier::ALL {
            if backup_policy(service_type, tier).is_none() {
                continue;
            }
            match tier {
                Tier::Hobbyist => plans.push(Plan::of_size(service_type, tier, tier.name().to_string(), &SMALL)),
                _ => plans.extend(
                    SIZES.iter().map(|size| Plan::of_size(service_type, tier, format!("{tier}-{}", size.gib), size)),
                ),
            }
        }
        plans
    }

    fn of_size(service_type: ServiceType, tier: Tier, name: String, size: &Size) -> Plan {
        let [hobbyist, startup, business, premium] = node_counts(service_type);
        let node_count = match tier {
            Tier::Hobbyist => hobbyist,
            Tier::Startup => startup,
            Tier::Business => business,
            Tier::Premium => premium,
        };
        // A hobbyist's disk is what it is.
        let (factor, step_gib) = if tier == Tier::Hobbyist { (1, 0) } else { (DISK_CAP_FACTOR, DISK_STEP_GIB) };
        Plan {
            service_type,
            name,
            tier,
            node_count,
            memory_mib: size.gib * 1024,
            cpu_count: size.cpu_count,
            disk_mib: size.disk_gib * MIB,
            disk_cap_mib: size.disk_gib * factor * MIB,
            disk_step_mib: step_gib * MIB,
        }
    }

    /// The plan of that name and type among those given; the error lists those of the type.
    pub fn find<'a>(plans: &'a [Plan], service_type: ServiceType, name: &str) -> Result<&'a Plan> {
        let of_type = || plans.iter().filter(|plan| plan.service_type == service_type);
        of_type().find(|plan| plan.name == name).ok_or_else(|| {
            let names: Vec<&str> = of_type().map(|plan| plan.name.as_str()).collect();
            let shown: String = name.chars().take(64).collect();
            Error::invalid(format!("{shown:?} is not a plan of service type {service_type}"))
                .hint(format!("use one of {}", names.join(", ")))
        })
    }

    /// How often the plan backs up and how much it keeps; a plan whose tier the type does not have keeps nothing.
    pub fn backup_policy(&self) -> Option<BackupPolicy> {
        backup_policy(self.service_type, self.tier)
    }

    /// Why no service of this plan can be created, if so.
    pub fn refusal(&self) -> Option<String> {
        if let Some(sentence) = self.service_type.refusal() {
            return Some(sentence);
        }
        let Plan { name, node_count, .. } = self;
        (*node_count > 1).then(|| {
            format!(
                "plan {name} has {node_count} nodes, and services with standbys cannot be created yet, only one node"
            )
        })
    }

    /// Refuses a plan of which no service can be created.
    pub fn must_be_creatable(&self) -> Result<()> {
        self.service_type.must_be_creatable()?;
        match self.refusal() {
            None => Ok(()),
            Some(sentence) => Err(Error::invalid(sentence)
                .hint("choose a startup plan; for a longer window set backup_retention_days, for example to 14 or 30")),
        }
    }

    /// The disk of each node in MiB that holds what another one had: the next step that is no smaller, or the plan's largest.
    pub fn disk_mib_holding(&self, other_mib: u64) -> u64 {
        let step = self.disk_step_mib.max(1);
        let steps_max = self.disk_cap_mib.saturating_sub(self.disk_mib) / step;
        let steps = other_mib.saturating_sub(self.disk_mib).div_ceil(step).min(steps_max);
        self.disk_mib.saturating_add(steps.saturating_mul(step))
    }

    /// The disk of each node in MiB: what was asked for if the plan allows it, else what the plan gives.
    pub fn disk_mib_for(&self, asked_mib: Option<u64>) -> Result<u64> {
        let Some(asked) = asked_mib else { return Ok(self.disk_mib) };
        let Plan { name, disk_mib, disk_cap_mib, disk_step_mib, .. } = self;
        let within = (*disk_mib..=*disk_cap_mib).contains(&asked);
        let in_steps = (asked.saturating_sub(*disk_mib)).checked_rem(*disk_step_mib).unwrap_or(0) == 0;
        if within && in_steps {
            return Ok(asked);
        }
        let allowed = if disk_mib == disk_cap_mib {
            format!("the plan always has {disk_mib}")
        } else {
            format!("give {disk_mib} to {disk_cap_mib} in steps of {disk_step_mib}")
        };
        Err(Error::invalid(format!("disk_space_mb: plan {name} cannot have a disk of {asked} MiB")).hint(allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pg(name: &str) -> Plan {
        Plan::find(&Plan::documented(ServiceType::Pg), ServiceType::Pg, name).unwrap().clone()
    }

    #[test]
    fn postgresql_has_the_documented_plans_with_one_two_and_three_nodes() {
        let found: Vec<(String, u32, u32)> = Plan::documented(ServiceType::Pg)
            .into_iter()
            .map(|plan| (plan.name, plan.node_count, plan.memory_mib))
            .collect();
        let mut expect = vec![("hobbyist".to_string(), 1, 2048)];
        for (tier, nodes) in [("startup", 1), ("business", 2), ("premium", 3)] {
            expect.extend([4, 8, 16, 32].map(|gib| (format!("{tier}-{gib}"), nodes, gib * 1024)));
        }
        assert_eq!(found, expect);
    }

    #[test]
    fn a_disk_that_holds_another_is_the_next_step_and_never_beyond_the_plan() {
        let gib = |gib: u64| gib * MIB;
        for (plan, other, expected) in [
            ("startup-4", 1, gib(80)),
            ("startup-4", gib(80), gib(80)),
            ("startup-4", gib(80) + 1, gib(90)),
            ("startup-4", gib(240), gib(240)),
            ("startup-4", gib(700), gib(240)),
            ("hobbyist", gib(80), gib(8)),
            ("startup-4", u64::MAX, gib(240)),
        ] {
            let plan = pg(plan);
            assert_eq!(plan.disk_mib_holding(other), expected, "{} {other}", plan.name);
            assert!(plan.disk_mib_for(Some(expected)).is_ok());
        }
    }

    #[test]
    fn a_plan_is_listed_exactly_where_its_tier_has_a_policy() {
        for service_type in ServiceType::ALL {
            let plans = Plan::documented(service_type);
            for tier in Tier::ALL {
                let listed = plans.iter().any(|plan| plan.tier == tier);
                assert_eq!(listed, backup_policy(service_type, tier).is_some(), "{service_type} {tier}");
            }
            for plan in &plans {
                assert!(plan.node_count >= 1 && plan.disk_cap_mib >= plan.disk_mib, "{plan:?}");
                assert!(plan.backup_policy().is_some(), "{plan:?}");
            }
        }
    }

    #[test]
    fn clusters_of_equals_have_three_nodes_or_more_from_their_business_plans_on() {
        for (service_type, tier, nodes) in [
            (ServiceType::Cassandra, Tier::Startup, 3),
            (ServiceType::Cassandra, Tier::Business, 3),
            (ServiceType::Kafka, Tier::Hobbyist, 3),
            (ServiceType::Kafka, Tier::Premium, 6),
            (ServiceType::Clickhouse, Tier::Startup, 1),
            (ServiceType::Clickhouse, Tier::Business, 3),
        ] {
            let plans = Plan::documented(service_type);
            assert!(plans.iter().filter(|plan| plan.tier == tier).all(|plan| plan.node_count == nodes));
        }
    }

    #[test]
    fn a_plan_with_standbys_or_of_a_type_without_engine_is_refused_with_its_reason() {
        assert!(pg("hobbyist").must_be_creatable().is_ok());
        assert!(pg("startup-32").must_be_creatable().is_ok());
        let error = pg("business-4").must_be_creatable().unwrap_err();
        let what = "plan business-4 has 2 nodes, and services with standbys cannot be created yet, only one node";
        assert_eq!(error.what(), what);
        assert!(error.advice().unwrap().contains("backup_retention_days"));
        assert!(pg("premium-16").refusal().unwrap().starts_with("plan premium-16 has 3 nodes"));
        let redis = &Plan::documented(ServiceType::Redis)[0];
        assert!(redis.must_be_creatable().unwrap_err().what().starts_with("Redis services cannot"));
    }

    #[test]
    fn an_unknown_plan_is_answered_with_those_that_there_are() {
        let plans = Plan::documented(ServiceType::Influxdb);
        let error = Plan::find(&plans, ServiceType::Influxdb, "business-4").unwrap_err().to_string();
        let expect = "\"business-4\" is not a plan of service type influxdb \
                      (use one of startup-4, startup-8, startup-16, startup-32)";
        assert_eq!(error, expect);
    }

    #[test]
    fn a_disk_lies_between_the_bounds_of_its_plan_and_grows_in_steps() {
        let gib = 1024;
        let startup = pg("startup-4");
        for (asked_mib, expect) in [
            (None, Some(80 * gib)),
            (Some(80 * gib), Some(80 * gib)),
            (Some(90 * gib), Some(90 * gib)),
            (Some(240 * gib), Some(240 * gib)),
            (Some(70 * gib), None),
            (Some(85 * gib), None),
            (Some(250 * gib), None),
            (Some(0), None),
            (Some(u64::MAX), None),
        ] {
            assert_eq!(startup.disk_mib_for(asked_mib).ok(), expect, "{asked_mib:?}");
        }
        assert_eq!(pg("hobbyist").disk_mib_for(Some(8 * gib)).unwrap(), 8 * gib);
        let error = pg("hobbyist").disk_mib_for(Some(18 * gib)).unwrap_err().to_string();
        assert_eq!(error, "disk_space_mb: plan hobbyist cannot have a disk of 18432 MiB (the plan always has 8192)");
    }
}
