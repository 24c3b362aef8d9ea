//! A table of routes for the tests, and a gate that knows two tokens: `good` and, seeing only, `viewer`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex};

use farshore_api::{Access, Answer, App, Call, Caller, Gate, Limits, Method, Route, Server, Settings, route, routes};
use farshore_types::access::{Permission, Role};
use farshore_types::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes of the large answer.
pub const LARGE: usize = 64 << 20;

struct Door;

impl Gate for Door {
    fn authenticate(&self, token: &str, address: IpAddr, user_agent: &str) -> Result<Caller> {
        let user = match token {
            "good" => "admin",
            "viewer" => "viewer",
            "broken" => return Err(Error::transient("the database is away")),
            _ => return Err(Error::denied("the token is not known").hint("log in again")),
        };
        let token_prefix = token.chars().take(2).collect();
        Ok(Caller { user: user.to_string(), token_prefix, address, user_agent: user_agent.to_string() })
    }

    fn may(&self, caller: &Caller, project: &str, permission: Permission) -> Result<()> {
        if project != "main" {
            return Err(Error::missing(format!("project {project} does not exist")));
        }
        let role = if caller.user == "admin" { Role::Owner } else { Role::Viewer };
        role.must_be_allowed(permission)
    }
}

#[derive(Serialize, JsonSchema)]
pub struct Echo {
    user: String,
    project: String,
    name: String,
    limit: Option<u32>,
    user_agent: String,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
pub struct Make {
    size: u32,
}

#[derive(Serialize, JsonSchema)]
pub struct Made {
    size: u32,
}

#[derive(Serialize, JsonSchema)]
pub struct Done {}

fn echo(call: &Call) -> Result<Echo> {
    Ok(Echo {
        user: call.caller()?.user.clone(),
        project: call.path("project")?.to_string(),
        name: call.parsed_path("name")?,
        limit: call.parsed_query("limit")?,
        user_agent: call.user_agent().to_string(),
    })
}

fn make(_: &Call, make: Make) -> Result<Made> {
    Ok(Made { size: make.size })
}

fn fail(call: &Call) -> Result<Done> {
    let kind = match call.path("kind")? {
        "invalid" => ErrorKind::Invalid,
        "missing" => ErrorKind::Missing,
        "conflict" => ErrorKind::Conflict,
        "busy" => ErrorKind::Busy,
        "transient" => ErrorKind::Transient,
        "panic" => panic!("as asked"),
        _ => ErrorKind::Bug,
    };
    Err(Error::new(kind, "service pg-1 does not exist").context("look for", "inner words"))
}

/// Lets the handler of `/slow` begin and end when a test says so. One test of this program uses it at a time.
#[derive(Default)]
pub struct Pace {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

/// The only one: handlers are functions without a place of their own.
pub static PACE: Pace = Pace { state: Mutex::new((0, false)), changed: Condvar::new() };
/// Held by the test that uses [`PACE`].
pub static PACE_IN_USE: Mutex<()> = Mutex::new(());

impl Pace {
    pub fn reset(&self) {
        *self.state.lock().unwrap() = (0, false);
    }

    pub fn await_begun(&self, count: usize) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.0 < count).unwrap());
    }

    pub fn release(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.1).unwrap());
    }
}

fn slow(_: &Call) -> Result<Done> {
    PACE.pass();
    Ok(Done {})
}

fn large(_: &Call) -> Result<Answer> {
    Ok(Answer::bytes("application/octet-stream", vec![7; LARGE]))
}

fn log_out(_: &Call) -> Result<Done> {
    Ok(Done {})
}

/// The routes of the tests after those of the product.
pub fn table() -> Vec<Route> {
    let read = Access::Project(Permission::ServicesRead);
    let write = Access::Project(Permission::ServicesWrite);
    let more = [
        route(Method::Get, "/v1/project/{project}/echo/{name}", "Echo", read, "Says what came in")
            .answered_by(echo)
            .query("limit", "A number"),
        route(Method::Post, "/v1/project/{project}/make", "Make", write, "Takes a number").taking(make),
        route(Method::Put, "/v1/fail/{kind}", "Fail", Access::Authenticated, "Fails").answered_by(fail),
        route(Method::Post, "/v1/fail/{kind}", "FailPost", Access::Authenticated, "Fails").answered_by(fail),
        route(Method::Get, "/slow", "Slow", Access::Public, "Waits").answered_by(slow),
        route(Method::Get, "/large", "Large", Access::Public, "Answers much").raw(large),
        route(Method::Post, "/login", "Login", Access::Public, "Takes a number from anybody").taking(make),
        route(Method::Delete, "/v1/access_token/{token}", "LogOut", Access::Authenticated, "Ends a token")
            .answered_by(log_out),
    ];
    routes::table().into_iter().filter(|route| route.pattern() == "/openapi.json").chain(more).collect()
}

pub fn settings() -> Settings {
    Settings::at(SocketAddr::from(([127, 0, 0, 1], 0)))
}

pub fn start(settings: Settings) -> Result<Server> {
    Server::start(settings, App::new(Arc::new(Door)), &table())
}

/// A server with changed limits.
pub fn limited(change: impl FnOnce(&mut Limits)) -> Server {
    let mut settings = settings();
    change(&mut settings.limits);
    start(settings).unwrap()
}
