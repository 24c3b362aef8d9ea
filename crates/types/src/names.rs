//! The names that people choose: projects, services, regions. Parsed at the door; a value of these types is well formed
//! and can stand in a path, an address or a message without quotes. Nothing here does IO.

use std::fmt;
use std::str::FromStr;

use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::ids::{ServiceId, hex};

/// Bytes of a service's name that its id begins with; a dash and 16 digits follow.
const ID_NAME_BYTES: usize = 46;
/// Random bytes at the end of a service's id.
const ID_RANDOM_BYTES: usize = 8;

/// Whether a text has 1 to `length_max` of `a-z`, `0-9`, `-`; `letter_first` asks for a letter at the beginning.
fn well_formed(text: &str, length_max: usize, letter_first: bool) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let first = text.bytes().next();
    let starts_well = first.is_some_and(|c| !letter_first || c.is_ascii_lowercase());
    starts_well && text.len() <= length_max && text.bytes().all(allowed)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $word:literal, $length_max:literal, $letter_first:literal, $hint:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// Bytes of the longest one.
            pub const LENGTH_MAX: usize = $length_max;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                if !well_formed(text, $length_max, $letter_first) {
                    return Err(Error::invalid(format!("{} is not the name of a {}", shown(text), $word)).hint($hint));
                }
                Ok($name(text.to_string()))
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

name!(
    /// Names a project: 1 to 63 of `a-z`, `0-9`, `-`, starting with a letter.
    ProjectName,
    "project",
    63,
    true,
    "use 1 to 63 of a-z, 0-9 and '-', starting with a letter"
);
name!(
    /// Names a service within its project: 1 to 64 of `a-z`, `0-9`, `-`, starting with a letter. It can be used again
    /// when the service is gone; what stays in stores is named by its [`ServiceId`].
    ServiceName,
    "service",
    64,
    true,
    "use 1 to 64 of a-z, 0-9 and '-', starting with a letter"
);
name!(
    /// Names a region, which the API calls a cloud: 1 to 256 of `a-z`, `0-9`, `-`.
    RegionName,
    "region",
    256,
    false,
    "use 1 to 256 of a-z, 0-9 and '-'"
);

impl ServiceName {
    /// A new id under which a service of this name keeps its objects: readable, and never the same twice.
    pub fn new_id(&self, entropy: &dyn Entropy) -> Result<ServiceId> {
        self.new_id_within(usize::MAX, entropy)
    }

    /// The same, of at most so many bytes, where paths that hold it must be short. It begins with one byte of the name at least.
    pub fn new_id_within(&self, bytes_max: usize, entropy: &dyn Entropy) -> Result<ServiceId> {
        let mut bytes = [0; ID_RANDOM_BYTES];
        entropy.fill(&mut bytes)?;
        let room = bytes_max.saturating_sub(1 + 2 * ID_RANDOM_BYTES).clamp(1, ID_NAME_BYTES);
        // All bytes of a name are ASCII, so every length is a boundary.
        let head = self.0.get(..room).unwrap_or(&self.0);
        format!("{head}-{}", hex(&bytes)).parse()
    }
}

/// A text in quotes, cut where it gets long: what is refused can be anything.
fn shown(text: &str) -> String {
    const SHOWN_CHARACTERS: usize = 80;
    if text.chars().count() <= SHOWN_CHARACTERS {
        return format!("{text:?}");
    }
    format!("{:?} and more", text.chars().take(SHOWN_CHARACTERS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<()> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn names_are_checked_at_the_door() {
        let long = |length: usize| "a".repeat(length);
        // Text, and whether it names a project, a service, a region.
        let table = [
            ("main", [true; 3]),
            ("local-north", [true; 3]),
            ("a", [true; 3]),
            ("a-", [true; 3]),
            ("1a", [false, false, true]),
            ("-a", [false, false, true]),
            (&long(63), [true; 3]),
            (&long(64), [false, true, true]),
            (&long(65), [false, false, true]),
            (&long(257), [false; 3]),
            ("", [false; 3]),
            ("A", [false; 3]),
            ("a_b", [false; 3]),
            ("a.b", [false; 3]),
            ("a/b", [false; 3]),
            ("a\n", [false; 3]),
            ("ü", [false; 3]),
        ];
        for (text, expect) in table {
            let found = [
                text.parse::<ProjectName>().is_ok(),
                text.parse::<ServiceName>().is_ok(),
                text.parse::<RegionName>().is_ok(),
            ];
            assert_eq!(found, expect, "{text:?}");
        }
    }

    #[test]
    fn a_refused_name_is_shown_with_what_is_allowed() {
        let error = "My DB".parse::<ServiceName>().unwrap_err();
        let text = "\"My DB\" is not the name of a service (use 1 to 64 of a-z, 0-9 and '-', starting with a letter)";
        assert_eq!(error.to_string(), text);
        assert!("x".repeat(100_000).parse::<RegionName>().unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn an_id_begins_with_the_name_and_fits_whatever_the_name_is() {
        let short: ServiceName = "shop".parse().unwrap();
        assert_eq!(short.new_id(&Fixed(0xab)).unwrap().as_str(), "shop-abababababababab");
        let long: ServiceName = "s".repeat(64).parse().unwrap();
        let id = long.new_id(&Fixed(1)).unwrap();
        assert_eq!(id.as_str().len(), 63);
        assert_ne!(id, long.new_id(&Fixed(2)).unwrap());
        for (within, expect) in [(24, 24), (63, 63), (1000, 63), (0, 18)] {
            assert_eq!(long.new_id_within(within, &Fixed(1)).unwrap().as_str().len(), expect, "{within}");
        }
        assert_eq!(short.new_id_within(24, &Fixed(0xab)).unwrap().as_str(), "shop-abababababababab");
    }
}
