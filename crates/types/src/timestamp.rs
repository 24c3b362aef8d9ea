//! Moments in UTC with microseconds, the resolution of a commit.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Microseconds since 1970-01-01T00:00:00Z. Shown as RFC 3339 with six decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Like `from_str`, and a moment without an offset is taken for UTC: `2026-11-21 10:15:00`. For the public API, whose
    /// documented examples leave the offset out; people at a keyboard are asked for it.
    pub fn parse_or_utc(text: &str) -> Result<Self> {
        let text = text.trim();
        text.parse().or_else(|error| {
            let civil: jiff::civil::DateTime = text.parse().map_err(|_| error)?;
            // A date alone is midnight for the parser, and a mistake for whoever recovers a database.
            if !text.contains(':') {
                let hint = "add the time, for example 2026-11-21 10:15:00";
                return Err(Error::invalid(format!("{text:?} is a date without a time")).hint(hint));
            }
            let moment = jiff::tz::TimeZone::UTC.to_timestamp(civil);
            let moment = moment.map_err(|_| Error::invalid(format!("{text:?} is out of range")))?;
            Ok(Timestamp(moment.as_microsecond()))
        })
    }

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds from `earlier` to this moment; zero if it is not earlier.
    pub fn seconds_since(self, earlier: Timestamp) -> f64 {
        (self.0.saturating_sub(earlier.0)).max(0) as f64 / 1e6
    }

    /// This moment moved by some microseconds.
    pub fn plus_micros(self, micros: i64) -> Self {
        Timestamp(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment:.6}"),
            Err(_) => write!(f, "{} microseconds since 1970", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let moment: jiff::Timestamp = text.trim().parse().map_err(|_| {
            Error::invalid(format!("{text:?} is not a moment")).hint(
                "write date, time and offset, for example 2026-11-21T10:15:00Z or 2026-11-21 10:15:00.123456+02:00",
            )
        })?;
        Ok(Timestamp(moment.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_need_an_offset_and_keep_microseconds() {
        let moment: Timestamp = "2026-11-21T10:15:00.123456+02:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-21T08:15:00.123456Z");
        assert_eq!("2026-11-21 08:15:00.123456Z".parse::<Timestamp>().unwrap(), moment);
        assert!("2026-11-21T10:15:00".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_documented_forms_of_a_moment_are_read_and_one_without_offset_is_utc() {
        let expect: Timestamp = "2025-07-01T15:16:22Z".parse().unwrap();
        for text in [
            "2025-07-01 15:16:22",
            "2025-07-01T15:16:22",
            "2025-07-01T15:16:22+00:00",
            "2025-07-01T15:16:22Z",
            "2025-07-01 15:16:22Z",
            "2025-07-01T17:16:22+02:00",
        ] {
            assert_eq!(Timestamp::parse_or_utc(text).unwrap(), expect, "{text}");
        }
        assert_eq!(Timestamp::parse_or_utc("2025-07-01 15:16:22.5").unwrap(), expect.plus_micros(500_000));
        for text in ["", "2025-07-01", "15:16:22", "2025-13-01 15:16:22", "now", "2025-07-01 25:16:22"] {
            assert!(Timestamp::parse_or_utc(text).is_err(), "{text}");
        }
    }
}
