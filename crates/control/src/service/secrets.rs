//! Passwords of a service's users and its secret options, sealed in its row.

use std::collections::BTreeMap;

use farshore_store::services::Service;
use farshore_types::ids::hex;
use farshore_types::{Entropy, Error, Result, ServiceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Control;

const PASSWORD_BYTES: usize = 16;

/// What only those may read who may connect. Printing it shows nothing.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Secrets {
    /// Passwords by user.
    pub passwords: BTreeMap<String, String>,
    /// Secret options.
    #[serde(default)]
    pub options: Map<String, Value>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets of {} users", self.passwords.len())
    }
}

impl Secrets {
    /// Of a service.
    pub fn open(control: &Control, service: &Service) -> Result<Secrets> {
        let Some(sealed) = &service.sealed else { return Ok(Secrets::default()) };
        let bytes = control.seal.open(service.id.as_str(), sealed)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| Error::corrupt(format!("the secrets of service {} are no JSON", service.id)))
    }

    /// As they lie in the row of a service.
    pub fn close(&self, control: &Control, service: &ServiceId) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self).map_err(|_| Error::bug("secrets do not encode as JSON"))?;
        control.seal.close(service.as_str(), &bytes, control.entropy.as_ref())
    }

    /// The password of a user; `Missing` if we do not know one.
    pub fn password(&self, user: &str) -> Result<&str> {
        let missing = || Error::missing(format!("no password of user {user} is known")).hint("reset it");
        self.passwords.get(user).map(String::as_str).ok_or_else(missing)
    }
}

/// A new password: 128 random bits, letters and digits only, so that it needs no escaping in any URL.
pub fn new_password(entropy: &dyn Entropy) -> Result<String> {
    let mut bytes = [0; PASSWORD_BYTES];
    entropy.fill(&mut bytes)?;
    Ok(format!("fs{}", hex(&bytes)))
}
