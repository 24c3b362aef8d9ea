//! What goes wrong: the sentence of the API, or of the client where there is no API, and the exit status.

use std::net::TcpListener;

use crate::answers::platform;
use crate::canned::{Canned, Ended, TOKEN, bare, refusal};

#[test]
fn a_refusal_is_printed_in_the_words_of_the_api() {
    for (status, code) in [(400, 2), (401, 1), (403, 1), (404, 1), (409, 1), (429, 1), (500, 1), (503, 1)] {
        let platform = Canned::start(move |_| refusal("Plan x is unknown. Choose startup-4.", status));
        let ended = platform.run("service list");
        assert_eq!(ended.code, code, "{status}: {ended:?}");
        assert!(ended.errors.starts_with("error: Plan x is unknown. Choose startup-4.\n"), "{ended:?}");
        assert_eq!(ended.errors.contains("farshore token create"), status == 401, "{ended:?}");
        let json = platform.run("service list --json");
        let answer: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(answer["error"]["message"], "Plan x is unknown. Choose startup-4.");
    }
}

#[test]
fn a_write_that_got_no_good_answer_is_not_repeated() {
    let platform = Canned::start(|_| refusal("The database is busy", 503));
    assert_eq!(platform.run("service terminate pg-1 --force").code, 1);
    assert_eq!(platform.asked().len(), 1, "{:?}", platform.asked());
}

#[test]
fn nothing_is_ended_without_force_where_nobody_can_be_asked() {
    let platform = platform();
    let ended = platform.run("service terminate pg-1");
    assert!(ended.code == 2 && ended.errors.contains("--force"), "{ended:?}");
    assert!(platform.asked().is_empty());
}

#[test]
fn what_can_be_refused_here_never_reaches_the_platform() {
    for (line, expect) in [
        ("service create f --fork-from pg-1 --at yesterday", "yesterday"),
        ("service update pg-1", "nothing of service pg-1 is to be changed"),
    ] {
        let platform = platform();
        let ended = platform.run(line);
        assert!(ended.code == 2 && ended.errors.contains(expect), "{line}: {ended:?}");
        assert!(platform.asked().is_empty(), "{line}");
    }
}

#[test]
fn a_platform_that_is_not_there_is_named_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, expect) in [
        (format!("http://{free}"), "nobody answers at"),
        ("ftp://127.0.0.1".to_string(), "is no address of an API"),
        (String::new(), "nobody said where the platform is"),
    ] {
        let ended = Ended::of(bare("project list").env("AIVEN_WEB_URL", &url).env("AIVEN_AUTH_TOKEN", TOKEN));
        assert!(ended.code > 0 && ended.errors.contains(expect), "{url}: {ended:?}");
        assert!(ended.errors.contains("farshore up") || ended.errors.contains("127.0.0.1:8321"), "{ended:?}");
        assert!(!ended.errors.contains(TOKEN), "{ended:?}");
    }
}

#[test]
fn a_name_cannot_leave_its_place_in_the_path() {
    let platform = platform();
    platform.run("service terminate ../../../access_token --force");
    let asked: Vec<String> = platform.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/project/main/service/..%2F..%2F..%2Faccess_token"]);
}
