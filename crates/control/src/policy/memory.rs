//! How a plan's memory is divided: how many clients may connect, and how much the server keeps of its pages.

use farshore_types::Plan;

use crate::config::Config;

/// `max_connections` for each GiB of a plan, and its bounds.
const CONNECTIONS: (u32, u32, u32) = (25, 50, 1000);
/// Part of a plan's memory that is `shared_buffers` unless the options say otherwise, in percent, and its least, in MiB.
const BUFFERS: (f64, u32) = (25.0, 64);
/// The option that says so.
const BUFFERS_OPTION: &str = "shared_buffers_percentage";

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
}
