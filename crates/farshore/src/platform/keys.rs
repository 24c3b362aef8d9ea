//! The keys of a platform: made at its first start, never a second time.
//!
//! A key that is gone is never silently replaced: what it opened would stay closed for ever, and nobody would know. All keys are
//! durable before the database is made, so a folder with a database has had them all.

use farshore_agent::durable::{self, Rights};
use farshore_control::seal::{KEY_BYTES, Seal};
use farshore_objects::{open, open_or_create};
use farshore_types::error::ErrorContext;
use farshore_types::{Entropy, Error, Result};
use farshore_vault::{Identity, Recipient};

use super::place::Place;

const FILE_BYTES_MAX: u64 = 64 << 10;

/// The seal of what the database keeps; its key is made at the first start.
pub fn seal(place: &Place, entropy: &dyn Entropy) -> Result<Seal> {
    let path = place.master_key();
    let key: [u8; KEY_BYTES] = match durable::read(&path, FILE_BYTES_MAX)? {
        Some(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| {
            Error::corrupt(format!("{} has {} bytes instead of {KEY_BYTES}", path.display(), bytes.len()))
        })?,
        None if place.is_platform() => {
            let what =
                format!("{} is gone: the passwords in {} cannot be opened", path.display(), place.database().display());
            return Err(Error::corrupt(what).hint("put the key file back"));
        }
        None => {
            let mut key = [0; KEY_BYTES];
            entropy.fill(&mut key)?;
            durable::write(&path, &key, Rights::PRIVATE)?;
            key
        }
    };
    Seal::new(&key)
}

/// The public key of the recovery identity, which is made at the first start; from then on its secret is not needed here.
pub fn recovery(place: &Place, entropy: &dyn Entropy) -> Result<String> {
    let (secret, public) = (place.recovery_key(), place.recovery_recipient());
    if let Some(bytes) = durable::read(&public, FILE_BYTES_MAX)? {
        let text = String::from_utf8_lossy(&bytes);
        let recipient = text.trim().parse::<Recipient>().doing("read", public.display())?;
        return Ok(recipient.to_string());
    }
    let identity = match durable::read(&secret, FILE_BYTES_MAX)? {
        // We died after the first of the two files.
        Some(bytes) => Identity::parse(&String::from_utf8_lossy(&bytes)).doing("read", secret.display())?,
        None if place.is_platform() => {
            let what = format!("{} is gone: new backups would not open with the recovery key", public.display());
            return Err(Error::corrupt(what).hint("write the public key (age1…) of the recovery key into it"));
        }
        None => {
            let identity = Identity::random(entropy)?;
            durable::write(&secret, identity.to_file_text().as_bytes(), Rights::PRIVATE)?;
            identity
        }
    };
    let recipient = identity.recipients().first().map(ToString::to_string).unwrap_or_default();
    durable::write(&public, format!("{recipient}\n").as_bytes(), Rights::PRIVATE)?;
    Ok(recipient)
}

/// Makes the store and the identity of a region where there is none, in this order: once there is a key, a store that is not there is lost
/// and not new. Refused for a store that holds backups already: they were made for another key.
pub fn region(place: &Place, name: &str, store: &str, entropy: &dyn Entropy) -> Result<()> {
    let path = place.region_key(name);
    if let Some(bytes) = durable::read(&path, FILE_BYTES_MAX)? {
        return Identity::parse(&String::from_utf8_lossy(&bytes)).map(drop).doing("read", path.display());
    }
    if holds_backups(store)? {
        let what = format!("the store of region {name} holds backups, and its key {} is not here", path.display());
        return Err(Error::corrupt(what).hint("put the region's key file there"));
    }
    open_or_create(store).doing("open region", name)?;
    // If we die here the store is there and empty, and the next start makes the key.
    durable::write(&path, Identity::random(entropy)?.to_file_text().as_bytes(), Rights::PRIVATE)
}

fn holds_backups(store: &str) -> Result<bool> {
    match open(store) {
        Ok(store) => Ok(!crate::stores::services(store.as_ref())?.is_empty()),
        Err(error) if error.kind() == farshore_types::ErrorKind::Missing => Ok(false),
        Err(error) => Err(error),
    }
}
