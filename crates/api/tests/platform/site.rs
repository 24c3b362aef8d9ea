//! A platform on a free port, and a client that ticks off which routes were asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_api::{App, Server, Settings, matrix, openapi, routes};
use farshore_control::bootstrap::bootstrap;
use farshore_control::hosts::fake::FakeHosts;
use farshore_control::logins::Logins;
use farshore_control::metrics::{self, Samples};
use farshore_control::seal::{KEY_BYTES, Seal};
use farshore_control::settings::{self, Region};
use farshore_control::{Control, kinds};
use farshore_runs::{Runs, Signal};
use farshore_store::Store;
use farshore_types::{Clock, SystemClock, SystemEntropy};
use serde_json::{Value, json};

use crate::client::{Client, PATIENCE, Reply};
use crate::conform;

pub const ADMIN: &str = "admin@localhost";

pub struct Site {
    pub control: Arc<Control>,
    pub hosts: Arc<FakeHosts>,
    pub token: String,
    server: Server,
    runs: Runs<Control>,
    samples: Arc<Samples>,
    document: Value,
    asked: Mutex<BTreeSet<String>>,
    _folder: tempfile::TempDir,
}

fn region(name: &str) -> Region {
    Region {
        name: name.parse().unwrap(),
        provider: "local".to_string(),
        description: format!("This machine, {name}"),
        geo_region: "here".to_string(),
        latitude: 60.0,
        longitude: 25.0,
        store: "file:///nowhere".to_string(),
    }
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let location = format!("sqlite:{}", folder.path().join("db").display());
        let store = Arc::new(Store::open(&location, clock.clone()).unwrap());
        let hosts = FakeHosts::new(clock.clone());
        let signal = Signal::default();
        let regions = ["local-north", "local-south", "local-east"].map(region).to_vec();
        let control = Arc::new(Control {
            store: store.clone(),
            hosts: hosts.clone(),
            seal: Seal::new(&[7; KEY_BYTES]).unwrap(),
            regions: farshore_control::regions::Regions::default(),
            signal: signal.clone(),
            logins: Logins::default(),
            post: None,
            settings: settings::Settings::new(regions),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
        });
        let token = bootstrap(&control, ADMIN).unwrap().unwrap();
        let mut work = farshore_runs::Settings::new("test");
        work.signal = signal;
        let entropy = Arc::new(SystemEntropy);
        let runs = Runs::new(store, kinds::kinds(), control.clone(), work, clock, entropy).unwrap();
        runs.start().unwrap();
        let samples = Arc::new(Samples::default());
        let app = App::of(control.clone(), samples.clone());
        let table = routes::table();
        let server = Server::start(Settings::at(([127, 0, 0, 1], 0).into()), app, &table).unwrap();
        let (document, asked) = (openapi::document(&table), Mutex::default());
        Site { control, hosts, token, server, runs, samples, document, asked, _folder: folder }
    }

    /// Routes that nobody asked.
    pub fn never_asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        matrix::coverage(&routes::table()).into_iter().filter(|route| !asked.contains(route)).collect()
    }

    /// `what` is the method and the pattern of a route; each name in braces is replaced by the next of `names`.
    pub fn ask_as(&self, token: Option<&str>, what: &str, names: &[&str], body: &Value) -> Reply {
        let (route, query) = what.split_once('?').unwrap_or((what, ""));
        let (method, pattern) = route.split_once(' ').unwrap();
        let known = matrix::coverage(&routes::table()).iter().any(|one| one == route);
        assert!(known, "{route} is no route");
        let mut names = names.iter();
        let part = |part: &str| match part.starts_with('{') {
            true => escaped(names.next().unwrap()),
            false => part.to_string(),
        };
        let path: Vec<String> = pattern.split('/').map(part).collect();
        let authorization = token.map(|token| format!("aivenv1 {token}"));
        let mut headers = vec![("user-agent", "aiven-client/4.18.0")];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let path = format!("{}?{query}", path.join("/"));
        let reply = Client::connect(self.server.address()).ask(method, &path, &headers, &body);
        self.asked.lock().unwrap().insert(route.to_string());
        if reply.status == 200 {
            conform::check(&self.document, method, pattern, &reply);
        }
        reply
    }

    /// An answer that must be a success.
    pub fn ok(&self, what: &str, names: &[&str], body: &Value) -> Value {
        let reply = self.ask_as(Some(&self.token), what, names, body);
        assert_eq!(reply.status, 200, "{what}: {}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }

    pub fn get(&self, pattern: &str, names: &[&str]) -> Value {
        self.ok(&format!("GET {pattern}"), names, &Value::Null)
    }

    /// A refusal with a status and parts of its sentence, which is given back.
    pub fn refused(&self, status: u16, what: &str, names: &[&str], body: &Value, parts: &[&str]) -> String {
        let reply = self.ask_as(Some(&self.token), what, names, body);
        let message = reply.error();
        assert_eq!(reply.status, status, "{what}: {message}");
        for part in parts {
            assert!(message.contains(part), "{what}: {part:?} is not in {message:?}");
        }
        message
    }

    /// Makes a service and waits until nothing is being done with it.
    pub fn service(&self, name: &str, more: &Value) -> Value {
        let mut body = json!({
            "service_name": name, "service_type": "pg", "plan": "startup-4", "cloud": null, "user_config": {},
            "service_integrations": [], "termination_protection": false, "static_ips": [],
        });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let made = self.ok("POST /v1/project/{project}/service", &["main"], &body);
        assert_eq!(made["service"]["state"], "REBUILDING");
        self.settle(name)
    }

    /// Waits until nothing is being done with a service; the service then.
    pub fn settle(&self, name: &str) -> Value {
        loop {
            let runs = self.get("/v1/project/{project}/service/{service}/run", &["main", name])["runs"].clone();
            let open = runs.as_array().unwrap().iter().find(|run| run["end_time"].is_null()).cloned();
            let Some(run) = open else { break };
            self.runs.wait(run["id"].as_str().unwrap(), PATIENCE).unwrap();
        }
        self.get("/v1/project/{project}/service/{service}", &["main", name])["service"].clone()
    }

    pub fn sample(&self) {
        metrics::sample(&self.control, &self.samples).unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.runs.stop(Duration::from_secs(5));
    }
}

fn escaped(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
