//! A platform with its log, and services on it: what tests ask of it, and that it leaves nothing behind.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use farshore_store::{Store, events, projects, runs};
use farshore_types::{Clock, Entropy, SystemClock, SystemEntropy};
use rustix::process::{Signal, geteuid};
use serde_json::{Value, json};

use super::support::{Up, World, succeeds, wait_until};

const SERVICES: &str = "/v1/project/main/service";
/// Most runs of a service that are looked at.
const RUNS_MAX: u32 = 1000;
/// Most events that are looked at.
const EVENTS_MAX: u32 = 100_000;

/// A running platform. What runs in its folder is stopped when it is dropped.
pub struct Site {
    pub world: World,
    up: Option<Up>,
    config: PathBuf,
    /// Parts of warnings that this test provokes.
    expected: &'static [&'static str],
}

/// How often a thing that takes long is done.
pub fn times(usually: u32, soaking: u32) -> u32 {
    if std::env::var_os("FARSHORE_SOAK").is_some() { soaking } else { usually }
}

/// A random number below another.
pub fn below(limit: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % limit
}

pub fn pause(milliseconds: u64) {
    SystemClock::new().pause(Duration::from_millis(milliseconds));
}

impl Site {
    pub fn new(config: &str, expected: &'static [&'static str]) -> Site {
        let world = World::new();
        let config = world.write("farshore.toml", config);
        let mut site = Site { world, up: None, config, expected };
        site.start();
        site
    }

    fn log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.world.path("up.log")).unwrap()
    }

    /// Starts it again.
    pub fn start(&mut self) {
        let mut command = self.world.up_command();
        command.arg("--config").arg(&self.config).stderr(self.log());
        self.up = Some(Up::start(command));
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        assert!(!self.up.take().unwrap().end(Signal::KILL));
    }

    pub fn up(&self) -> &Up {
        self.up.as_ref().unwrap()
    }

    /// Asks, and takes nothing but success.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.up().ask(method, path, &body);
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Asks for a service of PostgreSQL.
    pub fn create(&self, name: &str, plan: &str, more: &Value) {
        let mut body = json!({ "service_name": name, "service_type": "pg", "plan": plan });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.ask("POST", SERVICES, &body);
    }

    /// Asks for a fork.
    pub fn fork(&self, name: &str, source: &str, cloud: &str, moment: Option<&str>) {
        let mut config = json!({ "service_to_fork_from": source });
        if let Some(moment) = moment {
            config["recovery_target_time"] = json!(moment);
        }
        self.create(name, "startup-4", &json!({ "cloud": cloud, "user_config": config }));
    }

    pub fn change(&self, name: &str, body: &Value) {
        self.ask("PUT", &format!("{SERVICES}/{name}"), body);
    }

    pub fn terminate(&self, name: &str) {
        self.ask("DELETE", &format!("{SERVICES}/{name}"), &Value::Null);
    }

    /// Brings a terminated service back.
    pub fn undelete(&self, id: &str) {
        self.ask("POST", &format!("/v1/project/main/deleted-services/{id}/undelete"), &Value::Null);
    }

    pub fn service(&self, name: &str) -> Value {
        self.ask("GET", &format!("{SERVICES}/{name}"), &Value::Null)["service"].take()
    }

    pub fn id(&self, name: &str) -> String {
        text(&self.service(name)["service_id"])
    }

    pub fn uri(&self, name: &str) -> String {
        text(&self.service(name)["service_uri"])
    }

    /// Asks for a backup; the run.
    pub fn back_up(&self, name: &str) -> Value {
        self.ask("POST", &format!("{SERVICES}/{name}/backups"), &Value::Null)["run"].take()
    }

    /// Names of the backups that are shown.
    pub fn backups(&self, name: &str) -> Vec<String> {
        let answer = self.ask("GET", &format!("{SERVICES}/{name}/backups"), &Value::Null);
        answer["backups"].as_array().unwrap().iter().map(|backup| text(&backup["backup_name"])).collect()
    }

    /// How often something was told of a service; the API shows the newest events alone.
    pub fn events(&self, name: &str, event: &str) -> usize {
        let told = self.store().read(|tx| {
            let project = projects::by_name(tx, "main")?.unwrap();
            events::of_project(tx, &project.id, EVENTS_MAX)
        });
        let is_it = |told: &&events::Event| told.service_name.as_deref() == Some(name) && told.event_type == event;
        told.unwrap().iter().filter(is_it).count()
    }

    /// Waits until a service is in a state and nothing is being done with it; every run must have ended well.
    pub fn settle(&self, name: &str, state: &str) {
        let id = self.id(name);
        wait_until(&format!("{name} is {state}"), || self.service(name)["state"] == state && self.is_idle(&id));
        self.check_runs(&id);
    }

    /// The same for one that runs; where to connect.
    pub fn settle_running(&self, name: &str) -> String {
        self.settle(name, "RUNNING");
        assert!(!self.backups(name).is_empty(), "{name} has no backup");
        self.uri(name)
    }

    pub fn store(&self) -> Store {
        let location = format!("sqlite:{}", self.world.data().join("farshore.db").display());
        Store::open(&location, Arc::new(SystemClock::new())).unwrap()
    }

    pub fn is_idle(&self, id: &str) -> bool {
        self.store().read(|tx| runs::unfinished_of_subject(tx, id, 1)).unwrap().is_empty()
    }

    /// Every run of a service is done: none failed, none is stuck.
    pub fn check_runs(&self, id: &str) {
        for run in self.store().read(|tx| runs::of_subject(tx, id, RUNS_MAX)).unwrap() {
            assert_eq!(run.situation.state, runs::State::Done, "{id}: {run:?}");
        }
    }

    /// Servers of a service: the processes that were started on its data.
    pub fn servers(&self, id: &str) -> usize {
        let data = self.node(id).join("data").display().to_string();
        processes(&format!("-D {data}"))
    }

    /// The folders of all agents' nodes.
    pub fn agents(&self) -> Vec<PathBuf> {
        let regions = ["local-north", "local-south", "local-east"];
        regions.iter().map(|region| self.world.data().join("host").join(region).join("nodes")).collect()
    }

    /// The folder of a service's node, or where it would be.
    pub fn node(&self, id: &str) -> PathBuf {
        let all: Vec<PathBuf> = self.agents().iter().map(|nodes| nodes.join(id)).collect();
        all.iter().find(|node| node.exists()).unwrap_or(&all[0]).clone()
    }

    /// Waits until nothing is left of a terminated service: no node, no process, no user of the operating system.
    pub fn gone(&self, id: &str) {
        wait_until(&format!("{id} is gone"), || self.is_idle(id) && !self.node(id).exists());
        self.check_runs(id);
        assert_eq!(processes(&format!("nodes/{id}/")), 0, "{id}");
        if geteuid().is_root() {
            let random = id.rsplit_once('-').unwrap().1;
            assert!(!fs::read_to_string("/etc/passwd").unwrap().contains(random), "the user of {id} is left");
        }
    }

    /// Ends all services, then the platform; nothing is left, and nothing unexpected was logged.
    pub fn finish(mut self) {
        let answer = self.ask("GET", SERVICES, &Value::Null);
        let services: Vec<_> = answer["services"].as_array().unwrap().clone();
        services.iter().for_each(|service| self.terminate(service["service_name"].as_str().unwrap()));
        services.iter().for_each(|service| self.gone(service["service_id"].as_str().unwrap()));
        assert!(self.up.take().unwrap().end(Signal::TERM));
        assert!(succeeds(&mut self.world.command(&["down"])).contains("No database runs there"));
        assert_eq!(processes(&self.world.data().display().to_string()), 0);
        let log = fs::read_to_string(self.world.path("up.log")).unwrap();
        let is_bad = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ") || line.contains("panicked");
        let unexpected: Vec<_> = log.lines().filter(is_bad).collect();
        let unexpected: Vec<_> =
            unexpected.iter().filter(|line| !self.expected.iter().any(|part| line.contains(part))).collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.up.take());
        let _ = Command::output(&mut self.world.command(&["down", "--forget-users"]));
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.world.path("up.log")).unwrap_or_default());
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_string()
}

/// Living processes whose command line has a part.
fn processes(part: &str) -> usize {
    let lines = fs::read_dir("/proc").unwrap().flatten().map(|process| fs::read(process.path().join("cmdline")));
    let has = |line: &Vec<u8>| String::from_utf8_lossy(line).replace('\0', " ").contains(part);
    lines.flatten().filter(has).count()
}
