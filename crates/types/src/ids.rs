//! Identifiers that stand in object names and headers. Parsed at the door; a value of these types is well formed.

use std::fmt;
use std::str::FromStr;

use crate::entropy::Entropy;
use crate::error::{Error, Result};

/// Lower-case hexadecimal of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Bytes of a lower-case hexadecimal text of exactly `N` bytes; upper case is refused, because names are compared as text.
pub fn unhex<const N: usize>(text: &str) -> Result<[u8; N]> {
    let wrong = || Error::invalid(format!("{text:?} is not {} lower-case hexadecimal digits", N * 2));
    if text.len() != N * 2 {
        return Err(wrong());
    }
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0]).ok_or_else(wrong)? << 4 | digit(pair[1]).ok_or_else(wrong)?;
    }
    Ok(bytes)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// A new random one.
            pub fn random(entropy: &dyn Entropy) -> Result<Self> {
                let mut bytes = [0; $bytes];
                entropy.fill(&mut bytes)?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                unhex(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One repository: the backups of one service incarnation in one region. Random; copies keep it.
    RepositoryId,
    16
);
id!(
    /// One writer's announcement: a backup, journal, copy, restore or sweep in progress. Random, never used twice.
    SessionId,
    16
);
id!(
    /// Names a root key: the first 8 bytes of a hash of it. Not secret.
    KeyId,
    8
);

/// Orders the writers of a repository: a higher generation wins over a lower one. Never derived from time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Generation(pub u64);

impl Generation {
    /// Bits that count the writers of one order of a control plane.
    const WRITER_BITS: u32 = 32;

    /// The order of a control plane on which its writer acted, the upper half of the number; 0 without a control plane. A later order is
    /// given only when nobody acts on the one before any more, or nobody will heed those who do.
    pub fn order(self) -> u64 {
        self.0 >> Generation::WRITER_BITS
    }

    /// The first generation of an order; `None` where the number does not fit.
    pub fn first_of(order: u64) -> Option<Generation> {
        order.checked_mul(1 << Generation::WRITER_BITS).map(Generation)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Names a service: the first folder of its objects in a region's store. 1 to 63 of `a-z`, `0-9`, `-`, starting with a letter
/// or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct ServiceId(String);

impl ServiceId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ServiceId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if text.is_empty() || text.len() > 63 || !text.bytes().all(allowed) || text.starts_with('-') {
            let what = format!("service {text:?} is not a service name");
            return Err(Error::invalid(what).hint("use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"));
        }
        Ok(ServiceId(text.to_string()))
    }
}

impl<'de> serde::Deserialize<'de> for ServiceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_lower_case_only_and_of_exact_length() {
        assert_eq!(unhex::<2>("0aff").unwrap(), [10, 255]);
        for wrong in ["0AFF", "0af", "0afff", "0ag0", ""] {
            assert!(unhex::<2>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn service_names_are_checked_at_the_door() {
        for (text, good) in
            [("pg-1", true), ("0", true), ("", false), ("-a", false), ("Pg", false), ("a/b", false), ("a.b", false)]
        {
            assert_eq!(text.parse::<ServiceId>().is_ok(), good, "{text}");
        }
        assert!("a".repeat(64).parse::<ServiceId>().is_err());
    }
}
