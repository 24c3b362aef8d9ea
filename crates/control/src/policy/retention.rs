//! What is kept of a service's backups: what its options say, else its plan.

use farshore_types::Plan;

use crate::config::Config;
use crate::hosts::Keep;

/// Hours of a day.
const DAY_HOURS: u32 = 24;

/// What retention keeps; `None` where the plan takes no backups.
pub fn keep(plan: &Plan, config: &Config) -> Option<Keep> {
    let policy = plan.backup_policy().filter(|policy| policy.takes_backups())?;
    if let Some(days) = config.integer("backup_retention_days").and_then(|days| u32::try_from(days).ok()) {
        return Some(Keep::Days(days));
    }
    Some(match policy.window_hours() {
        Some(hours) if hours % DAY_HOURS == 0 => Keep::Days(hours / DAY_HOURS),
        Some(_) => Keep::Count(policy.count_max),
        None => Keep::Count(1),
    })
}

/// Hours from one backup to the next.
pub fn interval_hours(plan: &Plan, config: &Config) -> u32 {
    let given = config.integer("backup_interval_hours").and_then(|hours| u32::try_from(hours).ok());
    given.or_else(|| plan.backup_policy().map(|policy| policy.interval_hours)).unwrap_or(DAY_HOURS)
}

#[cfg(test)]
mod tests {
    use farshore_types::ServiceType;

    use super::*;

    #[test]
    fn the_plan_decides_unless_the_options_do() {
        let plans = Plan::documented(ServiceType::Pg);
        let table = [
            ("hobbyist", "{}", Keep::Count(1), 24),
            ("startup-4", "{}", Keep::Days(2), 24),
            ("business-4", "{}", Keep::Days(14), 24),
            ("premium-4", "{}", Keep::Days(30), 24),
            ("startup-4", r#"{"backup_retention_days":14}"#, Keep::Days(14), 24),
            ("hobbyist", r#"{"backup_retention_days":3,"backup_interval_hours":6}"#, Keep::Days(3), 6),
        ];
        for (name, options, kept, hours) in table {
            let (plan, config) =
                (Plan::find(&plans, ServiceType::Pg, name).unwrap(), Config::from_text(options).unwrap());
            assert_eq!((keep(plan, &config), interval_hours(plan, &config)), (Some(kept), hours), "{name} {options}");
        }
        let kafka = Plan::documented(ServiceType::Kafka);
        assert!(kafka.iter().all(|plan| keep(plan, &Config::from_text("{}").unwrap()).is_none()));
    }
}
