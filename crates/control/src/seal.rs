//! Secrets at rest: passwords and private keys are sealed before they reach the store, with AES-256-GCM under a key that lies outside it.
//!
//! A sealed value is bound to what it belongs to (a service's id and the like): moved to another row it does not open. Layout: one byte
//! of version, 12 random bytes of nonce, the sealed bytes with their tag. Whoever holds only the store's file holds no secret.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use farshore_types::{Entropy, Error, Result};

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + NONCE_LEN;

/// Seals and opens.
pub struct Seal {
    key: LessSafeKey,
}

impl Seal {
    /// With a key of 32 random bytes.
    pub fn new(key: &[u8; KEY_BYTES]) -> Result<Seal> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| Error::bug("a key of 32 bytes is refused"))?;
        Ok(Seal { key: LessSafeKey::new(key) })
    }

    /// Seals a secret that belongs to `owner`.
    pub fn close(&self, owner: &str, secret: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + secret.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        let mut body = secret.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let closed = self.key.seal_in_place_append_tag(nonce, Aad::from(owner.as_bytes()), &mut body);
        closed.map_err(|_| Error::bug("a secret cannot be sealed"))?;
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what was sealed for `owner`. `Corrupt` where key, owner or bytes are others.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let wrong = || {
            Error::corrupt(format!("a secret of {owner} does not open")).hint("is this the key file of this platform?")
        };
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or_else(wrong)?;
        let (version, nonce) = head.split_first().ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        if *version != VERSION {
            return Err(wrong());
        }
        let mut body = body.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut body).map_err(|_| wrong())?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use farshore_types::{ErrorKind, SystemEntropy};

    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_for_its_owner_and_unchanged() {
        let seal = Seal::new(&[7; KEY_BYTES]).unwrap();
        let sealed = seal.close("pg-1", b"secret", &SystemEntropy).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_ne!(sealed, seal.close("pg-1", b"secret", &SystemEntropy).unwrap());
        assert_eq!(seal.open("pg-1", &sealed).unwrap(), b"secret");
        let corrupt = |result: Result<Vec<u8>>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Corrupt);
        corrupt(seal.open("pg-2", &sealed));
        corrupt(Seal::new(&[8; KEY_BYTES]).unwrap().open("pg-1", &sealed));
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            corrupt(seal.open("pg-1", &bad));
            corrupt(seal.open("pg-1", &sealed[..at]));
        }
    }
}
