//! Letters: who gets which, what happens where the mail server is away or refuses, and that none is written without its event.

use std::sync::{Arc, Mutex};

use farshore_store::{backups, outbox, services as rows};
use farshore_types::access::Role;
use farshore_types::{Error, ErrorKind, Result};
use serde_json::json;

use super::further::{count, pass, wanted};
use super::scene::{PROJECT, Scene, nothing};
use crate::notifications::{Letter, Post};
use crate::reconcile::{deliver, late_backups, supervise};
use crate::services::{Patch, update};
use crate::tags::On;
use crate::upkeep::begin_schedule;
use crate::{contacts, members, people, projects};

/// Keeps what it is given, or refuses it.
#[derive(Default)]
struct Postman {
    letters: Mutex<Vec<(String, Letter)>>,
    refusing: Mutex<Option<ErrorKind>>,
    /// An address that does not exist.
    unknown: Mutex<Option<String>>,
}

impl Post for Postman {
    fn send(&self, id: &str, letter: &Letter) -> Result<()> {
        if let Some(kind) = *self.refusing.lock().unwrap() {
            return Err(Error::new(kind, "no"));
        }
        if self.unknown.lock().unwrap().as_ref() == Some(&letter.to) {
            return Err(Error::invalid("no such mailbox"));
        }
        self.letters.lock().unwrap().push((id.to_string(), letter.clone()));
        Ok(())
    }
}

impl Postman {
    fn refuse(&self, kind: Option<ErrorKind>) {
        *self.refusing.lock().unwrap() = kind;
    }

    /// Who got what since the last call.
    fn take(&self) -> Vec<(String, String)> {
        let letters = std::mem::take(&mut *self.letters.lock().unwrap());
        letters.into_iter().map(|(_, letter)| (letter.to, letter.subject)).collect()
    }
}

fn scene() -> (Scene, Arc<Postman>) {
    let postman = Arc::<Postman>::default();
    (Scene::with_post(postman.clone()), postman)
}

fn lose_node(scene: &Scene, service: &rows::Service) {
    scene.hosts.lose(&service.id);
    supervise(&scene.control).unwrap();
    scene.settle(&service.id);
}

/// Makes what waits due at once.
fn hurry(scene: &Scene) -> usize {
    let far = scene.control.clock.now().plus_micros(30 * 24 * 3600 * 1_000_000);
    let waiting = scene.control.store.read(|tx| outbox::due(tx, far, 100)).unwrap();
    for message in &waiting {
        let due = |tx: &mut farshore_store::Tx<'_>| outbox::put_off(tx, &message.id, tx.now());
        scene.control.store.write(due).unwrap();
    }
    waiting.len()
}

#[test]
fn contacts_of_the_service_come_before_those_of_the_project_and_these_before_its_owners_and_operators() {
    let (scene, postman) = scene();
    let service = scene.running("pg-1", nothing());
    people::create(&scene.control, "oscar@example.org", "", None).unwrap();
    people::create(&scene.control, "vera@example.org", "", None).unwrap();
    members::invite(&scene.control, "a", PROJECT, "oscar@example.org", Role::Operator).unwrap();
    members::invite(&scene.control, "a", PROJECT, "vera@example.org", Role::Viewer).unwrap();
    let told = |expect: &[&str]| {
        lose_node(&scene, &service);
        deliver(&scene.control).unwrap();
        let letters = postman.take();
        let mut to: Vec<&str> = letters.iter().map(|(to, _)| to.as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, expect);
        assert!(letters.iter().all(|(_, subject)| subject == "Farshore main/pg-1: its node is lost, and is rebuilt"));
        deliver(&scene.control).unwrap();
        assert!(postman.take().is_empty(), "each is sent once");
    };
    told(&["admin@example.org", "oscar@example.org"]);
    let set = |on, emails: &[&str]| {
        let emails: Vec<String> = emails.iter().map(|email| email.to_string()).collect();
        contacts::replace(&scene.control, "a", PROJECT, on, &emails).unwrap();
    };
    set(On::Project, &["team@example.org"]);
    told(&["team@example.org"]);
    set(On::Service("pg-1"), &["pager@example.org", "log@example.org"]);
    told(&["log@example.org", "pager@example.org"]);
}

#[test]
fn a_letter_says_what_happened_to_what_when_and_what_to_do() {
    let (scene, postman) = scene();
    lose_node(&scene, &scene.running("pg-1", nothing()));
    deliver(&scene.control).unwrap();
    let (_, letter) = postman.letters.lock().unwrap().remove(0);
    let head = "The node of service pg-1 is lost; the service is rebuilt from its newest backup and log.\n\nNothing has to be done now.";
    assert!(letter.text.starts_with(head), "{}", letter.text);
    for part in ["Project: main\n", "Service: pg-1\n", "When:    20", "Event:   service_node_lost, by farshore\n"] {
        assert!(letter.text.contains(part), "{part:?}: {}", letter.text);
    }
}

#[test]
fn while_the_server_is_away_letters_wait_and_arrive_under_the_same_id_later() {
    let (scene, postman) = scene();
    lose_node(&scene, &scene.running("pg-1", nothing()));
    postman.refuse(Some(ErrorKind::Transient));
    deliver(&scene.control).unwrap();
    deliver(&scene.control).unwrap();
    assert!(postman.take().is_empty());
    let later = scene.control.clock.now().plus_micros(61 * 1_000_000);
    let waiting = scene.control.store.read(|tx| outbox::due(tx, later, 9)).unwrap();
    assert_eq!((waiting.len(), waiting[0].tries), (1, 1), "the second call was too early for another try");
    postman.refuse(None);
    hurry(&scene);
    deliver(&scene.control).unwrap();
    let letters = postman.letters.lock().unwrap();
    assert_eq!((letters.len(), letters[0].0.as_str()), (1, waiting[0].id.as_str()));
}

#[test]
fn a_letter_that_is_refused_or_cannot_be_delivered_for_a_day_is_given_up_and_the_projects_people_are_told() {
    let (scene, postman) = scene();
    let service = scene.running("pg-1", nothing());
    contacts::replace(&scene.control, "a", PROJECT, On::Project, &["gone@example.org".to_string()]).unwrap();
    *postman.unknown.lock().unwrap() = Some("gone@example.org".to_string());
    lose_node(&scene, &service);
    deliver(&scene.control).unwrap();
    let told = postman.take();
    let expect = ("admin@example.org".to_string(), "Farshore main: a letter could not be delivered".to_string());
    assert_eq!((told, count(&scene, "project_mail_failed")), (vec![expect], 1));
}

#[test]
fn where_nobody_can_be_told_for_a_day_it_ends() {
    let (scene, postman) = scene();
    postman.refuse(Some(ErrorKind::Transient));
    lose_node(&scene, &scene.running("pg-1", nothing()));
    for _ in 0..20 {
        deliver(&scene.control).unwrap();
        hurry(&scene);
    }
    let told = count(&scene, "project_mail_failed");
    assert_eq!((hurry(&scene), told), (0, 2), "of the letter, and of the one that told so");
}

#[test]
fn a_letter_of_a_project_that_was_deleted_ends_and_holds_up_no_other() {
    let (scene, postman) = scene();
    let project = projects::NewProject { name: "gone".to_string(), ..projects::NewProject::default() };
    projects::create(&scene.control, "admin@example.org", &project).unwrap();
    members::invite(&scene.control, "a", "gone", "nobody@example.org", Role::Developer).unwrap();
    members::invite(&scene.control, "a", PROJECT, "dora@example.org", Role::Developer).unwrap();
    projects::delete(&scene.control, "gone").unwrap();
    *postman.unknown.lock().unwrap() = Some("nobody@example.org".to_string());
    deliver(&scene.control).unwrap();
    assert_eq!(postman.take().len(), 1);
    assert_eq!(hurry(&scene), 0);
}

#[test]
fn whoever_is_invited_gets_a_letter() {
    let (scene, postman) = scene();
    members::invite(&scene.control, "admin@example.org", PROJECT, "dora@example.org", Role::Developer).unwrap();
    deliver(&scene.control).unwrap();
    let (_, letter) = postman.letters.lock().unwrap().remove(0);
    assert_eq!((letter.to.as_str(), letter.subject.as_str()), ("dora@example.org", "Farshore main: you are invited"));
    assert!(letter.text.contains("by admin@example.org"), "{}", letter.text);
}

#[test]
fn a_run_that_fails_is_an_event_each_time_and_a_letter_once_a_day() {
    let (scene, postman) = scene();
    let service = scene.running("pg-1", nothing());
    scene.hosts.fail("back_up", Some(ErrorKind::Denied));
    for _ in 0..2 {
        crate::services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
        scene.end(&service.id);
    }
    deliver(&scene.control).unwrap();
    assert_eq!(count(&scene, "service_backup_failed"), 2);
    let subjects: Vec<String> = postman.take().into_iter().map(|(_, subject)| subject).collect();
    // Around midnight there may be two.
    assert!((1..=2).contains(&subjects.len()) && subjects[0] == "Farshore main/pg-1: a backup failed", "{subjects:?}");
}

#[test]
fn a_service_whose_backups_do_not_come_is_told_once_and_again_when_they_do() {
    let (scene, postman) = scene();
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    let look = || {
        late_backups(&scene.control).unwrap();
        late_backups(&scene.control).unwrap();
        (count(&scene, "service_backup_late"), count(&scene, "service_backup_on_time"))
    };
    assert_eq!(look(), (0, 0));
    let age = |tx: &mut farshore_store::Tx<'_>| {
        let mut all = backups::of_region(tx, &service.id, &service.region, 9)?;
        for backup in &mut all {
            backup.taken_at = backup.taken_at.plus_micros(-49 * 3600 * 1_000_000);
        }
        let mut row = rows::get(tx, &service.id)?.unwrap();
        begin_schedule(&mut row, tx.now().plus_micros(-49 * 3600 * 1_000_000));
        rows::update(tx, &row)?;
        backups::replace_all(tx, &service.id, &service.region, &all)
    };
    scene.control.store.write(age).unwrap();
    assert_eq!(look(), (1, 0));
    let seen = crate::services::overview(&scene.control, scene.row(&service.id)).unwrap();
    assert!(seen.notices.iter().any(|notice| notice.warning && notice.text.contains("as new as its plan promises")));
    crate::services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&service.id);
    assert_eq!(look(), (1, 1));
    // One that is off has none to come.
    scene.control.store.write(age).unwrap();
    let off = Patch { powered: Some(false), ..Patch::default() };
    update(&scene.control, &scene.actor, PROJECT, "pg-1", &off).unwrap();
    scene.settle(&service.id);
    scene.control.store.write(age).unwrap();
    assert_eq!(look(), (1, 1));
    deliver(&scene.control).unwrap();
    assert_eq!(postman.take().len(), 2);
}

#[test]
fn a_new_schedule_and_a_slot_that_has_just_come_make_no_backup_late() {
    let (scene, _) = scene();
    let service = scene.running("pg-1", nothing());
    let hours = |count: i64| scene.control.clock.now().plus_micros(count * 3600 * 1_000_000);
    let change = |change: &dyn Fn(&mut rows::Service)| {
        let write = |tx: &mut farshore_store::Tx<'_>| {
            let mut row = rows::get(tx, &service.id)?.unwrap();
            change(&mut row);
            let mut all = backups::of_region(tx, &service.id, &service.region, 9)?;
            all.iter_mut().for_each(|backup| backup.taken_at = hours(-10));
            backups::replace_all(tx, &service.id, &service.region, &all)?;
            rows::update(tx, &row).map(drop)
        };
        scene.control.store.write(write).unwrap();
        late_backups(&scene.control).unwrap();
        count(&scene, "service_backup_late")
    };
    assert_eq!(change(&|_| {}), 0, "one is due every day");
    let often = Patch { user_config: Some(json!({"backup_interval_hours": 3})), ..Patch::default() };
    update(&scene.control, &scene.actor, PROJECT, "pg-1", &often).unwrap();
    scene.settle(&service.id);
    assert_eq!(change(&|_| {}), 0, "the new schedule has only begun");
    let begun = |row: &mut rows::Service| begin_schedule(row, hours(-100));
    let due = |row: &mut rows::Service| {
        begun(row);
        row.next_backup_at = Some(hours(0));
    };
    assert_eq!(change(&due), 0, "it is asked for in a moment");
    let later = |row: &mut rows::Service| {
        begun(row);
        row.next_backup_at = Some(hours(2));
    };
    assert_eq!(change(&later), 1);
    // Another schedule is no backup: it is late until there is one.
    let other = Patch { user_config: Some(json!({"backup_interval_hours": 4})), ..Patch::default() };
    update(&scene.control, &scene.actor, PROJECT, "pg-1", &other).unwrap();
    scene.settle(&service.id);
    assert_eq!((change(&|_| {}), count(&scene, "service_backup_on_time")), (1, 0));
}

#[test]
fn without_a_mail_server_events_are_shown_and_nothing_waits() {
    let scene = Scene::new();
    lose_node(&scene, &scene.running("pg-1", nothing()));
    deliver(&scene.control).unwrap();
    assert_eq!((count(&scene, "service_node_lost"), hurry(&scene)), (1, 0));
}
