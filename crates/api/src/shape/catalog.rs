//! What can be created: regions, types, plans, versions.

use std::collections::BTreeMap;

use farshore_control::catalog::{OfferedPlan, OfferedType, OfferedVersion};
use farshore_control::settings::Region;
use farshore_control::{Control, services};
use farshore_types::BackupPolicy;

use crate::schema;
use crate::wire::catalog::{
    BackupConfig, PlanAnswer, PlanPriceAnswer, PlanRegion, ServicePlan, ServiceTypeEntry, ServiceVersion,
};
use crate::wire::cloud::Cloud;
use crate::wire::common::Second;

/// Nobody is billed. A text, as clients expect a price.
const PRICE: &str = "0.00";

/// A region.
pub(crate) fn cloud(region: &Region) -> Cloud {
    Cloud {
        cloud_name: region.name.to_string(),
        cloud_description: region.description.clone(),
        geo_region: region.geo_region.clone(),
        geo_latitude: Some(region.latitude),
        geo_longitude: Some(region.longitude),
        provider: region.provider.clone(),
        provider_description: region.provider.clone(),
    }
}

/// A type with its plans and options.
pub(crate) fn service_type(control: &Control, offered: &OfferedType) -> ServiceTypeEntry {
    let latest = offered.version_latest.map(str::to_string);
    ServiceTypeEntry {
        description: offered.service_type.description().to_string(),
        default_version: latest.clone(),
        latest_available_version: latest,
        service_plans: offered.plans.iter().map(plan).collect(),
        user_config_schema: schema::user_config(&services::schema(control, offered.service_type)),
    }
}

fn plan(offered: &OfferedPlan) -> ServicePlan {
    let plan = &offered.plan;
    let region = || PlanRegion {
        price_usd: PRICE.to_string(),
        node_memory_mb: plan.memory_mib,
        node_cpu_count: plan.cpu_count,
        disk_space_mb: plan.disk_mib,
        disk_space_cap_mb: plan.disk_cap_mib,
        disk_space_step_mb: plan.disk_step_mib,
    };
    let regions: BTreeMap<String, PlanRegion> =
        offered.regions.iter().map(|name| (name.to_string(), region())).collect();
    ServicePlan {
        service_type: plan.service_type.name().to_string(),
        service_plan: plan.name.clone(),
        node_count: plan.node_count,
        backup_config: backup_config(&offered.backups),
        regions,
        max_memory_percent: None,
        shard_count: None,
    }
}

/// One plan in detail.
pub(crate) fn plan_answer(offered: &OfferedPlan) -> PlanAnswer {
    let plan = &offered.plan;
    PlanAnswer {
        service_type: plan.service_type.name().to_string(),
        service_plan: plan.name.clone(),
        node_count: plan.node_count,
        backup_config: backup_config(&offered.backups),
        disk_space_mb: plan.disk_mib,
        disk_space_cap_mb: plan.disk_cap_mib,
        disk_space_step_mb: plan.disk_step_mib,
        max_memory_percent: None,
        shard_count: None,
    }
}

/// What a plan costs in a region.
pub(crate) fn price(offered: &OfferedPlan, region: &Region) -> PlanPriceAnswer {
    PlanPriceAnswer {
        service_type: offered.plan.service_type.name().to_string(),
        service_plan: offered.plan.name.clone(),
        plan_name: offered.plan.name.clone(),
        cloud_name: region.name.to_string(),
        base_price_usd: PRICE.to_string(),
        extra_disk_price_per_gb_usd: PRICE.to_string(),
        object_storage_gb_price_usd: PRICE.to_string(),
    }
}

fn backup_config(policy: &BackupPolicy) -> BackupConfig {
    BackupConfig {
        interval: policy.interval_hours,
        max_count: policy.count_max,
        recovery_mode: policy.recovery_mode.word().to_string(),
        frequent_interval_minutes: policy.frequent.map(|rhythm| rhythm.interval_minutes),
        frequent_oldest_age_minutes: policy.frequent.map(|rhythm| rhythm.oldest_age_minutes),
        infrequent_interval_minutes: policy.infrequent.map(|rhythm| rhythm.interval_minutes),
        infrequent_oldest_age_minutes: policy.infrequent.map(|rhythm| rhythm.oldest_age_minutes),
    }
}

/// A version.
pub(crate) fn version(offered: &OfferedVersion) -> ServiceVersion {
    ServiceVersion {
        service_type: offered.service_type.name().to_string(),
        major_version: offered.name.to_string(),
        state: offered.state.word().to_string(),
        availability_start_time: offered.available_from.map(Second),
        availability_end_time: offered.available_until.map(Second),
        aiven_end_of_life_time: offered.end_of_life.map(Second),
        upstream_end_of_life_time: offered.upstream_end_of_life.map(Second),
        termination_time: offered.ended_at.map(Second),
        end_of_life_help_article_url: offered.help.map(str::to_string),
    }
}
