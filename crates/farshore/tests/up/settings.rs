//! `--config`: what a file can say, and how it is told what is wrong with it.

use std::fs;

use rustix::process::Signal;

use super::support::{World, installed, refused, succeeds};

const REGION: &str = "[[regions]]\nname = \"far-away\"\nprovider = \"acme\"\ndescription = \"Far away\"\n";
const PLAN: &str = "[[plans]]\nservice_type = \"pg\"\nname = \"startup-64\"\ntier = \"startup\"\nmemory_mib = 65536\n";

#[test]
fn a_wrong_file_is_refused_with_line_key_and_what_is_allowed() {
    let world = World::new();
    let open = world.write("open.password", "secret");
    let mut wrong = Vec::new();
    let mut check = |text: String, parts: &[&str]| {
        let file = world.write("farshore.toml", &text);
        let error = refused(world.up_command().arg("--config").arg(&file));
        let parts = parts.iter().filter(|part| !error.contains(**part)).collect::<Vec<_>>();
        if !parts.is_empty() || !error.contains(&format!("{} line ", file.display())) || world.data().exists() {
            wrong.push(format!("{text}\n{error}lacks {parts:?}"));
        }
    };
    check(
        "[limits]\nservices_maxx = 3\n".into(),
        &["line 2", "services_maxx", "did you mean \"services_max\"", "lease_s"],
    );
    check("\n\nregion = 1\n".into(), &["line 3", "\"region\"", "did you mean \"regions\"", "default_regions"]);
    check(
        "[limits]\nservices_max = \"many\"\n".into(),
        &["line 2", "services_max", "\"many\"", "a whole number from 1 to 1000"],
    );
    check("[limits]\nservices_max = 0\n".into(), &["line 2", "services_max", "`0`", "from 1 to 1000"]);
    check("[limits]\nundelete_days = -1\n".into(), &["line 2", "undelete_days", "from 0 to 3650"]);
    check("[limits]\nlease_s = 1.5\n".into(), &["line 2", "lease_s", "from 1 to 3600"]);
    for wrong in ["a\\nb", "bad name", "", "a/b"] {
        check(format!("names = [\"{wrong}\"]\n"), &["line 1", "names", "allowed are letters"]);
    }
    check("[regions]\nname = \"x\"\n".into(), &["line 1", "regions", "write [[regions]]"]);
    check("default_regions = false\n".into(), &["0 regions", "allowed are 1 to 100"]);
    check("[limits\n".into(), &["line 1"]);
    check(REGION.into(), &["line 1", "\"store\" is missing in [[regions]]", "store = "]);
    check(format!("{REGION}store = \"s3://key:secret@bucket\"\n"), &["line 5", "store", "s3:", "allowed is file://"]);
    check(format!("{REGION}store = \"/srv/far\"\n"), &["line 5", "store", "allowed is file://"]);
    check(format!("{REGION}store = \"file:///x\"\nlatitude = 91\n"), &["line 6", "latitude", "-90 to 90"]);
    let twice = format!("{REGION}store = \"file:///x\"\n").replace("far-away", "local-south");
    check(twice, &["line 2", "two regions local-south", "default_regions = false"]);
    check(REGION.replace("far-away", "recovery") + "store = \"file:///x\"\n", &["line 2", "name", "recovery"]);
    check(REGION.replace("far-away", "Far Away") + "store = \"file:///x\"\n", &["line 2", "name", "a-z"]);
    let route = "[[copies.routes]]\nfrom = \"local-north\"\nto = \"local-south\"\nbytes_per_second = 1000000\n";
    check(route.replace("local-south", "local-west"), &["line 3", "no region \"local-west\"", "local-east"]);
    check(route.replace("1000000", "10"), &["line 4", "bytes_per_second", "from 1024"]);
    check(route.repeat(2), &["line 6", "two bounds", "allowed is one"]);
    check("[copies]\ngrace_hours = -1\n".into(), &["line 2", "grace_hours", "from 0 to 8760"]);
    check("[copies]\nlag_objective = 5\n".into(), &["line 2", "lag_objective", "did you mean \"lag_objective_s\""]);
    let rest = "cpu_count = 16\ndisk_mib = 100000\n";
    check(format!("{PLAN}{rest}").replace("startup-64", "startup-4"), &["line 3", "a plan startup-4 of pg already"]);
    check(format!("{PLAN}{rest}").replace("\"startup\"", "\"starter\""), &["line 4", "tier", "hobbyist"]);
    check(format!("{PLAN}{rest}").replace("\"pg\"", "\"oracle\""), &["line 2", "service_type"]);
    check(format!("{PLAN}{rest}disk_cap_mib = 2000\n"), &["line 8", "disk_cap_mib", "allowed is 100000 or more"]);
    let smtp = "[smtp]\nhost = \"mail\"\nport = 587\nfrom = \"a@b\"\n";
    check(smtp.replace("a@b", "nobody"), &["line 4", "from", "NAME@HOST"]);
    check(smtp.replace("587", "0"), &["line 3", "port", "from 1 to 65535"]);
    check(format!("{smtp}user = \"u\"\n"), &["line 5", "user", "password_file"]);
    let password = format!("{smtp}user = \"u\"\npassword_file = \"{}\"\n", open.display());
    check(password, &["line 6", "password_file", "allowed is mode 0600"]);
    let plain = format!("{smtp}user = \"u\"\npassword_file = \"/x\"\nencryption = \"none\"\n");
    check(plain, &["line 5", "user", "without encryption", "starttls"]);
    check(format!("{smtp}encryption = \"ssl\"\n"), &["line 5", "encryption", "starttls"]);
    check(format!("{smtp}ca_file = \"/nowhere.pem\"\n"), &["line 5", "ca_file", "/nowhere.pem cannot be read"]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
    let error = refused(world.up_command().args(["--config", "/nonexistent.toml"]));
    assert!(error.contains("/nonexistent.toml"), "{error}");
}

#[test]
fn a_file_adds_regions_and_can_take_the_usual_ones_away() {
    let world = World::new();
    let store = world.path("far");
    let text = format!(
        "default_regions = false\nnames = [\"db.example.org\"]\n{REGION}store = \"file://{}\"\nlatitude = 10\n{PLAN}cpu_count = 16\n\
         disk_mib = 100000\n[copies]\nany_provider = true\nend_at_backups = true\ngrace_hours = 1\nchange_hours = 0\nlag_objective_s = 9\n\
         [[copies.routes]]\nfrom = \"far-away\"\nto = \"far-away\"\nbytes_per_second = 2048\n[limits]\nlease_s = 5\nundelete_days = 7\n[smtp]\nhost = \"mail\"\nport = 25\nfrom = \"a@b\"\n",
        store.display()
    );
    let file = world.write("farshore.toml", &text);
    let printed = succeeds(world.up_command().arg("--config").arg(&file).arg("--help"));
    assert!(printed.contains("farshore.toml"), "an example in the help");
    let up = world.up_with(&["--config", file.to_str().unwrap()]);
    assert_eq!(up.get("/openapi.json").0, 200);
    let keys: Vec<_> =
        fs::read_dir(world.data().join("keys")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(keys.iter().any(|name| name == "far-away.key") && keys.len() == 3, "{keys:?}");
    assert!(up.end(Signal::TERM));
}

#[test]
fn a_file_that_lacks_the_plan_of_a_service_is_refused_at_the_start_with_the_services_name() {
    if !installed() {
        return;
    }
    let world = World::new();
    let _databases = world.stopping_databases();
    let file = world.write("farshore.toml", &format!("{PLAN}cpu_count = 16\ndisk_mib = 100000\n"));
    let config = ["--config", file.to_str().unwrap()];
    let up = world.up_with(&config);
    let asked = r#"{"service_name":"shop","service_type":"pg","plan":"startup-64"}"#;
    let (status, body) = up.ask("POST", "/v1/project/main/service", asked);
    assert_eq!(status, 200, "{body}");
    assert!(up.end(Signal::TERM));
    let error = refused(&mut world.up_command());
    for part in ["the settings lack plan startup-64, which shop has", "put it back into --config"] {
        assert!(error.contains(part), "{error}");
    }
    let up = world.up_with(&config);
    assert_eq!(up.ask("DELETE", "/v1/project/main/service/shop", "").0, 200);
    assert!(up.end(Signal::TERM));
    let up = world.up();
    assert_eq!(up.get("/v1/project/main/service").0, 200);
    assert!(up.end(Signal::TERM));
}
