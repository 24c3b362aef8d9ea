//! The settings file as it is written. Every value refuses by itself what it cannot be, so that the parser knows its line.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use farshore_types::{RegionName, ServiceType, Tier};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use toml::Spanned;

/// Characters of the longest text for people.
const TEXT_CHARACTERS_MAX: usize = 200;

/// The whole file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Whether `local-north`, `local-south` and `local-east` are there.
    pub default_regions: Option<bool>,
    /// Host names under which the API is reached.
    #[serde(default)]
    pub names: Vec<Parsed<HostName>>,
    /// Further regions.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// Further plans.
    #[serde(default)]
    pub plans: Vec<Plan>,
    /// How mail is sent.
    pub smtp: Option<Smtp>,
    /// Copies to further regions.
    #[serde(default)]
    pub copies: Copies,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// A region.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    pub name: Spanned<RegionName>,
    pub provider: Text,
    pub description: Text,
    #[serde(default)]
    pub geo_region: Text,
    #[serde(default)]
    pub latitude: Degrees<90>,
    #[serde(default)]
    pub longitude: Degrees<180>,
    pub store: Store,
}

/// A plan.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub service_type: Parsed<ServiceType>,
    pub name: Spanned<PlanName>,
    pub tier: Parsed<Tier>,
    #[serde(default = "one")]
    pub node_count: Whole<1, 100>,
    pub memory_mib: Whole<256, 16_777_216>,
    pub cpu_count: Whole<1, 1024>,
    pub disk_mib: Whole<1024, 1_073_741_824>,
    pub disk_cap_mib: Option<Spanned<Whole<1024, 1_073_741_824>>>,
    pub disk_step_mib: Option<Whole<1, 1_073_741_824>>,
}

fn one() -> Whole<1, 100> {
    Whole(1)
}

/// How mail is sent.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The mail server.
    pub host: Text,
    /// Its port.
    pub port: Whole<1, 65_535>,
    /// The sender of all letters.
    pub from: MailAddress,
    /// As whom to log in there.
    pub user: Option<Spanned<Text>>,
    /// Where the password is.
    pub password_file: Option<Spanned<PathBuf>>,
    /// How the connection is encrypted.
    pub encryption: Option<Spanned<Encryption>>,
    /// Whose certificates are trusted.
    pub ca_file: Option<Spanned<PathBuf>>,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// From its first byte.
    Tls,
    /// After the server's greeting; never without.
    StartTls,
    /// Not at all.
    None,
}

/// Copies to further regions.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Copies {
    /// Whether extra backup regions may be of another provider.
    pub any_provider: bool,
    /// Whether a fork from a copy ends at its newest backup.
    pub end_at_backups: bool,
    /// How long a copy is kept that is no longer wanted.
    pub grace_hours: Option<Whole<0, 8760>>,
    /// How long a region that was put in place of another stays before it may be changed again.
    pub change_hours: Option<Whole<0, 8760>>,
    /// How far a copy may be behind before it is told.
    pub lag_objective_s: Option<Whole<1, 604_800>>,
    /// Bounds between two regions.
    pub routes: Vec<Route>,
}

/// A bound on what goes from one region to another.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The region that is copied from.
    pub from: Spanned<Text>,
    /// The region that holds the copies.
    pub to: Spanned<Text>,
    /// Over all services.
    pub bytes_per_second: Whole<1024, 1_099_511_627_776>,
}

/// Bounds.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Services of one project.
    pub services_max: Option<Whole<1, 1000>>,
    /// Extra backup regions of one service.
    pub backup_regions_max: Option<Whole<0, 10>>,
    /// How long a terminated service can come back.
    pub undelete_days: Option<Whole<0, 3650>>,
    /// How long a worker may be silent before another takes its work.
    pub lease_s: Option<Whole<1, 3600>>,
    /// Runs that are carried out at the same time.
    pub workers: Option<Whole<1, 64>>,
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Whole<const MIN: u64, const MAX: u64>(pub u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(WholeVisitor::<MIN, MAX>).map(Whole)
    }
}

struct WholeVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for WholeVisitor<MIN, MAX> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let within = u64::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        within.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

/// Degrees from -MAX to MAX.
#[derive(Debug, Clone, Copy, Default)]
pub struct Degrees<const MAX: u8>(pub f64);

impl<'de, const MAX: u8> Deserialize<'de> for Degrees<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        match number.abs() <= f64::from(MAX) {
            true => Ok(Degrees(number)),
            false => Err(D::Error::custom(format!("{number} is out of range, allowed is -{MAX} to {MAX}"))),
        }
    }
}

/// One line for people.
#[derive(Debug, Clone, Default)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |why: String| Err(D::Error::custom(format!("the text {why}, allowed is one line")));
        match text.chars().count() {
            0 => wrong("is empty".to_string()),
            count if count > TEXT_CHARACTERS_MAX => {
                wrong(format!("has {count} characters, more than {TEXT_CHARACTERS_MAX}"))
            }
            _ if text.chars().any(char::is_control) => wrong("has control characters".to_string()),
            _ => Ok(Text(text)),
        }
    }
}

/// Name or address of a host, as it stands in a URL (RFC 1123, section 2.1).
#[derive(Debug, Clone)]
pub struct HostName(pub String);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = (1..=253).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        match is_name || text.parse::<std::net::IpAddr>().is_ok() {
            true => Ok(HostName(text.to_string())),
            false => Err(format!(
                "{text:?} is no name of a host, allowed are letters, digits, '-' and '.', or an IP address"
            )),
        }
    }
}

/// A word that knows by itself what it may be.
#[derive(Debug, Clone)]
pub struct Parsed<T>(pub T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Parsed).map_err(D::Error::custom)
    }
}

/// The name of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanName(pub String);

impl<'de> Deserialize<'de> for PlanName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match (1..=64).contains(&name.len()) && name.chars().all(allowed) {
            true => Ok(PlanName(name)),
            false => Err(D::Error::custom("not the name of a plan, allowed are 1 to 64 of a-z, 0-9 and '-'")),
        }
    }
}

/// The URL of an object store; `file:` for now.
#[derive(Debug, Clone)]
pub struct Store(pub String);

impl<'de> Deserialize<'de> for Store {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        let allowed = "allowed is file:///PATH";
        if let Some(path) = url.strip_prefix("file://") {
            return match path.starts_with('/') && path.len() > 1 && !path.contains(['?', '#', '%']) {
                true => Ok(Store(url)),
                false => Err(D::Error::custom(format!("not the URL of a folder on this machine, {allowed}"))),
            };
        }
        // The rest of the URL may hold a password.
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let plain = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric());
        Err(D::Error::custom(match plain {
            true => format!("{scheme}: stores are not supported yet, {allowed}"),
            false => format!("not the URL of a store, {allowed}"),
        }))
    }
}

/// `somebody@example.org`.
#[derive(Debug, Clone)]
pub struct MailAddress(pub String);

impl<'de> Deserialize<'de> for MailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<lettre::Address>() {
            Ok(_) => Ok(MailAddress(text)),
            Err(_) => Err(D::Error::custom("not an address, allowed is NAME@HOST")),
        }
    }
}
