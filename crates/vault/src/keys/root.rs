//! A repository's root key: 32 random bytes from which every object key is derived.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use farshore_types::ids::{hex, unhex};
use farshore_types::{Entropy, Error, KeyId, RepositoryId, Result};
use serde::{Deserialize, Serialize};

use super::identity::{Identity, Recipient};
use crate::names::WrapName;
use crate::primitives::{self, Hash, check_hash, derive};

/// A root key and its id.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey {
    secret: [u8; 32],
    id: KeyId,
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.id)
    }
}

#[derive(Serialize, Deserialize)]
struct Wrapped {
    repository: RepositoryId,
    root_key: String,
}

impl RootKey {
    /// A new one.
    pub fn random(entropy: &dyn Entropy) -> Result<RootKey> {
        let mut secret = [0; 32];
        entropy.fill(&mut secret)?;
        Ok(RootKey::from_secret(secret))
    }

    fn from_secret(secret: [u8; 32]) -> RootKey {
        let mut input = b"farshore key id".to_vec();
        input.extend_from_slice(&secret);
        let mut id = [0; 8];
        id.copy_from_slice(&Hash::of(&input).0[..8]);
        RootKey { secret, id: KeyId(id) }
    }

    /// Names the key in headers and wraps.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Signs manifests.
    pub(crate) fn signing_key(&self) -> Result<Ed25519KeyPair> {
        let seed: [u8; 32] = derive(&self.secret, &[], &[b"farshore signing"])?;
        Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Error::bug("Ed25519 refused a 32-byte seed"))
    }

    /// The public half of [`RootKey::signing_key`].
    pub(crate) fn verifying_key(&self) -> Result<[u8; 32]> {
        let mut public = [0; 32];
        public.copy_from_slice(self.signing_key()?.public_key().as_ref());
        Ok(public)
    }

    /// A wrap of this key for one recipient: its name and bytes. Wrapping again makes another object.
    pub fn wrap(&self, repository: RepositoryId, to: &Recipient, entropy: &dyn Entropy) -> Result<(WrapName, Vec<u8>)> {
        let plain = serde_json::to_vec(&Wrapped { repository, root_key: hex(&self.secret) })
            .map_err(|error| Error::bug(format!("a wrap does not encode: {error}")))?;
        let bytes = to.encrypt(&plain, entropy)?;
        Ok((WrapName { key: self.id, recipient: to.tag(), hash: Hash::of(&bytes) }, bytes))
    }

    /// Opens a wrap; `None` if it is for another identity.
    pub fn unwrap_from(
        name: &WrapName,
        bytes: &[u8],
        repository: RepositoryId,
        identity: &Identity,
    ) -> Result<Option<RootKey>> {
        check_hash(&name.to_string(), name.hash, bytes)?;
        let damaged = |what: &str| primitives::damaged(&name.to_string(), what);
        let Some(plain) = identity.decrypt(bytes).map_err(|error| damaged(error.what()))? else {
            return Ok(None);
        };
        let wrapped: Wrapped =
            serde_json::from_slice(&plain).map_err(|_| damaged("its content is not a wrapped key"))?;
        let key =
            RootKey::from_secret(unhex(&wrapped.root_key).map_err(|_| damaged("its content is not a wrapped key"))?);
        if wrapped.repository != repository || key.id != name.key {
            return Err(damaged("it wraps a key of another repository or of another id"));
        }
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn a_wrap_opens_for_its_recipient_only_and_for_its_repository_only() {
        let entropy = SeededEntropy::new(3);
        let key = RootKey::random(&entropy).unwrap();
        let (ours, theirs) = (Identity::random(&entropy).unwrap(), Identity::random(&entropy).unwrap());
        let repository = RepositoryId([5; 16]);
        let (name, bytes) = key.wrap(repository, &ours.recipients()[0], &entropy).unwrap();
        let open = |id: &Identity, repository| RootKey::unwrap_from(&name, &bytes, repository, id);
        assert_eq!(open(&ours, repository).unwrap(), Some(key));
        assert_eq!(open(&theirs, repository).unwrap(), None);
        assert!(open(&ours, RepositoryId([6; 16])).is_err());
    }

    #[test]
    fn every_flip_in_a_wrap_is_detected() {
        let entropy = SeededEntropy::new(3);
        let key = RootKey::random(&entropy).unwrap();
        let ours = Identity::random(&entropy).unwrap();
        let (name, bytes) = key.wrap(RepositoryId([5; 16]), &ours.recipients()[0], &entropy).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(RootKey::unwrap_from(&name, &flipped, RepositoryId([5; 16]), &ours).is_err(), "flip at {at}");
        }
    }
}
