//! Passwords and logins, roles and members: who gets in, who is kept out, and what each may do.

use farshore_control::access::{self, Session};
use farshore_control::members::Invitation;
use farshore_control::{bootstrap, events, members, people, projects};
use farshore_types::{ErrorKind, Permission, Role};

use crate::support::{ADMIN, HERE, newest_event, platform, refused};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn the_first_start_makes_an_owner_of_main_and_a_token_and_no_other_start_does() {
    let platform = platform();
    let control = &platform.control;
    let session = access::authenticate(control, &platform.token, HERE, "test").unwrap();
    assert_eq!(session.email, ADMIN);
    assert!(platform.token.starts_with(&session.token_prefix));
    let main = projects::get(control, ADMIN, "main").unwrap();
    assert_eq!((main.role, main.project.default_region.as_str()), (Role::Owner, "local-north"));
    assert_eq!(newest_event(control, "main").1, "project_create");
    assert_eq!(bootstrap::bootstrap(control, ADMIN).unwrap(), None);
    // What people deleted since does not come back.
    projects::delete(control, "main").unwrap();
    assert_eq!(bootstrap::bootstrap(control, "other@example.org").unwrap(), None);
    assert!(projects::list(control, ADMIN).unwrap().is_empty());
}

#[test]
fn a_password_gives_a_token_and_a_wrong_one_says_no_more_than_an_unknown_user() {
    let platform = platform();
    let control = &platform.control;
    people::create(control, "Ada@Example.org", "Ada", Some(PASSWORD)).unwrap();
    let token = access::login(control, " ada@example.ORG", PASSWORD, HERE).unwrap();
    assert_eq!(access::authenticate(control, &token, HERE, "").unwrap().email, "ada@example.org");
    let wrong =
        [("ada@example.org", "wrong"), ("nobody@example.org", PASSWORD), (ADMIN, ""), (ADMIN, PASSWORD), ("", "")];
    for (email, password) in wrong {
        refused(access::login(control, email, password, HERE), ErrorKind::Denied, "wrong e-mail address or password");
    }
}

#[test]
fn failed_logins_are_delayed_also_for_users_that_are_not_there_and_the_right_password_has_to_wait_too() {
    let platform = platform();
    let control = &platform.control;
    people::create(control, "ada@example.org", "Ada", Some(PASSWORD)).unwrap();
    for (email, address) in [("ada@example.org", "192.0.2.7"), ("nobody@example.org", "192.0.2.8")] {
        let address = address.parse().unwrap();
        for _ in 0..6 {
            refused(access::login(control, email, "wrong", address), ErrorKind::Denied, "password");
        }
        refused(access::login(control, email, PASSWORD, address), ErrorKind::Busy, "wait 1 s");
    }
    platform.clock.pass(1);
    access::login(control, "ada@example.org", PASSWORD, HERE).unwrap();
}

#[test]
fn a_new_password_ends_the_other_tokens_and_the_old_password() {
    let platform = platform();
    let control = &platform.control;
    let session = access::authenticate(control, &platform.token, HERE, "").unwrap();
    let change =
        |session: &Session, present: &str, new: &str| access::change_password(control, session, present, new, HERE);
    // The first one needs no old one.
    change(&session, "", PASSWORD).unwrap();
    let other = access::login(control, ADMIN, PASSWORD, HERE).unwrap();
    refused(change(&session, "wrong", "another password"), ErrorKind::Denied, "present password");
    refused(change(&session, PASSWORD, "short"), ErrorKind::Invalid, "too short");
    access::authenticate(control, &other, HERE, "").unwrap();
    let new = change(&session, PASSWORD, "another password").unwrap();
    access::authenticate(control, &new, HERE, "").unwrap();
    refused(access::authenticate(control, &other, HERE, ""), ErrorKind::Denied, "token");
    access::authenticate(control, &platform.token, HERE, "").unwrap();
    refused(access::login(control, ADMIN, PASSWORD, HERE), ErrorKind::Denied, "password");
    access::login(control, ADMIN, "another password", HERE).unwrap();
    access::set_password(control, ADMIN, "set on the machine").unwrap();
    refused(access::authenticate(control, &platform.token, HERE, ""), ErrorKind::Denied, "token");
    access::login(control, ADMIN, "set on the machine", HERE).unwrap();
}

#[test]
fn guessing_the_present_password_with_a_stolen_token_is_delayed() {
    let platform = platform();
    let control = &platform.control;
    access::set_password(control, ADMIN, PASSWORD).unwrap();
    let token = access::login(control, ADMIN, PASSWORD, HERE).unwrap();
    let session = access::authenticate(control, &token, HERE, "").unwrap();
    let guess = |_| access::change_password(control, &session, "guess", "another password", HERE).unwrap_err().kind();
    let kinds: Vec<ErrorKind> = (0..7).map(guess).collect();
    assert_eq!(kinds[..6], [ErrorKind::Denied; 6]);
    assert_eq!(kinds[6], ErrorKind::Busy);
}

#[test]
fn users_have_one_well_formed_address_each() {
    let platform = platform();
    let control = &platform.control;
    refused(people::create(control, "ADMIN@example.org", "", None), ErrorKind::Conflict, "already exists");
    for email in ["", "ada", "@b", "a@", "a@b@c", "a b@c", "a@b\n", &format!("{}@b", "a".repeat(300))] {
        if email.trim() == "a@b" {
            continue;
        }
        refused(people::create(control, email, "", None), ErrorKind::Invalid, "is not an e-mail address");
    }
    refused(access::user(control, "nobody@example.org"), ErrorKind::Missing, "nobody@example.org");
}

#[test]
fn every_role_may_what_its_row_says_and_strangers_cannot_tell_a_project_from_none() {
    let platform = platform();
    let control = &platform.control;
    for role in Role::ALL {
        let email = format!("{role}@example.org");
        people::create(control, &email, "", None).unwrap();
        members::set(control, ADMIN, "main", &email, role).unwrap();
        for permission in Permission::ALL {
            let result = access::may(control, &email, "main", permission);
            assert_eq!(result.is_ok(), role.may(permission), "{role} {permission}");
            assert!(result.is_ok() || result.is_err_and(|error| error.kind() == ErrorKind::Denied));
        }
    }
    people::create(control, "stranger@example.org", "", None).unwrap();
    for user in ["stranger@example.org", "nobody@example.org"] {
        let told = |project: &str| {
            let error = access::may(control, user, project, Permission::ServicesRead).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Missing);
            error.to_string().replace(project, "P")
        };
        assert_eq!(told("main"), told("none"));
    }
}

#[test]
fn members_come_and_go_and_an_owner_stays() {
    let platform = platform();
    let control = &platform.control;
    people::create(control, "ada@example.org", "Ada", None).unwrap();
    refused(
        members::set(control, ADMIN, "main", "who@example.org", Role::Viewer),
        ErrorKind::Missing,
        "who@example.org",
    );
    refused(members::set(control, ADMIN, "main", ADMIN, Role::Viewer), ErrorKind::Conflict, "only owner");
    refused(members::remove(control, ADMIN, "main", ADMIN), ErrorKind::Conflict, "only owner");
    refused(members::remove(control, ADMIN, "main", "ada@example.org"), ErrorKind::Missing, "no member");
    members::set(control, ADMIN, "main", "ada@example.org", Role::Viewer).unwrap();
    let before = events::list(control, "main", 99).unwrap().len();
    members::set(control, ADMIN, "main", "Ada@example.org", Role::Viewer).unwrap();
    assert_eq!(events::list(control, "main", 99).unwrap().len(), before, "nothing changed");
    members::set(control, ADMIN, "main", "ada@example.org", Role::Owner).unwrap();
    let (actor, kind, text) = newest_event(control, "main");
    assert_eq!((actor.as_str(), kind.as_str()), (ADMIN, "project_user_set"));
    assert_eq!(text, "Made ada@example.org a member with the role owner");
    members::remove(control, "ada@example.org", "main", ADMIN).unwrap();
    let all = members::list(control, "main").unwrap();
    let shown: Vec<(&str, &str, Role)> =
        all.iter().map(|one| (one.email.as_str(), one.real_name.as_str(), one.role)).collect();
    assert_eq!(shown, [("ada@example.org", "Ada", Role::Owner)]);
    assert!(projects::list(control, ADMIN).unwrap().is_empty());
}

#[test]
fn who_is_invited_before_there_is_a_user_becomes_a_member_with_it() {
    let platform = platform();
    let control = &platform.control;
    let invite = |email: &str, role: Role| members::invite(control, ADMIN, "main", email, role).unwrap();
    assert_eq!(invite("Ada@example.org", Role::Viewer), Invitation::Open);
    assert_eq!(invite("ada@example.org", Role::Operator), Invitation::Open);
    assert_eq!(invite("bob@example.org", Role::Viewer), Invitation::Open);
    let open = members::invited(control, "main").unwrap();
    let shown: Vec<(&str, &str, Role)> =
        open.iter().map(|one| (one.email.as_str(), one.invited_by.as_str(), one.role)).collect();
    assert_eq!(shown, [("ada@example.org", ADMIN, Role::Operator), ("bob@example.org", ADMIN, Role::Viewer)]);
    assert_eq!(members::list(control, "main").unwrap().len(), 1, "an invitation lets nobody in");
    members::uninvite(control, ADMIN, "main", "Bob@example.org").unwrap();
    for email in ["bob@example.org", "nonsense"] {
        refused(members::uninvite(control, ADMIN, "main", email), ErrorKind::Missing, email);
    }
    people::create(control, "bob@example.org", "", None).unwrap();
    people::create(control, "Ada@example.org", "Ada", None).unwrap();
    let (actor, kind, text) = newest_event(control, "main");
    assert_eq!((actor.as_str(), kind.as_str()), ("ada@example.org", "project_user_accept"));
    assert_eq!(text, format!("ada@example.org, invited by {ADMIN}, is a member with the role operator"));
    assert!(access::may(control, "ada@example.org", "main", Permission::ServicesWrite).is_ok());
    assert!(access::may(control, "bob@example.org", "main", Permission::ServicesRead).is_err());
    assert!(members::invited(control, "main").unwrap().is_empty());
    assert_eq!(invite("bob@example.org", Role::Viewer), Invitation::Accepted);
    refused(members::invite(control, ADMIN, "main", ADMIN, Role::Viewer), ErrorKind::Conflict, "only owner");
    let emails: Vec<String> = people::list(control).unwrap().into_iter().map(|user| user.email).collect();
    assert_eq!(emails, ["ada@example.org", ADMIN, "bob@example.org"]);
}
