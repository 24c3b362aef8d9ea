//! What a text means, where its characters alone do not decide.

use std::net::IpAddr;
use std::str::FromStr;

use farshore_types::Timestamp;

/// A meaning that a text must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// An address, or a network in CIDR notation without host bits being looked at.
    Network,
    /// A moment; without an offset it is UTC.
    Moment,
    /// The name of a database account that is not kept for the server itself.
    Account,
}

/// Names that PostgreSQL keeps for itself ("CREATE ROLE", and the reserved names of `user.c`), and its usual superuser.
const RESERVED_ACCOUNTS: [&str; 5] = ["postgres", "public", "none", "all", "replication"];

impl Check {
    /// Whether the text has the meaning.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Check::Network => is_network(text),
            Check::Moment => Timestamp::parse_or_utc(text).is_ok(),
            Check::Account => {
                let lower = text.to_ascii_lowercase();
                !lower.starts_with("pg_") && !RESERVED_ACCOUNTS.contains(&lower.as_str())
            }
        }
    }

    /// What is accepted, for messages.
    pub fn allowed(self) -> &'static str {
        match self {
            Check::Network => "an address or a network such as 10.0.0.0/8 (everybody is 0.0.0.0/0 and ::/0)",
            Check::Moment => "a moment such as 2026-11-21 10:15:00, 2026-11-21T10:15:00Z or 2026-11-21T10:15:00+00:00",
            Check::Account => "the name of an account that the server does not keep for itself",
        }
    }
}

fn is_network(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = IpAddr::from_str(address) else { return false };
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|bits| {
        let digits = !bits.is_empty() && bits.bytes().all(|c| c.is_ascii_digit());
        digits && bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_accepted_by_what_it_means() {
        let table = [
            (Check::Network, "0.0.0.0/0", true),
            (Check::Network, "10.1.2.3", true),
            (Check::Network, "2001:db8::/32", true),
            (Check::Network, "10.0.0.0/33", false),
            (Check::Network, "10.0.0/8", false),
            (Check::Network, "10.0.0.0/", false),
            (Check::Network, "10.0.0.0/+8", false),
            (Check::Network, "example.org", false),
            (Check::Moment, "2023-02-01 11:38:49", true),
            (Check::Moment, "2025-07-01T15:16:22+00:00", true),
            (Check::Moment, "2025-07-01T15:16:22Z", true),
            (Check::Moment, "2025-07-01", false),
            (Check::Account, "app", true),
            (Check::Account, "Postgres", false),
            (Check::Account, "pg_monitor", false),
        ];
        for (check, text, expect) in table {
            assert_eq!(check.accepts(text), expect, "{check:?} {text}");
        }
    }
}
