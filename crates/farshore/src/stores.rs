//! From `--store`, `--identity` and `--service` to repositories and vaults.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use farshore_objects::layers::{Limit, Retry, Scoped};
use farshore_objects::{ObjectStore, open};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, ErrorKind, Result, ServiceId};
use farshore_vault::names::FORMAT;
use farshore_vault::{Identity, Repository, Vault};

use crate::cli::StoreArgs;

/// Calls to a store at the same time.
const CALLS_MAX: NonZeroUsize = NonZeroUsize::new(16).expect("sixteen is not zero");

/// A store with retries and a bound on concurrency.
pub fn layered(store: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> Arc<dyn ObjectStore> {
    Arc::new(Retry::new(Arc::new(Limit::new(store, CALLS_MAX)), clock))
}

/// Opens an existing store.
pub fn store(url: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn ObjectStore>> {
    Ok(layered(open(url)?, clock))
}

/// Every repository at or below the store's root, by service.
pub fn repositories(args: &StoreArgs, clock: Arc<dyn Clock>) -> Result<Vec<Repository>> {
    let root = store(&args.store, clock)?;
    match Repository::open(root.clone()) {
        Ok(repository) => {
            let here = repository.service();
            return match args.service.as_deref().is_some_and(|asked| asked != here.as_str()) {
                false => Ok(vec![repository]),
                true => Err(Error::invalid(format!("{} is the folder of service {here}", args.store))
                    .hint("give the region's store, or leave --service out")),
            };
        }
        Err(error) if error.kind() == ErrorKind::Missing => {}
        Err(error) => return Err(error),
    }
    let services = match &args.service {
        Some(name) => vec![name.parse::<ServiceId>()?],
        None => services(root.as_ref())?,
    };
    services.iter().map(|service| Repository::open(scoped(&root, service)?)).collect()
}

/// The part of a region's store that belongs to one service.
pub fn scoped(root: &Arc<dyn ObjectStore>, service: &ServiceId) -> Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(Scoped::new(root.clone(), &format!("{service}/"))?))
}

pub fn services(root: &dyn ObjectStore) -> Result<Vec<ServiceId>> {
    let mut found = Vec::new();
    root.list("", &mut |info| {
        if let Some((service, FORMAT)) = info.name.split_once('/') {
            found.push(service.parse()?);
        }
        Ok(())
    })?;
    found.sort();
    Ok(found)
}

/// The one repository that is meant.
pub fn repository(args: &StoreArgs, clock: Arc<dyn Clock>) -> Result<Repository> {
    let mut found = repositories(args, clock)?;
    match (found.pop(), found.is_empty()) {
        (Some(repository), true) => Ok(repository),
        (None, _) => {
            Err(Error::missing(format!("{} holds no service's backups", args.store))
                .hint("is this the region's store?"))
        }
        (Some(last), false) => {
            let names: Vec<_> =
                found.iter().chain([&last]).map(|repository| repository.service().to_string()).collect();
            Err(Error::invalid(format!("{} holds several services: {}", args.store, names.join(", ")))
                .hint("choose one with --service"))
        }
    }
}

/// Reads a key file.
pub fn identity(path: &Path) -> Result<Identity> {
    let text = std::fs::read_to_string(path).doing("read key file", path.display())?;
    Identity::parse(&text).doing("read key file", path.display())
}

/// The one repository that is meant, opened with its key.
pub fn vault(args: &StoreArgs, clock: Arc<dyn Clock>) -> Result<Vault> {
    let path = args.identity.as_deref().ok_or_else(|| {
        Error::invalid("this needs a key").hint("give --identity FILE: the region's key file or the recovery identity")
    })?;
    let identity = identity(path)?;
    repository(args, clock)?.unlock(&identity)
}
