//! Every command: the one call that matters, and what a person reads. The same with `--json` is the API's own answer.

use serde_json::{Value, json};

use crate::answers::platform;
use crate::canned::TOKEN;

/// What is typed; the call that matters, with its body; words that are printed.
type Row = (&'static str, &'static str, Value, &'static [&'static str]);

fn table() -> Vec<Row> {
    [services(), lives(), others(), regions(), accounts()].concat()
}

fn services() -> Vec<Row> {
    let new = json!({"service_name": "pg-1", "service_type": "pg", "plan": "startup-4", "cloud": "local-north",
                     "user_config": {"backup_hour": 3, "work_mem": 8, "pg": {"jit": false}}, "termination_protection": false});
    let fork = json!({"service_name": "f", "service_type": "pg", "plan": "startup-4", "cloud": "local-south",
                      "user_config": {"service_to_fork_from": "pg-1", "recovery_target_time": "2026-11-21T10:15:00Z"},
                      "termination_protection": false});
    vec![
        (
            "service list",
            "GET /project/main/service",
            Value::Null,
            &["Project main has 1 service, running.", "startup-4"],
        ),
        (
            "service list --deleted",
            "GET /project/main/deleted-services",
            Value::Null,
            &["farshore service undelete ID", "pg-1-00ff", "2026-12-21 10:15:00"],
        ),
        (
            "service get pg-1",
            "GET /project/main/service/pg-1",
            Value::Null,
            &[
                "Service pg-1 is running in local-north.\nYou would lose 2.0 s of data.\n",
                "PostgreSQL 15.13",
                "until now",
            ],
        ),
        (
            "service get pg-1 --uri",
            "GET /project/main/service/pg-1",
            Value::Null,
            &["postgres://avnadmin:hush@127.0.0.1:5433"],
        ),
        (
            "service create pg-1 --type pg --plan startup-4 --cloud local-north -c backup_hour=3 -c work_mem=8 -c pg.jit=false",
            "POST /project/main/service",
            new,
            &["Service pg-1 is being made in local-north.", "farshore service wait pg-1"],
        ),
        (
            "service create f --fork-from pg-1 --at 2026-11-21T10:15:00Z --cloud local-south",
            "POST /project/main/service",
            fork,
            &["as pg-1 was at 2026-11-21T10:15:00Z"],
        ),
        (
            "service update pg-1 -c backup_hour=null --plan startup-8",
            "PUT /project/main/service/pg-1",
            json!({"user_config": {"backup_hour": null}, "plan": "startup-8"}),
            &["Changed. Service pg-1 is running in local-north."],
        ),
    ]
}

fn lives() -> Vec<Row> {
    vec![
        (
            "service update pg-1 --power-on --wait",
            "PUT /project/main/service/pg-1",
            json!({"powered": true}),
            &["is running"],
        ),
        (
            "service wait pg-1",
            "GET /project/main/service/pg-1/run",
            Value::Null,
            &["Service pg-1 is running in local-north."],
        ),
        (
            "service terminate pg-1 --force",
            "DELETE /project/main/service/pg-1",
            Value::Null,
            &["Service pg-1 is terminated", "until 2026-12-21 10:15:00 UTC", "farshore service undelete pg-1-00ff"],
        ),
        (
            "service undelete pg-1-00ff",
            "POST /project/main/deleted-services/pg-1-00ff/undelete",
            json!({}),
            &["Service pg-1 is being brought back"],
        ),
        (
            "service logs pg-1 -n 5",
            "POST /project/main/service/pg-1/logs",
            json!({"limit": 5, "sort_order": "asc"}),
            &["2026-11-21T10:15:00Z pg-1-1 postgresql: ready"],
        ),
    ]
}

fn others() -> Vec<Row> {
    vec![
        (
            "backup list pg-1",
            "GET /project/main/service/pg-1/backups",
            Value::Null,
            &["Service pg-1 has 1 backup.", "b-1", "03:07", "From local-south: every moment", "local-south (paused)"],
        ),
        ("backup create pg-1", "POST /project/main/service/pg-1/backups", json!({}), &["farshore run watch r7"]),
        ("backup create pg-1 --wait", "GET /project/main/run/r7", Value::Null, &["is done"]),
        ("project list", "GET /project", Value::Null, &["You have 1 project.", "owner"]),
        ("project get", "GET /project/main", Value::Null, &["are made in local-north"]),
        (
            "project create test --cloud local-south",
            "POST /project",
            json!({"project": "test", "cloud": "local-south"}),
            &["Project test is made"],
        ),
        ("project use main", "GET /project/main", Value::Null, &["export AIVEN_PROJECT=main"]),
        ("cloud list", "GET /project/main/clouds", Value::Null, &["Services can be in 1 region.", "local-north"]),
        ("run list pg-1", "GET /project/main/service/pg-1/run", Value::Null, &["Service pg-1 has 1 run.", "r7"]),
        ("run retry r7", "POST /project/main/run/r7/retry", json!({}), &["goes on", "farshore run watch r7"]),
        ("run watch r7", "GET /project/main/run/r7", Value::Null, &["create pg-1 is done"]),
    ]
}

fn regions() -> Vec<Row> {
    let fork = json!({"service_name": "pg-1-local-south", "service_type": "pg", "plan": "startup-4",
                      "cloud": "local-south", "user_config": {"service_to_fork_from": "pg-1"}});
    let lag = &[
        "local-north is down: restored elsewhere, pg-1 loses 1.4 s of work: local-south holds everything up to 2026-11-21 10:15:03 UTC.",
    ];
    vec![
        ("backup lag pg-1", "GET /project/main/service/pg-1/copies", Value::Null, lag),
        ("backup lag", "GET /project/main/service/pg-1/copies", Value::Null, &["12 objects, 3.40 MB", "1.4 s"]),
        (
            "region list",
            "GET /project/main/regions",
            Value::Null,
            &["Region local-north is down since 2026-11-21 10:15:04 UTC: a drill.", "up to 2026-11-21 10:15:03 UTC"],
        ),
        (
            "region fork-all local-north --to local-south",
            "POST /project/main/service",
            fork,
            &["pg-1-local-south is being made in local-south", "1 service of local-north"],
        ),
        (
            "region fork-all local-north --to local-south --wait",
            "GET /project/main/service/pg-1-local-south",
            Value::Null,
            &["pg-1-local-south is running in local-south", "each has a running fork"],
        ),
    ]
}

fn accounts() -> Vec<Row> {
    vec![
        ("user list pg-1", "GET /project/main/service/pg-1", Value::Null, &["Service pg-1 has 2 accounts.", "dora"]),
        (
            "user create pg-1 dora",
            "POST /project/main/service/pg-1/user",
            json!({"username": "dora"}),
            &["User dora of service pg-1 is made. The password:\nnew-hush"],
        ),
        (
            "user password-reset pg-1 dora",
            "PUT /project/main/service/pg-1/user/dora",
            json!({"operation": "reset-credentials"}),
            &["User dora of service pg-1 has a new password. The password:\nnew-hush"],
        ),
        ("user delete pg-1 dora", "DELETE /project/main/service/pg-1/user/dora", Value::Null, &["is removed"]),
    ]
}

#[test]
fn every_command_asks_what_the_api_knows_and_answers_in_sentences() {
    for (line, call, body, words) in table() {
        let platform = platform();
        let out = platform.run(line).good();
        for word in words {
            assert!(out.contains(word), "{line}: {word:?} is missing in\n{out}");
        }
        let asked = platform.asked();
        let matching = asked.iter().filter(|asked| format!("{} {}", asked.method, asked.path) == call);
        let bodies: Vec<&Value> = matching.map(|asked| &asked.body).collect();
        assert!(bodies.contains(&&body), "{line}: {call} with {body}: {asked:#?}");
        assert!(asked.iter().all(|asked| asked.authorization == format!("aivenv1 {TOKEN}")), "{line}");
        let writes = asked.iter().filter(|asked| asked.method != "GET");
        assert!(writes.count() <= 1, "{line} writes once: {asked:#?}");
    }
}

#[test]
fn every_answer_can_be_had_as_json_and_is_nothing_but_json() {
    for (line, ..) in table() {
        let out = platform().run(&format!("{line} --json")).good();
        let answer: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line}: {error}: {out}"));
        assert!(answer.is_object(), "{line}: {out}");
    }
}

#[test]
fn passwords_are_printed_only_where_they_are_asked_for() {
    let asks = ["service get pg-1 --uri", "user create pg-1 dora", "user password-reset pg-1 dora"];
    for (line, ..) in table() {
        let out = platform().run(line).good();
        assert_eq!(out.contains("hush"), asks.contains(&line), "{line}: {out}");
    }
}

#[test]
fn the_only_project_needs_no_name() {
    let platform = platform();
    let out = crate::canned::Ended::of(platform.farshore("service list").env_remove("AIVEN_PROJECT")).good();
    assert!(out.starts_with("Project main has 1 service"), "{out}");
}
