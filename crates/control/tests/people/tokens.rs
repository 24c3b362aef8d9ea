//! Tokens: their ages, their uses, their ends.

use farshore_control::access::{self, NewToken, SESSION_AGE_S, TOKENS_MAX};
use farshore_control::people;
use farshore_types::ErrorKind;

use crate::support::{ADMIN, HERE, Platform, platform, refused};

const HOUR: u64 = 3600;

impl Platform {
    fn token(&self, max_age_s: Option<u64>, extend: bool) -> String {
        let asked = NewToken { description: "test".to_string(), max_age_s, extend };
        access::create_token(&self.control, ADMIN, &asked).unwrap().full_token
    }

    fn works(&self, token: &str) -> bool {
        match access::authenticate(&self.control, token, HERE, "agent/1") {
            Ok(session) => session.email == ADMIN,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
                assert!(!error.to_string().contains(token), "the token stands in the error");
                false
            }
        }
    }
}

#[test]
fn a_token_is_kept_only_as_its_hash_and_its_first_characters() {
    let platform = platform();
    let full = platform.token(None, false);
    assert_eq!(full.len(), 64);
    assert!(full.bytes().all(|c| c.is_ascii_hexdigit()));
    let all = access::list_tokens(&platform.control, ADMIN).unwrap();
    assert!(all.iter().any(|token| full.starts_with(&token.prefix) && token.prefix.len() == 12));
    let printed = format!("{all:?}");
    assert!(!printed.contains(&full) && !printed.contains(&platform.token));
    let issued = access::create_token(&platform.control, ADMIN, &NewToken::default()).unwrap();
    assert!(!format!("{issued:?}").contains(&issued.full_token));
    assert!(!platform.works("none") && !platform.works(&full[..12]) && !platform.works(&full.to_uppercase()));
}

#[test]
fn a_token_ends_with_its_age_and_one_that_is_extended_lives_on_while_it_is_used() {
    let platform = platform();
    let (ending, extended, short) =
        (platform.token(Some(HOUR), false), platform.token(Some(HOUR), true), platform.token(Some(10), true));
    let endless = platform.token(None, true);
    for _ in 0..4 {
        platform.clock.pass(6);
        assert!(platform.works(&short));
    }
    platform.clock.pass(10);
    assert!(!platform.works(&short));
    platform.clock.pass(3000);
    assert!(platform.works(&ending) && platform.works(&extended));
    platform.clock.pass(3000);
    assert!(!platform.works(&ending) && platform.works(&extended));
    platform.clock.pass(3600);
    assert!(!platform.works(&extended));
    platform.clock.pass(10_000_000);
    assert!(platform.works(&endless));
}

#[test]
fn a_use_is_noted_at_most_once_a_minute() {
    let platform = platform();
    let full = platform.token(None, false);
    let noted = || {
        let all = access::list_tokens(&platform.control, ADMIN).unwrap();
        let token = all.into_iter().find(|token| full.starts_with(&token.prefix)).unwrap();
        (token.last_used_at, token.last_ip, token.last_user_agent)
    };
    assert_eq!(noted(), (None, None, None));
    let first = platform.control.clock.now();
    access::authenticate(&platform.control, &full, "::ffff:192.0.2.9".parse().unwrap(), "one\n").unwrap();
    assert_eq!(noted(), (Some(first), Some("192.0.2.9".to_string()), Some("one".to_string())));
    platform.clock.pass(59);
    assert!(platform.works(&full));
    assert_eq!(noted().0, Some(first));
    platform.clock.pass(1);
    assert!(platform.works(&full));
    assert_eq!(noted(), (Some(first.plus_micros(60_000_000)), Some(HERE.to_string()), Some("agent/1".to_string())));
    // The clock is set back.
    platform.clock.pass(-7200);
    assert!(platform.works(&full));
    assert_eq!(noted().0, Some(platform.control.clock.now()));
}

#[test]
fn a_token_is_revoked_by_its_first_characters_or_as_a_whole_and_only_by_its_user() {
    let platform = platform();
    let control = &platform.control;
    people::create(control, "ada@example.org", "", None).unwrap();
    let (one, two) = (platform.token(None, false), platform.token(None, false));
    for token in [&one[..12], &one] {
        refused(access::revoke_token(control, "ada@example.org", token), ErrorKind::Missing, "does not exist");
    }
    let mut wrong = one.clone();
    wrong.replace_range(63.., if one.ends_with('0') { "1" } else { "0" });
    let error = access::revoke_token(control, ADMIN, &wrong).unwrap_err();
    assert!(error.kind() == ErrorKind::Missing && !error.to_string().contains(&wrong), "{error}");
    access::revoke_token(control, ADMIN, &one[..12]).unwrap();
    assert!(!platform.works(&one) && platform.works(&two));
    access::revoke_token(control, ADMIN, &two).unwrap();
    assert!(!platform.works(&two));
    refused(access::revoke_token(control, ADMIN, &two[..12]), ErrorKind::Missing, "does not exist");
}

#[test]
fn all_tokens_end_at_once_and_a_new_one_works_also_when_the_clock_was_set_back() {
    let platform = platform();
    let one = platform.token(None, false);
    access::expire_tokens(&platform.control, ADMIN).unwrap();
    assert!(!platform.works(&one) && !platform.works(&platform.token));
    platform.clock.pass(-3600);
    assert!(platform.works(&platform.token(None, false)));
}

#[test]
fn descriptions_and_ages_have_bounds() {
    let platform = platform();
    let control = &platform.control;
    for age in [0, u64::MAX, access::AGE_MAX_S + 1] {
        let asked = NewToken { max_age_s: Some(age), ..NewToken::default() };
        refused(access::create_token(control, ADMIN, &asked), ErrorKind::Invalid, "max_age_seconds");
    }
    let long = "x".repeat(access::DESCRIPTION_CHARS_MAX + 1);
    let asked = NewToken { description: long.clone(), ..NewToken::default() };
    refused(access::create_token(control, ADMIN, &asked), ErrorKind::Invalid, "description");
    let prefix = &platform.token[..12];
    refused(access::describe_token(control, ADMIN, prefix, &long), ErrorKind::Invalid, "description");
    assert_eq!(access::describe_token(control, ADMIN, prefix, "laptop").unwrap().description, "laptop");
    refused(access::describe_token(control, ADMIN, "nothing", ""), ErrorKind::Missing, "nothing");
}

#[test]
fn a_login_ends_the_oldest_login_where_there_are_too_many_tokens_and_a_request_for_one_is_refused() {
    let platform = platform();
    let control = &platform.control;
    access::set_password(control, ADMIN, "correct horse").unwrap();
    let login = || access::login(control, ADMIN, "correct horse", HERE).unwrap();
    let (first, second) = (login(), login());
    assert!(access::is_session(&access::list_tokens(control, ADMIN).unwrap()[0]));
    (2..TOKENS_MAX).for_each(|_| drop(platform.token(None, false)));
    platform.clock.pass(60);
    assert!(platform.works(&first));
    refused(access::create_token(control, ADMIN, &NewToken::default()), ErrorKind::Conflict, "revoke");
    let third = login();
    assert!(platform.works(&first) && !platform.works(&second) && platform.works(&third));
    // Those that ended make room by themselves.
    platform.clock.pass(i64::try_from(SESSION_AGE_S).unwrap() + 1);
    platform.token(None, false);
}
