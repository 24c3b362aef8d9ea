//! Places in a database's continuous log.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A byte position in a continuous log (for PostgreSQL: an LSN). Shown and parsed as PostgreSQL does, `HIGH/LOW` in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Position(pub u64);

impl Position {
    /// The start of the block of `size` bytes that holds this position; `size` is a power of two.
    pub fn aligned_down(self, size: u64) -> Position {
        Position(self.0 & !(size - 1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Position {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (high, low) = text.split_once('/')?;
            let digits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_hexdigit());
            if !digits(high) || !digits(low) {
                return None;
            }
            let (high, low) = (u64::from_str_radix(high, 16).ok()?, u64::from_str_radix(low, 16).ok()?);
            Some(Position(high << 32 | low))
        };
        parse()
            .ok_or_else(|| Error::invalid(format!("{text:?} is not a log position")).hint("write it like 16/B374D848"))
    }
}

/// Numbers the histories of a log: each promotion starts a new one. Starts at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Timeline(pub u32);

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_and_read_as_the_database_does() {
        for (text, value) in [("0/0", 0), ("16/B374D848", 0x16_B374_D848), ("FFFFFFFF/FFFFFFFF", u64::MAX)] {
            assert_eq!(text.parse::<Position>().unwrap(), Position(value));
            assert_eq!(Position(value).to_string(), text);
        }
        for wrong in ["", "1", "/", "1/", "/1", "1/123456789", "+1/1", "1/x"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }
}
