//! The cases of the bench, and what each is built upon: where only one is asked for, the others are left out, or done by us
//! alone so that there is a repository to work on.

use farshore_types::{Error, Result};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// Everything is read and stored.
    Full,
    /// What has changed since.
    Incremental,
    /// The newest backup into an empty folder.
    Restore,
    /// Waiting segments, until the last is durable.
    WalPush,
    /// Segment by segment, by the line of `restore_command`.
    WalFetch,
    /// A whole repository into another store.
    Copy,
    /// How far a copy that is followed lies behind the server.
    CopyLag,
}

/// Who works in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// All tools that know it.
    Everybody,
    /// Farshore alone: another case needs its repository.
    Ourselves,
    /// Nobody.
    Nobody,
}

impl Case {
    /// In the order in which they run.
    pub const ALL: [Case; 7] =
        [Case::Full, Case::Incremental, Case::Restore, Case::WalPush, Case::WalFetch, Case::Copy, Case::CopyLag];

    /// As it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Case::Full => "full",
            Case::Incremental => "incremental",
            Case::Restore => "restore",
            Case::WalPush => "wal_push",
            Case::WalFetch => "wal_fetch",
            Case::Copy => "copy",
            Case::CopyLag => "copy_lag",
        }
    }

    /// The case of that name.
    pub fn parse(name: &str) -> Result<Case> {
        Case::ALL.into_iter().find(|case| case.name() == name).ok_or_else(|| {
            let names = Case::ALL.map(Case::name).join(", ");
            Error::invalid(format!("there is no case {name}")).hint(format!("take one of {names}"))
        })
    }

    /// Who works in this case where only `only` shall be measured.
    pub fn needed(self, only: Option<Case>) -> Needed {
        match (only, self) {
            (None, _) => Needed::Everybody,
            (Some(only), case) if only == case => Needed::Everybody,
            (Some(Case::Incremental), Case::Full)
            | (Some(Case::Restore), Case::Full | Case::Incremental)
            | (Some(Case::WalFetch), Case::WalPush) => Needed::Everybody,
            (Some(Case::Copy), Case::Full | Case::Incremental | Case::WalPush) | (Some(Case::CopyLag), Case::Full) => {
                Needed::Ourselves
            }
            _ => Needed::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_alone_brings_what_it_is_built_upon() {
        let table = [
            (None, "EEEEEEE"),
            (Some(Case::Full), "E------"),
            (Some(Case::Incremental), "EE-----"),
            (Some(Case::Restore), "EEE----"),
            (Some(Case::WalPush), "---E---"),
            (Some(Case::WalFetch), "---EE--"),
            (Some(Case::Copy), "oo-o-E-"),
            (Some(Case::CopyLag), "o-----E"),
        ];
        for (only, expect) in table {
            let letter = |case: Case| match case.needed(only) {
                Needed::Everybody => 'E',
                Needed::Ourselves => 'o',
                Needed::Nobody => '-',
            };
            assert_eq!(Case::ALL.map(letter).iter().collect::<String>(), expect, "{only:?}");
        }
        assert_eq!(Case::parse("copy_lag").unwrap(), Case::CopyLag);
        assert!(Case::parse("speed").unwrap_err().to_string().contains("no case speed"));
    }
}
