//! Who is known: users, projects, members, invitations, contacts, tokens.

use farshore_store::tags::Owner;
use farshore_store::{contacts, invitations, members, projects, services, tokens, users};
use farshore_types::ServiceId;

use super::{at, begin, project, service, user};
use crate::places::each;

#[test]
fn users_projects_and_members_are_found_and_changed() {
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                users::insert(tx, &user("bob"))?;
                let changed = users::User { real_name: "Ada".to_string(), tokens_valid_from: at(9), ..user("ada") };
                assert!(users::update(tx, &changed)?);
                assert_eq!(users::get(tx, "ada")?, Some(changed));
                assert!(!users::update(tx, &user("eve"))?);
                assert_eq!(users::list(tx, 1)?.len(), 1);

                let sealed = projects::Project { secrets: Some(vec![7]), ..project("p") };
                assert!(projects::update(tx, &sealed)?);
                assert_eq!(projects::by_name(tx, "name-p")?.as_ref(), Some(&sealed));
                projects::insert(tx, &project("q"))?;

                let role = |role: &str| members::Member {
                    project_id: "p".to_string(),
                    user_id: "ada".to_string(),
                    role: role.to_string(),
                };
                members::set(tx, &role("viewer"))?;
                members::set(tx, &role("owner"))?;
                assert_eq!(members::get(tx, "p", "ada")?, Some(role("owner")));
                assert_eq!(members::of_project(tx, "p", 9)?[0].email, "ada@example.org");
                assert_eq!(members::of_user(tx, "ada", 9)?, [role("owner")]);
                assert_eq!(projects::of_user(tx, "ada", 9)?, [sealed]);
                assert!(members::remove(tx, "p", "ada")? && !members::remove(tx, "p", "ada")?);
                assert!(projects::delete(tx, "q")? && !projects::delete(tx, "q")?);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn an_invitation_is_one_for_each_project_and_address() {
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                projects::insert(tx, &project("q"))?;
                let one = |project: &str, email: &str, role: &str, micros: i64| invitations::Invitation {
                    project_id: project.to_string(),
                    email: email.to_string(),
                    role: role.to_string(),
                    invited_by: "ada@example.org".to_string(),
                    created_at: at(micros),
                };
                let (eve, again, elsewhere) =
                    (one("p", "eve@b", "viewer", 1), one("p", "eve@b", "owner", 3), one("q", "eve@b", "viewer", 2));
                for invitation in [&eve, &elsewhere, &again, &one("p", "bob@b", "viewer", 4)] {
                    invitations::put(tx, invitation)?;
                }
                assert_eq!(invitations::of_email(tx, "eve@b", 9)?, [elsewhere, again.clone()]);
                assert_eq!(invitations::of_project(tx, "p", 9)?, [one("p", "bob@b", "viewer", 4), again]);
                assert_eq!(invitations::of_project(tx, "p", 1)?.len(), 1);
                assert!(invitations::remove(tx, "p", "bob@b")? && !invitations::remove(tx, "p", "bob@b")?);
                assert!(projects::delete(tx, "q")?, "with what is open in it");
                invitations::remove_of_email(tx, "eve@b")?;
                assert_eq!(invitations::of_email(tx, "eve@b", 9)?, []);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn contacts_keep_their_order_and_go_with_their_owner() {
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                services::insert(tx, &service("pg-1-0123456789abcdef", "pg-1"))?;
                let one: ServiceId = "pg-1-0123456789abcdef".parse()?;
                for owner in [Owner::Project("p"), Owner::Service(one.as_str())] {
                    for emails in [&["b@b".to_string(), "a@b".to_string()][..], &["c@b".to_string()], &[]] {
                        contacts::replace(tx, owner, emails)?;
                        assert_eq!(contacts::list(tx, owner)?, emails);
                    }
                    contacts::replace(tx, owner, &["d@b".to_string()])?;
                }
                assert!(services::remove(tx, &one)? && projects::delete(tx, "p")?);
                assert_eq!(contacts::list(tx, Owner::Service(one.as_str()))?, [""; 0]);
                assert_eq!(contacts::list(tx, Owner::Project("p"))?, [""; 0]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn tokens_are_found_by_hash_and_revoked_one_by_one_or_all() {
    let token = |number: u8| tokens::Token {
        id: number.to_string(),
        user_id: "ada".to_string(),
        hash: [number; 32],
        prefix: format!("prefix{number:06}"),
        description: String::new(),
        created_at: at(i64::from(number)),
        max_age_s: Some(60),
        extend: true,
        expires_at: Some(at(100 + i64::from(number))),
        last_used_at: None,
        last_ip: None,
        last_user_agent: None,
    };
    each(|place| {
        place
            .open()
            .write(|tx| {
                begin(tx);
                (1..=5).try_for_each(|number| tokens::insert(tx, &token(number)))?;
                assert_eq!(tokens::by_hash(tx, &[3; 32])?, Some(token(3)));
                assert_eq!(tokens::by_hash(tx, &[9; 32])?, None);
                assert_eq!(tokens::of_user(tx, "ada", 2)?, [token(5), token(4)]);
                let ip = Some("::1".to_string());
                let used = tokens::Use { at: at(50), ip: ip.clone(), user_agent: None, expires_at: None };
                assert!(tokens::touch(tx, "3", &used)?);
                let touched = tokens::Token { last_used_at: Some(at(50)), last_ip: ip, expires_at: None, ..token(3) };
                assert_eq!(tokens::by_hash(tx, &[3; 32])?, Some(touched));
                assert_eq!(tokens::describe(tx, "ada", "prefix000003", "new")?.unwrap().description, "new");
                assert!(tokens::delete(tx, "ada", "prefix000005")? && !tokens::delete(tx, "bob", "prefix000004")?);
                assert_eq!(tokens::delete_expired(tx, at(102))?, 1);
                assert_eq!(tokens::delete_all(tx, "ada")?, 3);
                Ok(())
            })
            .unwrap();
    });
}
