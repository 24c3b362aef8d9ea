//! Hashes and key derivation on aws-lc-rs, and the error for damaged objects.

use std::fmt;

use aws_lc_rs::hkdf;
use farshore_types::ids::hex;
use farshore_types::{Error, Result};

/// SHA-256 of stored bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of bytes that arrive in pieces.
#[derive(Clone)]
pub struct Hasher(aws_lc_rs::digest::Context);

impl Hasher {
    /// Of no bytes yet.
    pub fn new() -> Hasher {
        Hasher(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash.
    pub fn finish(self) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        Hash(hash)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Hasher::new()
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 of RFC 5869: `N` bytes from a key, a salt and an info.
pub(crate) fn derive<const N: usize>(key: &[u8], salt: &[u8], info: &[&[u8]]) -> Result<[u8; N]> {
    let failed = |_| Error::bug("HKDF refused its parameters");
    let mut output = [0; N];
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    secret.expand(info, Length(N)).and_then(|okm| okm.fill(&mut output)).map_err(failed)?;
    Ok(output)
}

/// The error for an object that is not what was put.
pub(crate) fn damaged(name: &str, what: &str) -> Error {
    Error::corrupt(format!("object {name} is damaged: {what}"))
        .hint("restore from another backup or another region's copy; `farshore vault verify` lists all damage")
}

/// Refuses bytes that do not have the hash that the object's name promises.
pub(crate) fn check_hash(name: &str, expected: Hash, bytes: &[u8]) -> Result<()> {
    match Hash::of(bytes) == expected {
        true => Ok(()),
        false => Err(wrong_hash(name)),
    }
}

/// The error for bytes that do not have the hash that the object's name promises.
pub(crate) fn wrong_hash(name: &str) -> Error {
    damaged(name, "its bytes do not have the SHA-256 in its name")
}
