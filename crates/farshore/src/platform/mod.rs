//! Everything of a platform on one machine, in one process: `farshore up` starts it and waits.
//!
//! What is acknowledged is in the database or in a store before the answer goes out, and databases are processes of their own: whoever
//! kills this one at any moment loses nothing, and the next one finds the databases running. The first start may die anywhere, too:
//! keys are made before the database, the database before the token; what is missing the next time is made then.

mod agents;
mod charts;
mod config;
mod copying;
mod discreet;
mod hosts;
mod keeping;
mod keys;
mod lines;
mod nowhere;
mod place;
mod post;
mod queries;
mod region_store;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use farshore_agent::copies::{self, Copies};
use farshore_agent::durable::{self, Lock, Rights};
use farshore_agent::fleet::{Ground, Region, Stores};
use farshore_agent::host::Host;
use farshore_api::{App, Server, TlsFiles, routes};
use farshore_control::access::{self, NewToken};
use farshore_control::bootstrap::bootstrap;
use farshore_control::hosts::Hosts;
use farshore_control::logins::Logins;
use farshore_control::metrics::Samples;
use farshore_control::notifications::Post;
use farshore_control::regions::Regions;
use farshore_control::{Control, catalog, kinds};
use farshore_runs::{Runs, Sharing, Signal};
use farshore_store::Store;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, ErrorKind, Result, SystemEntropy};

use agents::Agents;
use copying::Between;
use discreet::Discreet;
use hosts::LocalHosts;
use keeping::Keeping;
use nowhere::Nowhere;
use post::Smtp;

pub use config::{Config, Mail};
pub use place::Place;

/// The name under which the administrator logs in.
pub const ADMINISTRATOR: &str = "admin@localhost";
/// Who runs databases where nobody has installed any yet.
const NOBODY: &str = "nobody";
/// Threads for each backup, restore and archiver.
const WORKERS: usize = 2;
/// How long each part is given to end.
const PATIENCE: Duration = Duration::from_secs(10);
const TOKEN_BYTES_MAX: u64 = 4096;

/// How the API is reached.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address and port.
    pub address: SocketAddr,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// Allows plain HTTP beyond this machine.
    pub insecure: bool,
}

/// A running platform.
pub struct Platform {
    control: Arc<Control>,
    runs: Runs<Control>,
    agents: Arc<Agents>,
    keeping: Keeping,
    server: Server,
    /// Where they are saved.
    charts: (PathBuf, Arc<Samples>),
    _lock: Lock,
}

/// This machine. Where nobody has installed a database server, and so no user for one, there is a platform all the same.
pub fn host(clock: &Arc<dyn Clock>) -> Result<Host> {
    match Host::new(None, clock.clone(), Arc::new(SystemEntropy)) {
        Err(error) if error.kind() == ErrorKind::Missing => {
            Host::new(Some(NOBODY), clock.clone(), Arc::new(SystemEntropy))
        }
        host => host,
    }
}

impl Platform {
    /// Starts everything; the API answers when this returns. What can be refused is refused before anything is made.
    pub fn start(place: &Place, config: &Config, listen: Listen, host: &Host) -> Result<Platform> {
        let names: Vec<&str> = config.settings.regions.iter().map(|region| region.name.as_str()).collect();
        place.make(host, &names)?;
        let lock = place.lock()?;
        place.forget_address()?;
        let seal = keys::seal(place, host.entropy.as_ref())?;
        let recovery = keys::recovery(place, host.entropy.as_ref())?;
        for region in &config.settings.regions {
            keys::region(place, region.name.as_str(), &region.store, host.entropy.as_ref())?;
        }
        let store = Arc::new(Store::open(&location(place), host.clock.clone())?);
        catalog::must_have_what_is_used(&store, &config.settings)?;
        let regions = regions(place, config, &recovery);
        let agents = Arc::new(Agents::open(place, &ground(place, host)?, regions, &keeping::drills(place)?)?);
        let copies = copies(&agents, config, host);
        let hosts = LocalHosts::new(agents.clone(), copies, &config.settings.service_host, host.clone());
        let hosts = Arc::new(Discreet::new(hosts, agents.clone()));
        let control = Arc::new(control(store.clone(), hosts, seal, config, host));
        keep_token(place, &control)?;
        let mut settings = farshore_runs::Settings::new("up");
        settings.lease = config.lease;
        settings.workers = config.workers;
        // The lock on the folder makes it so.
        settings.sharing = Sharing::Alone;
        settings.signal = control.signal.clone();
        let runs =
            Runs::new(store, kinds::kinds(), control.clone(), settings, host.clock.clone(), host.entropy.clone())?;
        let samples = Arc::new(Samples::default());
        charts::load(&place.charts(), &samples)?;
        let server = serve(&control, &samples, config, listen)?;
        runs.start()?;
        let keeping = Keeping::start(place, &agents, &control, &samples)?;
        let charts = (place.charts(), samples);
        Ok(Platform { control, runs, agents, keeping, server, charts, _lock: lock })
    }

    /// Where the API listens, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Takes no more requests, lets go of the runs, and ends every archiver. Databases run on. What does not end in time is left to the
    /// end of the process, which loses nothing.
    pub fn stop(self) {
        self.server.stop();
        if !self.runs.stop(PATIENCE) {
            tracing::info!("a run did not stop in time, the next start goes on with it");
        }
        for name in self.keeping.stop(&self.control, PATIENCE) {
            tracing::info!("{name} did not stop in time");
        }
        if let Err(error) = charts::save(&self.charts.0, &self.charts.1) {
            tracing::info!(%error, "the last minutes of the charts are not saved");
        }
        let (ended, end) = channel();
        let agents = self.agents;
        let closing = std::thread::Builder::new().name("close".to_string()).spawn(move || {
            agents.close();
            let _ = ended.send(());
        });
        if closing.is_err() || end.recv_timeout(PATIENCE).is_err() {
            tracing::info!("an archiver did not stop in time; its log waits in the database");
        }
    }
}

/// What a platform remembers, for commands beside it: no host is reached.
pub fn remembered(place: &Place, host: &Host) -> Result<Control> {
    let store = Arc::new(Store::open(&location(place), host.clock.clone())?);
    let seal = keys::seal(place, host.entropy.as_ref())?;
    let config = Config::read(None, place)?;
    Ok(control(store, Arc::new(Nowhere), seal, &config, host))
}

/// Who carries letters.
pub fn post(mail: Mail) -> Arc<dyn Post> {
    Arc::new(Smtp::new(mail))
}

fn location(place: &Place) -> String {
    format!("sqlite:{}", place.database().display())
}

fn control(
    store: Arc<Store>,
    hosts: Arc<dyn Hosts>,
    seal: farshore_control::seal::Seal,
    config: &Config,
    host: &Host,
) -> Control {
    Control {
        store,
        hosts,
        seal,
        signal: Signal::default(),
        regions: Regions::default(),
        logins: Logins::default(),
        post: config.mail.clone().map(post),
        settings: config.settings.clone(),
        clock: host.clock.clone(),
        entropy: host.entropy.clone(),
    }
}

/// What all agents work with; each has its own folder and stores.
fn ground(place: &Place, host: &Host) -> Result<Ground> {
    let stores: Stores = Arc::new(|region: &Region| Err(Error::bug(format!("region {} has no store", region.name))));
    let binary = std::env::current_exe().doing("find", "this program")?;
    Ok(Ground { host: host.clone(), root: place.host(), binary, stores, workers: WORKERS })
}

/// What keeps the copies in each region.
fn copies(agents: &Arc<Agents>, config: &Config, host: &Host) -> BTreeMap<String, Copies> {
    let origin = Arc::new(Between::new(agents.clone(), config.routes.clone(), host.clock.clone()));
    let (clock, entropy) = (host.clock.clone(), host.entropy.clone());
    let ground = copies::Ground { origin, workers: WORKERS, clock, entropy };
    let regions = config.settings.regions.iter();
    regions.map(|region| (region.name.to_string(), Copies::new(ground.clone()))).collect()
}

/// Every backup opens with its region's key and with the recovery key.
fn regions(place: &Place, config: &Config, recovery: &str) -> Vec<Region> {
    let region = |region: &farshore_control::settings::Region| Region {
        name: region.name.to_string(),
        store: region.store.clone(),
        identity: place.region_key(region.name.as_str()),
        recipients: vec![recovery.to_string()],
    };
    config.settings.regions.iter().map(region).collect()
}

/// The administrator's token is made at the first start and kept in a file. One that nobody ever held, because a start died before the
/// file was there, is made anew.
fn keep_token(place: &Place, control: &Control) -> Result<()> {
    let path = place.admin_token();
    let token = match bootstrap(control, ADMINISTRATOR)? {
        Some(token) => token,
        None if durable::read(&path, TOKEN_BYTES_MAX)?.is_some() => return Ok(()),
        None => {
            let tokens = access::list_tokens(control, ADMINISTRATOR)?;
            if tokens.iter().any(|token| token.last_used_at.is_some()) {
                return Ok(());
            }
            let asked = NewToken { description: "made at the first start".to_string(), ..NewToken::default() };
            access::create_token(control, ADMINISTRATOR, &asked)?.full_token
        }
    };
    durable::write(&path, format!("{token}\n").as_bytes(), Rights::PRIVATE)
}

fn serve(control: &Arc<Control>, samples: &Arc<Samples>, config: &Config, listen: Listen) -> Result<Server> {
    let app = App::of(control.clone(), samples.clone());
    let mut settings = farshore_api::Settings::at(listen.address);
    settings.names = config.names.clone();
    settings.tls = listen.tls;
    settings.insecure = listen.insecure;
    Server::start(settings, app, &routes::table())
}

/// Refuses an address on which tokens would travel in the clear, before anything is made.
pub fn must_be_protected(listen: &Listen) -> Result<()> {
    if listen.tls.is_some() || listen.insecure || listen.address.ip().is_loopback() {
        return Ok(());
    }
    let what = format!("{} can be reached from other machines, and tokens would go there unencrypted", listen.address);
    Err(Error::invalid(what).hint("give --tls-cert and --tls-key, or --insecure if something in front of it encrypts"))
}
