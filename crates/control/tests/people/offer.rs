//! What can be asked for.

use farshore_control::catalog;
use farshore_types::service_type::VersionState;
use farshore_types::{ErrorKind, ServiceType};

use crate::support::{platform, refused};

#[test]
fn every_type_is_listed_with_its_plans_in_every_region_and_says_what_cannot_be_created() {
    let platform = platform();
    let control = &platform.control;
    let types = catalog::types(control);
    assert_eq!(types.iter().map(|one| one.service_type).collect::<Vec<_>>(), ServiceType::ALL);
    for one in &types {
        assert!(!one.plans.is_empty(), "{}", one.service_type);
        for plan in &one.plans {
            assert_eq!(
                plan.regions.iter().map(|region| region.as_str()).collect::<Vec<_>>(),
                ["local-north", "local-south", "local-east"]
            );
            assert_eq!(plan.refusal, plan.plan.refusal());
            assert_eq!(Some(plan.backups), plan.plan.backup_policy());
        }
        assert_eq!(one.refusal.is_none(), one.service_type == ServiceType::Pg);
    }
    let pg = &types[0];
    assert_eq!(pg.version_latest, Some("18"));
    let creatable: Vec<&str> =
        pg.plans.iter().filter(|plan| plan.refusal.is_none()).map(|plan| plan.plan.name.as_str()).collect();
    assert_eq!(creatable, ["hobbyist", "startup-4", "startup-8", "startup-16", "startup-32"]);
    assert_eq!(catalog::plan(control, ServiceType::Pg, "startup-4").unwrap(), pg.plans[1]);
    refused(catalog::plan(control, ServiceType::Pg, "giant"), ErrorKind::Invalid, "is not a plan");
    assert_eq!(catalog::clouds(control).len(), 3);
}

#[test]
fn versions_end_when_their_makers_stop_caring_for_them() {
    let versions = catalog::versions().unwrap();
    let pg: Vec<(&str, VersionState, String)> = versions
        .iter()
        .filter(|version| version.service_type == ServiceType::Pg)
        .map(|version| (version.name, version.state, version.end_of_life.unwrap().to_string()))
        .collect();
    assert_eq!(pg[0], ("13", VersionState::EndOfLife, "2025-11-14T00:00:00.000000Z".to_string()));
    assert_eq!(pg[5].0, "18");
    let total: usize = ServiceType::ALL.iter().map(|one| one.versions().len()).sum();
    assert_eq!(versions.len(), total);
}
