//! From the arguments that name a server and a store to what the tasks need.

use std::path::Path;
use std::sync::Arc;

use farshore_engines::postgresql::wire::{Address, Settings as Server};
use farshore_objects::open_or_create;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, ErrorKind, Result, ServiceId, SystemEntropy};
use farshore_vault::{Recipient, Repository, Vault, backup};

use crate::cli::{RegionArgs, SourceArgs};
use crate::stores;

/// How to reach the server.
pub fn server(args: &SourceArgs) -> Result<Server> {
    let address = Address::parse(&args.host, args.port)?;
    let server = Server::new(address, &args.user);
    Ok(match &args.password_file {
        Some(file) => server.with_password(password(file)?),
        None => server,
    })
}

fn password(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).doing("read password file", file.display())?;
    Ok(text.trim_end_matches(['\n', '\r']).to_string())
}

/// The service's vault; made on first use, with the region's key and all further recipients.
pub fn vault(args: &RegionArgs, clock: Arc<dyn Clock>) -> Result<Vault> {
    let identity = stores::identity(&args.identity)?;
    let service: ServiceId = args.service.parse()?;
    let mut recipients = identity.recipients();
    for key in &args.recipient {
        recipients.push(key.parse::<Recipient>()?);
    }
    let root = stores::layered(open_or_create(&args.store)?, clock);
    let store = stores::scoped(&root, &service)?;
    match Repository::open(store.clone()) {
        Ok(repository) => {
            let vault = repository.unlock(&identity)?;
            recipients.iter().try_for_each(|recipient| vault.add_recipient(recipient, &SystemEntropy))?;
            Ok(vault)
        }
        Err(error) if error.kind() == ErrorKind::Missing => Vault::create(store, &service, &recipients, &SystemEntropy),
        Err(error) => Err(error),
    }
}

/// Workers and throttle.
pub fn settings(args: &RegionArgs) -> backup::Settings {
    backup::Settings { workers: usize::from(args.workers), bytes_per_second: args.rate, ..backup::Settings::default() }
}
