//! The first region while it lives: a platform that `farshore up` runs, and a service that was asked for through its API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Progress, Result, units};
use farshore_vault::Repository;
use farshore_vault::format::manifest::BackupKind;
use serde::Serialize;
use serde_json::json;

use super::children::Child;
use super::keys::{store_url, text};
use super::scene::{REGION, SOUTH, Scene};
use crate::client::answers::{Run, Service, part};
use crate::client::args::ApiArgs;
use crate::client::caller::Client;
use crate::client::ending::{failure, is_over};
use crate::platform::Place;
use crate::{progress, stores};

/// The name that the service is asked for by.
const SERVICE: &str = "pg-demo";
const PLAN: &str = "startup-4";
/// The project that a new platform has.
const PROJECT: &str = "main";
/// For the platform to start.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// For a service to be made and for a backup to be taken.
const PATIENCE: Duration = Duration::from_secs(1800);
/// The schedule's own backups stay out of the demo.
const HOURS_AWAY: i64 = 12;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A backup that was taken.
#[derive(Debug, Clone, Serialize)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// 1 and up.
    pub sequence: u32,
    /// Whether every byte was read and put.
    pub full: bool,
    /// Bytes of the files.
    pub raw: u64,
    /// Bytes put.
    pub new: u64,
    /// How long it took.
    pub seconds: f64,
}

/// The platform and its service.
pub struct North {
    /// The process of `farshore up`.
    pub platform: Child,
    /// The service's id: its folder in every store.
    pub service: String,
    /// The folder of its node.
    pub volume: PathBuf,
    /// Its port.
    pub port: u16,
    /// The parts of its `service_uri`.
    pub uri: BTreeMap<String, String>,
    client: Client,
}

/// Starts the platform; gives it and a client of its API.
pub fn up(scene: &Scene) -> Result<(Child, Client)> {
    let (folder, settings) = (scene.north(), scene.outside().join("platform.toml"));
    let region = format!(
        "[[regions]]\nname = \"{SOUTH}\"\nprovider = \"local\"\ndescription = \"The second region\"\nstore = \"{}\"\n",
        store_url(&scene.south_store())
    );
    std::fs::write(&settings, region).doing("write", settings.display())?;
    let args = ["up", "--data", text(&folder)?, "--listen", "127.0.0.1:0", "--config", text(&settings)?];
    let platform = Child::start(scene, "farshore up", &args, &scene.outside().join("up.log"))?;
    let address = Place::of(Some(&folder))?.address();
    scene.wait_for("the start of the platform", START_PATIENCE, &mut || {
        platform.check()?;
        Ok(address.exists().then_some(()))
    })?;
    let api = ApiArgs { data: Some(folder), project: Some(PROJECT.to_string()) };
    let client = Client::new(&api, scene.as_json, scene.clock())?;
    let url = std::fs::read_to_string(&address).doing("read", address.display())?;
    scene.note(&format!("farshore up, process {}, answers at {}", platform.pid(), url.trim()));
    Ok((platform, client))
}

impl North {
    /// Asks for the service, and waits until it runs and its first backup is taken.
    pub fn create(scene: &Scene, platform: Child, client: Client) -> Result<North> {
        let away = scene.clock().now().plus_micros(HOURS_AWAY * MICROS_PER_HOUR).to_string();
        let hour: u8 = away.get(11..13).and_then(|hour| hour.parse().ok()).unwrap_or(0);
        let version = scene.installation.major.to_string();
        let asked = json!({
            "service_name": SERVICE, "service_type": "pg", "plan": PLAN, "cloud": REGION,
            "user_config": {"pg_version": version, "backup_hour": hour, "backup_minute": 0},
        });
        client.api.post(&client.path(&["service"])?, &asked).doing("create", SERVICE)?;
        let mut north =
            North { platform, client, service: String::new(), volume: PathBuf::new(), port: 0, uri: BTreeMap::new() };
        north.follow(scene, "create the service", &|run| run.kind == "create")?;
        north.follow(scene, "first backup", &|run| run.kind == "backup")?;
        let answer = north.client.api.get(&north.client.path(&["service", SERVICE])?)?;
        let service: Service = part(&answer, "service")?;
        let port = service.service_uri_params.get("port").and_then(|port| port.parse().ok());
        north.port = port.ok_or_else(|| Error::bug("the service runs and has no port"))?;
        north.volume = scene.nodes().join(&service.service_id);
        (north.service, north.uri) = (service.service_id, service.service_uri_params);
        let first = north.newest(scene)?;
        let uri = shown_uri(&north.uri);
        scene.note(&format!("service {SERVICE} runs at {uri}"));
        scene.note(&format!("its first backup, full, was taken by itself: {}", units::bytes(first.new)));
        Ok(north)
    }

    /// Makes a database.
    pub fn create_database(&self, name: &str) -> Result<()> {
        let path = self.client.path(&["service", SERVICE, "db"])?;
        self.client.api.post(&path, &json!({"database": name})).doing("make database", name).map(drop)
    }

    /// Asks for a backup, and shows how far it is until it is there.
    pub fn backup(&self, scene: &Scene, what: &str, full: bool) -> Result<Taken> {
        let path = self.client.path(&["service", SERVICE, "backups"])?;
        let asked: Run = part(&self.client.api.post(&path, &json!({}))?, "run")?;
        self.follow(scene, what, &|run| run.id == asked.id)?;
        let taken = self.newest(scene)?;
        match taken.full == full {
            true => Ok(taken),
            false => Err(Error::bug(format!("the platform took another kind of backup: {taken:?}"))),
        }
    }

    /// Asks for copies in the second region.
    pub fn copy_to_south(&self, scene: &Scene) -> Result<()> {
        let asked = json!({"user_config": {"additional_backup_regions": [SOUTH]}});
        self.client.api.put(&self.client.path(&["service", SERVICE])?, &asked).doing("copy backups of", SERVICE)?;
        scene.note(&format!(
            "additional_backup_regions=[\"{SOUTH}\"]: backups and log are pulled into region south, without a key"
        ));
        Ok(())
    }

    /// What the region's store holds of the service.
    fn repository(&self, scene: &Scene) -> Result<Repository> {
        let root = stores::store(&store_url(&scene.north_store()), scene.clock().clone())?;
        Repository::open(stores::scoped(&root, &self.service.parse()?)?)
    }

    /// Its newest backup there.
    fn newest(&self, scene: &Scene) -> Result<Taken> {
        let repository = self.repository(scene)?;
        let none = || Error::bug("the region's store holds no backup of the service");
        let name = repository.backups()?.into_iter().next_back().ok_or_else(none)?;
        let (_, custody) = repository.custody(&name)?;
        if !custody.flags.is_empty() {
            return Err(Error::corrupt(format!("backup {} is flagged: {}", name.id, custody.flags.join(", "))));
        }
        Ok(Taken {
            name: name.id.to_string(),
            sequence: name.id.sequence,
            full: matches!(custody.kind, BackupKind::Full),
            raw: custody.sizes.raw,
            new: custody.sizes.new,
            seconds: custody.finished.seconds_since(custody.started),
        })
    }

    /// Waits for the end of the newest run of this kind, showing how far it is.
    fn follow(&self, scene: &Scene, what: &str, wanted: &dyn Fn(&Run) -> bool) -> Result<()> {
        let path = self.client.path(&["service", SERVICE, "run"])?;
        let counted = Arc::new(Progress::default());
        let _shown = progress::show(what, counted.clone(), scene.clock().clone());
        let mut seen = (0, 0);
        scene.wait_for(what, PATIENCE, &mut || {
            self.platform.check()?;
            let runs: Vec<Run> = part(&self.client.api.get(&path)?, "runs")?;
            if let Some(error) = runs.iter().find_map(failure) {
                return Err(error);
            }
            let Some(run) = runs.iter().find(|run| wanted(run)) else { return Ok(None) };
            let (done, total) = (run.progress.bytes_done, run.progress.bytes_expected.unwrap_or(0));
            counted.add_bytes(done.saturating_sub(seen.0));
            counted.expect_bytes(total.saturating_sub(seen.1));
            seen = (seen.0.max(done), seen.1.max(total));
            Ok(is_over(run).then_some(()))
        })
    }
}

/// `service_uri` without its password.
fn shown_uri(parts: &BTreeMap<String, String>) -> String {
    let part = |name: &str| parts.get(name).map_or("", String::as_str);
    let [user, host, port, dbname, sslmode] = ["user", "host", "port", "dbname", "sslmode"].map(part);
    format!("postgres://{user}:…@{host}:{port}/{dbname}?sslmode={sslmode}")
}
