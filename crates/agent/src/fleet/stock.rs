//! What a service's part of a region's store holds, and what becomes of it: listed, expired, shredded.

use std::sync::Arc;

use farshore_objects::{ObjectStore, Scoped};
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result, ServiceId, Target, TargetKind, Timestamp};
use farshore_vault::care::retention::{self, Candidate, Keep};
use farshore_vault::care::sweep;
use farshore_vault::format::manifest::BackupKind;
use farshore_vault::names;
use farshore_vault::{Identity, Recipient, Repository, Vault};

use super::expiry;
use super::ground::{Ground, stored_file};
use super::order::Region;
use super::report::Restore;
use crate::durable::{self, Rights};
use crate::tasks::windows::Windows;

/// Objects that are listed before they are deleted.
const SHREDDED_AT_ONCE: usize = 10_000;

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// 1 and up.
    pub sequence: u32,
    /// When it was consistent.
    pub finished: Timestamp,
    /// Bytes of the files.
    pub raw_bytes: u64,
    /// Bytes that it needs in the store, shared ones included.
    pub stored_bytes: u64,
    /// Whether it shares nothing.
    pub full: bool,
    /// What is wrong with it, if anything.
    pub flags: Vec<String>,
}

/// All of a service in a region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    /// Backups, oldest first.
    pub backups: Vec<Held>,
    /// Stretches of moments that restore, oldest first.
    pub windows: Vec<(Timestamp, Timestamp)>,
    /// Backups that cannot be used, each with its reason.
    pub damaged: Vec<String>,
}

/// Opens the service's vault in a region. `Missing` where there is none.
pub fn open(ground: &Ground, region: &Region, service: &ServiceId) -> Result<Vault> {
    let store = store(ground, region, service)?;
    Repository::open(store)?.unlock(&identity(region)?)
}

/// Opens the service's vault in its own region, or makes it, once: one that is gone afterwards is `Transient`. A store that was not mounted
/// looks empty, and what was put into it then would be missing from the true one. If we die between making it and noting that, the next
/// call finds it and notes it.
pub fn open_or_create(ground: &Ground, region: &Region, service: &ServiceId) -> Result<Vault> {
    let (store, identity) = (store(ground, region, service)?, identity(region)?);
    let mut recipients = identity.recipients();
    for recipient in &region.recipients {
        recipients.push(recipient.parse::<Recipient>()?);
    }
    let (entropy, stored) = (ground.host.entropy.as_ref(), stored_file(&ground.root, service));
    let vault = match Repository::open(store.clone()) {
        Ok(repository) => {
            let vault = repository.unlock(&identity)?;
            recipients.iter().try_for_each(|recipient| vault.add_recipient(recipient, entropy))?;
            vault
        }
        Err(error) if error.kind() == ErrorKind::Missing && stored.exists() => return Err(gone(region, service)),
        Err(error) if error.kind() == ErrorKind::Missing => Vault::create(store, service, &recipients, entropy)?,
        Err(error) => return Err(error),
    };
    if !stored.exists() {
        durable::write(&stored, &[], Rights::PRIVATE)?;
    }
    Ok(vault)
}

fn gone(region: &Region, service: &ServiceId) -> Error {
    let name = &region.name;
    let what = format!("the store of region {name} holds nothing of service {service}, which was stored there before");
    Error::transient(what).hint(format!(
        "mount the store again; if it is lost for good, remove host/{name}/orders/{service}.stored from the platform's folder"
    ))
}

/// Lets further recipients open the repository.
pub fn admit(ground: &Ground, region: &Region, service: &ServiceId, recipients: &[String]) -> Result<()> {
    let vault = open(ground, region, service)?;
    let entropy = ground.host.entropy.as_ref();
    recipients.iter().try_for_each(|recipient| vault.add_recipient(&recipient.parse::<Recipient>()?, entropy))
}

/// Whether a restore has a backup and log that reach its target.
pub fn check(ground: &Ground, restore: &Restore) -> Result<()> {
    let windows = Windows::read(&open(ground, &restore.region, &restore.source)?)?;
    windows.choose_from(restore.backup.as_deref(), &within(&windows, restore)).map(drop)
}

/// To where a restore goes: a moment behind the last log at which nothing can be missing is the end of that log.
pub fn goal(ground: &Ground, restore: &Restore) -> Result<Target> {
    match (&restore.target.kind, restore.assured) {
        (TargetKind::Time(_), Some(_)) => {
            let windows = Windows::read(&open(ground, &restore.region, &restore.source)?)?;
            Ok(within(&windows, restore))
        }
        _ => Ok(restore.goal()),
    }
}

fn within(windows: &Windows, restore: &Restore) -> Target {
    let goal = restore.goal();
    let TargetKind::Time(moment) = goal.kind else { return goal };
    match windows.choose(&Target::latest()) {
        Ok(newest) if newest.reach.to_time < moment && restore.assured.is_some_and(|assured| moment <= assured) => {
            Target { kind: TargetKind::Time(newest.reach.to_time), ..goal }
        }
        _ => goal,
    }
}

/// Reads all manifests, and the journal's listing for the windows.
pub fn read(ground: &Ground, region: &Region, service: &ServiceId) -> Result<Stock> {
    let vault = match open(ground, region, service) {
        Err(error) if error.kind() == ErrorKind::Missing => return Ok(Stock::default()),
        opened => opened?,
    };
    let found = Windows::read(&vault)?;
    let mut stock = Stock { damaged: found.damaged, ..Stock::default() };
    for name in vault.repository.backups()? {
        let custody = match vault.repository.custody(&name) {
            Ok((_, custody)) => custody,
            // Among the damaged ones already, or swept a moment ago.
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Missing) => continue,
            Err(error) => return Err(error),
        };
        stock.backups.push(Held {
            name: name.id.to_string(),
            sequence: name.id.sequence,
            finished: custody.finished,
            raw_bytes: custody.sizes.raw,
            stored_bytes: custody.sizes.stored,
            full: custody.kind == BackupKind::Full,
            flags: custody.flags,
        });
    }
    // Backups whose log goes on to the same end restore one stretch of moments.
    let mut end = None;
    for window in &found.windows {
        // Where the log ends with the backup there is one moment, and the lower bound is what holds everything before it.
        let (from, to) = (window.reach.from_time.min(window.reach.to_time), window.reach.to_time);
        let same = end == Some((window.stream.as_str(), window.reach.to));
        end = Some((window.stream.as_str(), window.reach.to));
        match stock.windows.last_mut() {
            Some(last) if same || from <= last.1 => last.1 = last.1.max(to),
            _ => stock.windows.push((from, to)),
        }
    }
    Ok(stock)
}

/// Gives up what retention no longer needs, and sweeps. Gives how many backups went.
pub fn expire(ground: &Ground, region: &Region, service: &ServiceId, keep: Keep) -> Result<u64> {
    let vault = match open(ground, region, service) {
        Err(error) if error.kind() == ErrorKind::Missing => return Ok(0),
        opened => opened?,
    };
    let repository = &vault.repository;
    let mut candidates = Vec::new();
    for name in repository.backups()? {
        candidates.push(Candidate::of(name.id, &repository.custody(&name)?.1));
    }
    let found = Windows::read(&vault)?;
    let windows: Vec<retention::Window> = found
        .windows
        .iter()
        .map(|window| retention::Window {
            from: window.reach.from_time,
            to: window.reach.to_time.max(window.reach.from_time),
        })
        .collect();
    let expire = expiry::choose(ground, repository, candidates, (keep, &windows))?;
    let sources = (ground.host.clock.clone(), ground.host.entropy.as_ref());
    let swept = sweep::sweep(repository, &expire, &sweep::Settings::default(), sources)
        .doing("expire backups of service", service)?;
    Ok(swept.manifests)
}

/// Deletes the keys first: from then on nothing else can be read, whatever becomes of it.
pub fn shred(ground: &Ground, region: &Region, service: &ServiceId) -> Result<()> {
    let store = store(ground, region, service)?;
    for prefix in [names::KEYS, ""] {
        while delete_some(store.as_ref(), prefix).doing("shred service", service)? {}
    }
    Ok(())
}

/// Whether there was anything to delete.
fn delete_some(store: &dyn ObjectStore, prefix: &str) -> Result<bool> {
    let mut names = Vec::new();
    let enough = || Error::busy("enough for now");
    let listed = store.list(prefix, &mut |info| {
        names.push(info.name);
        if names.len() < SHREDDED_AT_ONCE { Ok(()) } else { Err(enough()) }
    });
    if names.len() < SHREDDED_AT_ONCE {
        listed?;
    }
    names.iter().try_for_each(|name| store.delete(name))?;
    Ok(!names.is_empty())
}

fn store(ground: &Ground, region: &Region, service: &ServiceId) -> Result<Arc<dyn ObjectStore>> {
    let root = (ground.stores)(region).doing("open region", &region.name)?;
    Ok(Arc::new(Scoped::new(root, &format!("{service}/"))?))
}

fn identity(region: &Region) -> Result<Identity> {
    let path = &region.identity;
    let text = std::fs::read_to_string(path).doing("read key file", path.display())?;
    Identity::parse(&text).doing("read key file", path.display())
}
