//! One line for each answer: keys that are always there; after `~` those that may be left out; `?` behind one that may be null.

use farshore_api::failure::Errors;
use farshore_api::wire::account::{organization, project, token, user};
use farshore_api::wire::service::{
    answer, backup, database, log, maintenance, metric, migration, pool, progress, query, task,
};
use farshore_api::wire::{alert, catalog, cloud, common, deleted, event, integration, network, run, service, tag};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The keys of a type as a line.
fn keys<T: JsonSchema>() -> String {
    let schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required: Vec<&str> = match schema.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mark = |name: &String| if may_be_null(&properties[name]) { format!("{name}?") } else { name.clone() };
    let (always, sometimes): (Vec<&String>, Vec<&String>) =
        properties.keys().partition(|name| required.contains(&name.as_str()));
    let mut words: Vec<String> = always.into_iter().map(mark).collect();
    words.sort();
    if !sometimes.is_empty() {
        words.push("~".to_string());
        let mut rest: Vec<String> = sometimes.into_iter().cloned().collect();
        rest.sort();
        words.extend(rest);
    }
    words.join(" ")
}

fn may_be_null(property: &Value) -> bool {
    property.to_string().contains("\"null\"")
}

fn check<T: JsonSchema>(expect: &str) {
    let mut halves = expect.split('~').map(|half| {
        let mut words: Vec<&str> = half.split_whitespace().collect();
        words.sort_unstable();
        words.join(" ")
    });
    let expect = match (halves.next(), halves.next()) {
        (Some(always), Some(sometimes)) => format!("{always} ~ {sometimes}"),
        (always, _) => always.unwrap_or_default(),
    };
    assert_eq!(keys::<T>().trim(), expect, "{}", std::any::type_name::<T>());
}

#[test]
fn accounts_have_the_documented_keys() {
    check::<Errors>("errors message");
    check::<common::Nothing>("");
    check::<common::Message>("message");
    check::<user::UserAuthAnswer>("token user_email state");
    check::<user::UserPasswordChangeAnswer>("message token");
    check::<user::UserAnswer>("user");
    check::<user::User>(
        "user user_id real_name state token_validity_begin? create_time projects auth project_membership \
         project_memberships invitations features intercom managed_by_scim",
    );
    let token = "token_prefix description? create_time created_manually currently_active expiry_time? extend_when_used \
                 max_age_seconds? last_used_time? last_ip? last_user_agent? scopes?";
    check::<token::Token>(token);
    check::<token::TokenCreateAnswer>(&format!("full_token {token}"));
    check::<token::TokensAnswer>("tokens");
    check::<project::ProjectAnswer>("project");
    check::<project::ProjectsAnswer>("projects project_membership project_memberships");
    check::<project::Project>(
        "project_name account_id account_name organization_id default_cloud tech_emails tags features card_info \
         available_credits estimated_balance billing_address billing_currency billing_emails billing_extra_text? \
         billing_group_id billing_group_name country country_code payment_method tenant_id trial_expiration_time? vat_id",
    );
    check::<project::CardInfo>("brand card_id country country_code exp_month exp_year last4 name user_email");
    check::<project::ProjectUsersAnswer>("users invitations group_users");
    check::<project::Member>("user_email real_name member_type auth create_time billing_contact team_id team_name");
    check::<project::Invitation>("invited_user_email inviting_user_email invite_time member_type");
    check::<project::CaAnswer>("certificate");
}

#[test]
fn what_can_be_created_has_the_documented_keys() {
    check::<cloud::CloudsAnswer>("clouds");
    check::<cloud::Cloud>(
        "cloud_name cloud_description geo_region geo_latitude? geo_longitude? provider provider_description",
    );
    check::<catalog::ServiceTypesAnswer>("service_types");
    check::<catalog::ServiceTypeEntry>(
        "description default_version? latest_available_version? service_plans user_config_schema",
    );
    check::<catalog::ServicePlan>(
        "service_type service_plan node_count backup_config regions max_memory_percent? shard_count?",
    );
    check::<catalog::PlanRegion>(
        "price_usd node_memory_mb node_cpu_count disk_space_mb disk_space_cap_mb disk_space_step_mb",
    );
    check::<catalog::BackupConfig>(
        "interval max_count recovery_mode ~ frequent_interval_minutes frequent_oldest_age_minutes \
         infrequent_interval_minutes infrequent_oldest_age_minutes",
    );
    check::<catalog::PlanAnswer>(
        "service_type service_plan node_count backup_config disk_space_mb disk_space_cap_mb disk_space_step_mb \
         max_memory_percent? shard_count?",
    );
    check::<catalog::PlanPriceAnswer>(
        "service_type service_plan plan_name cloud_name base_price_usd extra_disk_price_per_gb_usd \
         object_storage_gb_price_usd",
    );
    check::<catalog::ServiceVersionsAnswer>("service_versions");
    check::<catalog::ServiceVersion>(
        "service_type major_version state availability_start_time? availability_end_time? aiven_end_of_life_time? \
         upstream_end_of_life_time? termination_time? end_of_life_help_article_url?",
    );
}

#[test]
fn a_service_has_every_key_that_the_strictest_client_stops_at() {
    check::<answer::ServiceAnswer>("service");
    check::<answer::ServicesAnswer>("services");
    check::<answer::Service>(
        "service_id service_name service_type service_type_description state plan cloud_name cloud_description create_time \
         update_time termination_protection service_uri service_uri_params connection_info components user_config users \
         databases connection_pools backups node_count node_cpu_count node_memory_mb disk_space_mb node_states \
         maintenance service_integrations service_notifications metadata features group_list tags tech_emails \
         project_vpc_id?",
    );
    check::<answer::Component>("component host port route usage ~ ssl path");
    check::<answer::NodeState>("name state progress_updates ~ role");
    check::<progress::ProgressUpdate>("phase min max current unit completed");
    check::<answer::ServiceNotification>("level message type metadata");
    check::<service::user::ServiceUser>("username password type access_cert access_key authentication");
    check::<service::user::ServiceUserAnswer>("user");
    check::<maintenance::Maintenance>("dow time enabled updates");
    check::<maintenance::MaintenanceEntry>("description deadline? start_after? start_at? impact?");
    check::<pool::ConnectionPool>("pool_name database username? pool_mode pool_size connection_uri");
    check::<database::DatabasesAnswer>("databases");
    check::<database::Database>("database_name ~ lc_collate lc_ctype");
}

#[test]
fn backups_have_the_documented_keys() {
    check::<backup::BackupsAnswer>("backups ~ pitr scheduled_backup_time backup_progress");
    check::<backup::Backup>("backup_name backup_time data_size storage_location additional_regions ~ incremental");
    check::<backup::BackupRegion>("cloud region paused ~ pause_reason");
    check::<backup::Pitr>("primary_region additional_regions");
    check::<backup::PitrRange>("pitr_range_start? pitr_range_end?");
    check::<backup::PitrRegion>("cloud region pitr_range_start? pitr_range_end?");
    check::<backup::ScheduledBackupTime>("backup_hour backup_minute backup_interval_hours");
    check::<backup::CopyState>(
        "region state lag_seconds? newest_moment? backups pending_backups pending_objects pending_bytes \
         oldest_uncopied_backup_time? pause_reason? deleted_at?",
    );
}

#[test]
fn what_is_told_about_a_service_has_the_documented_keys() {
    check::<log::LogAnswer>("logs offset first_log_offset");
    check::<log::LogEntry>("time hostname unit msg");
    check::<metric::MetricsAnswer>("metrics");
    check::<metric::Metric>("data hints");
    check::<metric::MetricData>("cols rows");
    check::<metric::MetricColumn>("label type");
    check::<metric::MetricHints>("title");
    check::<migration::MigrationAnswer>("migration migration_detail");
    check::<migration::Migration>("status method error?");
    check::<task::TaskAnswer>("task");
    check::<task::Task>("task_id task_type create_time success result result_codes");
    check::<event::EventsAnswer>("events");
    check::<event::Event>("id time create_time actor event_type event_desc service_name");
    check::<tag::TagsAnswer>("tags");
    check::<network::StaticIpsAnswer>("static_ips");
    check::<network::VpcsAnswer>("vpcs");
    check::<run::RunAnswer>("run");
    check::<run::RunsAnswer>("runs");
    check::<deleted::DeletedServicesAnswer>("services");
    check::<deleted::DeletedService>(
        "service_id service_name service_type plan cloud_name create_time delete_time kept_until",
    );
    check::<query::QueriesAnswer>("queries");
    check::<alert::AlertsAnswer>("alerts");
    check::<organization::OrganizationsAnswer>("organizations");
    check::<organization::AccountsAnswer>("accounts");
    check::<organization::AccountAnswer>("account");
    check::<organization::Account>(
        "account_id account_name account_owner_team_id create_time update_time features is_account_owner is_account_member \
         organization_id primary_billing_group_id root_account_id tenant_id",
    );
    check::<organization::OrganizationAnswer>(
        "organization_id organization_name account_id create_time update_time tier",
    );
    check::<run::Run>("id kind service_name state create_time end_time? step steps_done steps progress error?");
    check::<run::RunProgress>("bytes_done bytes_expected? bytes_per_second seconds_left?");
}

#[test]
fn integrations_have_the_documented_keys() {
    check::<integration::IntegrationAnswer>("service_integration");
    check::<integration::IntegrationsAnswer>("service_integrations");
    check::<integration::Integration>(
        "service_integration_id integration_type description enabled active source_project source_service? \
         source_service_type? source_endpoint? source_endpoint_id? dest_project dest_service? dest_service_type? \
         dest_endpoint? dest_endpoint_id? user_config integration_status",
    );
    check::<integration::IntegrationStatus>("state status_user_desc");
    check::<integration::IntegrationState>("status errors nodes");
    check::<integration::IntegrationTypesAnswer>("integration_types");
    check::<integration::IntegrationType>(
        "integration_type dest_description dest_service_type dest_service_types source_description source_service_types \
         user_config_schema",
    );
    check::<integration::EndpointAnswer>("service_integration_endpoint");
    check::<integration::EndpointsAnswer>("service_integration_endpoints");
    check::<integration::Endpoint>("endpoint_id endpoint_name endpoint_type endpoint_config user_config");
    check::<integration::EndpointTypesAnswer>("endpoint_types");
    check::<integration::EndpointType>("endpoint_type title service_types user_config_schema");
}
