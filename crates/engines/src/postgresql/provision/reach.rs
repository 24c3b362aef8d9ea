//! Whether an unprivileged user can enter a directory: every component must be searchable for it. `/root` is 0700, and a
//! server below it would fail with nothing but "permission denied".

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use farshore_types::{Error, Result};

/// A user by its ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub user: u32,
    /// Primary and further groups.
    pub groups: Vec<u32>,
}

/// Refuses a path that the account cannot enter, naming the component that is in the way. Components that do not exist
/// yet are fine. Access control lists are not looked at.
pub fn check_reachable(path: &Path, account: &Account) -> Result<()> {
    if !path.is_absolute() {
        return Err(Error::invalid(format!("path {} is not absolute", path.display())));
    }
    let mut reached = PathBuf::new();
    for component in path.components() {
        reached.push(component);
        let status = match std::fs::metadata(&reached) {
            Ok(status) => status,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io(error, "look at", reached.display())),
        };
        if !status.is_dir() {
            return Err(Error::invalid(format!("{} is not a directory", reached.display())));
        }
        if !may_search(&status, account) {
            let mode = status.mode() & 0o7777;
            let what = format!("user {} cannot enter {} (mode {mode:04o})", account.user, reached.display());
            return Err(Error::denied(what).hint("choose a data directory elsewhere, for example /var/lib/farshore"));
        }
    }
    Ok(())
}

fn may_search(status: &std::fs::Metadata, account: &Account) -> bool {
    let bit = if account.user == 0 {
        return true;
    } else if status.uid() == account.user {
        0o100
    } else if account.groups.contains(&status.gid()) {
        0o010
    } else {
        0o001
    };
    status.mode() & bit != 0
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_component_in_the_way_is_named() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let inner = base.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::set_permissions(base.path(), Permissions::from_mode(0o755)).unwrap();
        let owner = std::fs::metadata(&inner).unwrap();
        let stranger = Account { user: 54_321, groups: vec![54_321] };
        let member = Account { user: 54_321, groups: vec![54_321, owner.gid()] };
        let itself = Account { user: owner.uid(), groups: vec![] };
        let missing = inner.join("c/d");
        for (mode, account, good) in [
            (0o755, &stranger, true),
            (0o700, &stranger, false),
            (0o710, &stranger, false),
            (0o710, &member, true),
            (0o705, &member, false),
            (0o700, &itself, true),
            (0o700, &Account { user: 0, groups: vec![] }, true),
        ] {
            std::fs::set_permissions(base.path().join("a"), Permissions::from_mode(mode)).unwrap();
            let outcome = check_reachable(&missing, account);
            assert_eq!(outcome.is_ok(), good, "{mode:o} {account:?}");
            if let Err(error) = outcome {
                let named = format!("cannot enter {} (mode {mode:04o})", base.path().join("a").display());
                assert!(error.to_string().contains(&named), "{error}");
            }
        }
        std::fs::set_permissions(base.path().join("a"), Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn files_and_relative_paths_are_no_directories() {
        let nobody = Account { user: 54_321, groups: vec![] };
        assert!(check_reachable(Path::new("/etc/passwd/x"), &nobody).is_err());
        assert!(check_reachable(Path::new("relative"), &nobody).is_err());
    }
}
