//! Passwords as they are kept: argon2id in its text form, which names its own parameters.
//!
//! Verifying costs the same whether there is a password or not.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use farshore_types::{Entropy, Error, Result};

// The first of the settings that the OWASP "Password Storage Cheat Sheet" recommends under the heading "Argon2id" for machines that
// have little memory to spare; all of them resist alike.
/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Random bytes of a salt. (RFC 9106, "Argon2 Inputs and Outputs".)
const SALT_BYTES: usize = 16;

/// Characters of the shortest password. (NIST SP 800-63B, "Memorized Secret Verifiers".)
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Bytes of the longest password.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// What is kept of a new password. `Invalid` if it is too short or too long.
pub fn hash(password: &str, entropy: &dyn Entropy) -> Result<String> {
    if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
        let what = "the new password is too short or too long";
        let hint = format!("use {PASSWORD_CHARS_MIN} characters or more, and at most {PASSWORD_BYTES_MAX} bytes");
        return Err(Error::invalid(what).hint(hint));
    }
    let mut salt = [0; SALT_BYTES];
    entropy.fill(&mut salt)?;
    Ok(hashed(password, &salt)?.to_string())
}

/// Whether this is the password that was kept; `None`: there is none, which takes as long to say.
pub fn verify(password: &str, kept: Option<&str>) -> Result<bool> {
    let Some(kept) = kept else {
        hashed(password, &[0; SALT_BYTES])?;
        return Ok(false);
    };
    let kept = PasswordHash::new(kept).map_err(|_| Error::corrupt("a kept password is no argon2 hash"))?;
    match settings()?.verify_password(password.as_bytes(), &kept) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(Error::corrupt("a kept password cannot be verified")),
    }
}

fn hashed(password: &str, salt: &[u8; SALT_BYTES]) -> Result<PasswordHash> {
    let hash = settings()?.hash_password_with_salt(password.as_bytes(), salt);
    hash.map_err(|_| Error::bug("a password cannot be hashed"))
}

fn settings() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| Error::bug("argon2 refuses its settings"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use farshore_types::{ErrorKind, SystemEntropy};

    use super::*;

    #[test]
    fn a_password_is_verified_against_its_own_hash_only() {
        let kept = hash("correct horse", &SystemEntropy).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify("correct horse", Some(&kept)).unwrap());
        assert!(!verify("correct horsf", Some(&kept)).unwrap());
        assert!(!verify("correct horse", None).unwrap());
        assert_ne!(kept, hash("correct horse", &SystemEntropy).unwrap());
        assert_eq!(verify("x", Some("plain")).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn passwords_are_neither_short_nor_endless() {
        for (password, fits) in [("1234567", false), ("12345678", true), ("ααααααα", false), (&"x".repeat(1025), false)]
        {
            assert_eq!(hash(password, &SystemEntropy).is_ok(), fits, "{password}");
        }
    }
}
