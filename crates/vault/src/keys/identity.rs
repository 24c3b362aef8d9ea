//! Identities (secret) and recipients (public): the keys that open and make wraps. Files are those of `age-keygen`.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use farshore_types::{Entropy, Error, Result};

use super::{age, bech32};
use crate::primitives::Hash;

const SECRET_PREFIX: &str = "age-secret-key-";
const PUBLIC_PREFIX: &str = "age";
/// Most keys that one identity file may hold.
const KEYS_MAX: usize = 64;

/// Whom a root key is wrapped for: a region or the recovery key. Text form `age1…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    public: [u8; 32],
}

impl Recipient {
    /// First 8 bytes of the SHA-256 of the text form; stands in names of wraps.
    pub fn tag(&self) -> [u8; 8] {
        let mut tag = [0; 8];
        tag.copy_from_slice(&Hash::of(self.to_string().as_bytes()).0[..8]);
        tag
    }

    pub(super) fn encrypt(&self, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>> {
        age::encrypt(plain, &self.public, entropy)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode(PUBLIC_PREFIX, &self.public))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Recipient {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(Recipient { public: bech32::decode(PUBLIC_PREFIX, text.trim())? })
    }
}

/// One or more secret keys, as an identity file holds them.
pub struct Identity {
    secrets: Vec<[u8; 32]>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {:?}", self.recipients())
    }
}

impl Identity {
    /// A new identity with one key.
    pub fn random(entropy: &dyn Entropy) -> Result<Identity> {
        let mut secret = [0; 32];
        entropy.fill(&mut secret)?;
        Ok(Identity { secrets: vec![secret] })
    }

    /// Parses an identity file: lines `AGE-SECRET-KEY-1…`, comments and empty lines.
    pub fn parse(text: &str) -> Result<Identity> {
        let hint = "an identity file holds lines AGE-SECRET-KEY-1…; `age-keygen -o FILE` makes one";
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let secrets: Vec<[u8; 32]> = lines
            .take(KEYS_MAX + 1)
            .map(|line| bech32::decode(SECRET_PREFIX, line).map_err(|error| error.hint(hint)))
            .collect::<Result<_>>()?;
        match secrets.len() {
            0 => Err(Error::invalid("the identity file holds no key").hint(hint)),
            1..=KEYS_MAX => Ok(Identity { secrets }),
            _ => Err(Error::invalid(format!("the identity file holds more than {KEYS_MAX} keys")).hint("split it")),
        }
    }

    /// The text of an identity file; a secret.
    pub fn to_file_text(&self) -> String {
        let line = |secret, recipient: &Recipient| {
            let key = bech32::encode(SECRET_PREFIX, secret).to_uppercase();
            format!("# public key: {recipient}\n{key}\n")
        };
        self.secrets.iter().zip(self.recipients()).map(|(secret, recipient)| line(secret, &recipient)).collect()
    }

    /// The public halves.
    pub fn recipients(&self) -> Vec<Recipient> {
        let public = |secret: &[u8; 32]| {
            let key = PrivateKey::from_private_key(&X25519, secret).ok()?.compute_public_key().ok()?;
            Some(Recipient { public: key.as_ref().try_into().ok()? })
        };
        self.secrets.iter().filter_map(public).collect()
    }

    /// The content of an age file; `None` if none of our keys is among its recipients.
    pub(super) fn decrypt(&self, file: &[u8]) -> Result<Option<Vec<u8>>> {
        for (secret, recipient) in self.secrets.iter().zip(self.recipients()) {
            if let Some(plain) = age::decrypt(file, secret, &recipient.public)? {
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn an_identity_file_reads_back_and_names_its_mistakes_without_showing_secrets() {
        let identity = Identity::random(&SeededEntropy::new(1)).unwrap();
        let text = identity.to_file_text();
        assert_eq!(Identity::parse(&text).unwrap().recipients(), identity.recipients());
        assert!(!format!("{identity:?}").contains("AGE-SECRET"));
        let broken = text.replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1Q");
        let error = Identity::parse(&broken).unwrap_err().to_string();
        assert!(error.contains("mistyped") && !error.contains(&broken[80..100]), "{error}");
        assert!(Identity::parse("# nothing\n").is_err());
        assert_eq!(Identity::parse(&text.repeat(KEYS_MAX)).unwrap().recipients().len(), KEYS_MAX);
        assert!(Identity::parse(&text.repeat(KEYS_MAX + 1)).is_err(), "no key is left out in silence");
    }
}
