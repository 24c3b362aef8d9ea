//! Projects and tags: their life, their limits, and that nobody sees those of others.

use std::collections::BTreeMap;

use farshore_control::projects::{self, NewProject, Patch};
use farshore_control::tags::{self, On};
use farshore_control::{people, pki};
use farshore_store::services;
use farshore_types::{ErrorKind, Role};

use crate::support::{ADMIN, add_service, newest_event, platform, project_id, refused};

fn named(name: &str) -> NewProject {
    NewProject { name: name.to_string(), ..NewProject::default() }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn a_project_is_made_for_its_owner_and_seen_by_nobody_else() {
    let platform = platform();
    let control = &platform.control;
    people::create(control, "ada@example.org", "", None).unwrap();
    let asked = NewProject { region: Some("local-south".to_string()), ..named("lab") };
    assert_eq!(projects::create(control, "ada@example.org", &asked).unwrap().default_region, "local-south");
    let names = |user: &str| -> Vec<(String, Role)> {
        let all = projects::list(control, user).unwrap();
        all.into_iter().map(|one| (one.project.name, one.role)).collect()
    };
    assert_eq!(names("ada@example.org"), [("lab".to_string(), Role::Owner)]);
    assert_eq!(names(ADMIN), [("main".to_string(), Role::Owner)]);
    refused(projects::get(control, ADMIN, "lab"), ErrorKind::Missing, "Project lab does not exist");
    refused(projects::create(control, ADMIN, &named("lab")), ErrorKind::Conflict, "already exists");
    refused(projects::create(control, ADMIN, &named("Lab")), ErrorKind::Invalid, "is not the name of a project");
    let asked = NewProject { region: Some("moon".to_string()), ..named("base") };
    refused(projects::create(control, ADMIN, &asked), ErrorKind::Invalid, "cloud \"moon\" does not exist");
}

#[test]
fn a_copy_takes_region_and_tags_of_a_project_that_one_may_see() {
    let platform = platform();
    let control = &platform.control;
    projects::update(control, ADMIN, "main", &Patch { region: Some("local-east".to_string()), name: None }).unwrap();
    tags::replace(control, ADMIN, "main", On::Project, &map(&[("team", "a"), ("cost", "b")])).unwrap();
    let asked = NewProject { copy_from: Some("main".to_string()), tags: map(&[("team", "c")]), ..named("copy") };
    assert_eq!(projects::create(control, ADMIN, &asked).unwrap().default_region, "local-east");
    assert_eq!(tags::list(control, "copy", On::Project).unwrap(), map(&[("team", "c"), ("cost", "b")]));
    people::create(control, "ada@example.org", "", None).unwrap();
    let asked = NewProject { copy_from: Some("main".to_string()), ..named("stolen") };
    refused(projects::create(control, "ada@example.org", &asked), ErrorKind::Missing, "Project main does not exist");
}

#[test]
fn a_project_is_renamed_and_moved_and_keeps_its_authority() {
    let platform = platform();
    let control = &platform.control;
    projects::create(control, ADMIN, &named("lab")).unwrap();
    let id = project_id(control, "lab");
    let before = pki::ca_certificate(control, &id).unwrap();
    let patch = |name: &str, region: &str| Patch { name: Some(name.to_string()), region: Some(region.to_string()) };
    let after = projects::update(control, ADMIN, "lab", &patch("field", "local-south")).unwrap();
    assert_eq!((after.name.as_str(), after.default_region.as_str()), ("field", "local-south"));
    assert_eq!(pki::ca_certificate(control, &id).unwrap(), before);
    assert_eq!(newest_event(control, "field").1, "project_update");
    refused(projects::update(control, ADMIN, "lab", &patch("x", "local-south")), ErrorKind::Missing, "lab");
    refused(
        projects::update(control, ADMIN, "field", &patch("main", "local-south")),
        ErrorKind::Conflict,
        "already exists",
    );
    refused(projects::update(control, ADMIN, "field", &patch("field", "moon")), ErrorKind::Invalid, "moon");
    assert_eq!(projects::update(control, ADMIN, "field", &Patch::default()).unwrap(), after);
}

#[test]
fn a_project_goes_only_when_neither_services_nor_their_backups_are_left() {
    let platform = platform();
    let control = &platform.control;
    projects::create(control, ADMIN, &named("lab")).unwrap();
    let id = add_service(control, "lab", "db", "pg");
    refused(projects::delete(control, "lab"), ErrorKind::Conflict, "has services, for example db");
    let delete = |tx: &mut farshore_store::Tx<'_>| {
        let service = services::get(tx, &id)?.unwrap();
        services::update(tx, &services::Service { deleted_at: Some(tx.now()), ..service })
    };
    control.store.write(delete).unwrap();
    refused(projects::delete(control, "lab"), ErrorKind::Conflict, "keeps backups");
    assert_eq!(projects::get(control, ADMIN, "lab").unwrap().role, Role::Owner, "nothing of it is gone");
    control.store.write(|tx| services::remove(tx, &id)).unwrap();
    projects::delete(control, "lab").unwrap();
    refused(projects::delete(control, "lab"), ErrorKind::Missing, "lab");
}

#[test]
fn tags_are_merged_replaced_and_bounded_on_projects_and_services() {
    let platform = platform();
    let control = &platform.control;
    add_service(control, "main", "db", "pg");
    for on in [On::Project, On::Service("db")] {
        tags::replace(control, ADMIN, "main", on, &map(&[("a", "1"), ("b", "2")])).unwrap();
        let changes = BTreeMap::from([("a".to_string(), Some("3".to_string())), ("b".to_string(), None)]);
        assert_eq!(tags::merge(control, ADMIN, "main", on, &changes).unwrap(), map(&[("a", "3")]));
        assert_eq!(tags::list(control, "main", on).unwrap(), map(&[("a", "3")]));
        let many: BTreeMap<String, String> =
            (0..=tags::TAGS_MAX).map(|number| (format!("k{number}"), String::new())).collect();
        for wrong in
            [map(&[("", "x")]), map(&[("a b", "x")]), map(&[("a", "x\ny")]), map(&[("a", &"x".repeat(300))]), many]
        {
            let result = tags::replace(control, ADMIN, "main", on, &wrong);
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Invalid);
        }
        assert_eq!(tags::list(control, "main", on).unwrap(), map(&[("a", "3")]));
    }
    assert_eq!(newest_event(control, "main").1, "service_tags_update");
    refused(tags::list(control, "main", On::Service("none")), ErrorKind::Missing, "none");
    refused(tags::list(control, "none", On::Project), ErrorKind::Missing, "none");
}
