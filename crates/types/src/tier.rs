//! The four levels of a plan, which decide about backups, nodes and forks. Facts only.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The four levels of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// To try something out: one small node, one backup for disaster recovery, no forks.
    Hobbyist,
    /// One node with a window of days.
    Startup,
    /// A standby, and two weeks.
    Business,
    /// Two standbys, and a month.
    Premium,
}

impl Tier {
    /// All of them, smallest first.
    pub const ALL: [Tier; 4] = [Tier::Hobbyist, Tier::Startup, Tier::Business, Tier::Premium];

    /// The word with which the names of plans begin.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Hobbyist => "hobbyist",
            Tier::Startup => "startup",
            Tier::Business => "business",
            Tier::Premium => "premium",
        }
    }

    /// Whether services of this tier can be forked.
    pub fn can_be_forked(self) -> bool {
        self != Tier::Hobbyist
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Tier::ALL.into_iter().find(|tier| tier.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::invalid(format!("{shown:?} is not a tier")).hint("use one of hobbyist, startup, business, premium")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hobbyist_services_alone_cannot_be_forked() {
        assert_eq!(Tier::ALL.map(Tier::can_be_forked), [false, true, true, true]);
        for tier in Tier::ALL {
            assert_eq!(tier.name().parse::<Tier>().unwrap(), tier);
        }
    }
}
