//! Who engines run as, and whether that user can enter a directory.
//!
//! Database servers refuse to run as root, and so do we: an agent that is root starts them as `postgres` (or the user it
//! was told), any other agent as itself. Users are read from `/etc/passwd` (passwd(5)); those of a directory service are
//! not found.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use farshore_types::{Error, Result};
use rustix::process::{getegid, geteuid, getgroups};

use crate::durable;

/// The user that Debian's packages make for the server.
pub const DEFAULT_NAME: &str = "postgres";
const USERS: &str = "/etc/passwd";
/// Largest list of users that is read.
const USERS_BYTES_MAX: u64 = 16 << 20;

/// An operating system user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// User id.
    pub user: u32,
    /// Primary group id.
    pub group: u32,
    /// Further groups that its programs run with: none when we switch to it.
    pub further_groups: Vec<u32>,
    /// Home directory.
    pub home: PathBuf,
}

impl Account {
    /// Who this process is.
    pub fn ourselves() -> Result<Account> {
        let user = geteuid().as_raw();
        let mut account = find(&users()?, |entry| entry.user == user).ok_or_else(|| {
            let what = format!("user {user}, as whom this program runs, does not stand in {USERS}");
            Error::missing(what).hint("run it as a local user")
        })?;
        account.group = getegid().as_raw();
        let groups = getgroups().map_err(|error| Error::io(error.into(), "ask for the groups of", &account.name))?;
        account.further_groups = groups.into_iter().map(|group| group.as_raw()).collect();
        Ok(account)
    }

    /// Who engines run as: the named user, or `postgres`, when we are root; ourselves otherwise. Root is refused.
    pub fn for_engines(name: Option<&str>) -> Result<Account> {
        if !geteuid().is_root() {
            let account = Account::ourselves()?;
            return match name {
                Some(name) if name != account.name => {
                    let what = format!("only root can run databases as {name}, this program runs as {}", account.name);
                    Err(Error::denied(what).hint("run it as root, or leave the user out"))
                }
                _ => Ok(account),
            };
        }
        let name = name.unwrap_or(DEFAULT_NAME);
        let account = find(&users()?, |entry| entry.name == name).ok_or_else(|| {
            let what = format!("there is no user {name} in {USERS} to run databases as");
            Error::missing(what).hint(format!("useradd --system --home-dir /nonexistent {name}"))
        })?;
        if account.user == 0 {
            let what = format!("databases do not run as root, which {name} is");
            return Err(Error::denied(what).hint("name another user"));
        }
        Ok(account)
    }

    /// Whether programs must be switched to this user: we are somebody else.
    pub fn is_foreign(&self) -> bool {
        geteuid().as_raw() != self.user
    }

    /// User and group id for files that this account shall own; `None` when they are ours anyway.
    pub fn owner(&self) -> Option<(u32, u32)> {
        self.is_foreign().then_some((self.user, self.group))
    }

    fn may_enter(&self, status: &std::fs::Metadata) -> bool {
        let bit = if self.user == 0 {
            return true;
        } else if status.uid() == self.user {
            0o100
        } else if status.gid() == self.group || self.further_groups.contains(&status.gid()) {
            0o010
        } else {
            0o001
        };
        status.mode() & bit != 0
    }
}

/// Refuses a directory that the account cannot enter, naming the component that is in the way. Links are followed; what
/// does not exist yet is fine. Access control lists are not looked at.
pub fn check_reachable(directory: &Path, account: &Account) -> Result<()> {
    if !directory.is_absolute() {
        return Err(Error::invalid(format!("{} is not an absolute path", directory.display())));
    }
    for component in existing(directory)?.ancestors().collect::<Vec<_>>().into_iter().rev() {
        let status = std::fs::metadata(component).map_err(|error| Error::io(error, "look at", component.display()))?;
        if !status.is_dir() {
            return Err(Error::invalid(format!("{} is not a directory", component.display())));
        }
        if !account.may_enter(&status) {
            let (mode, name) = (status.mode() & 0o7777, &account.name);
            let what =
                format!("user {name} cannot enter {}: {} is {mode:04o}", directory.display(), component.display());
            let hint = format!("choose a directory that user {name} can enter, for example /var/lib/farshore");
            return Err(Error::denied(what).hint(hint));
        }
    }
    Ok(())
}

/// The part of a path that exists, without links.
fn existing(path: &Path) -> Result<PathBuf> {
    use std::io::ErrorKind as Io;
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(real) => return Ok(real),
            // What we may not look into is found to be in the way further up.
            Err(error) if matches!(error.kind(), Io::NotFound | Io::PermissionDenied) => {}
            Err(error) => return Err(Error::io(error, "look at", ancestor.display())),
        }
    }
    Ok(PathBuf::from("/"))
}

fn users() -> Result<String> {
    let bytes = durable::read(Path::new(USERS), USERS_BYTES_MAX)?;
    Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

fn find(users: &str, wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    users.lines().filter_map(parse).find(wanted)
}

/// `name:password:user:group:comment:home:shell`.
fn parse(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?.to_string();
    let user = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let home = PathBuf::from(fields.nth(1)?);
    Some(Account { name, user, group, further_groups: Vec::new(), home })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn account(user: u32, groups: &[u32]) -> Account {
        let further_groups = groups.to_vec();
        Account { name: "dora".to_string(), user, group: 54_321, further_groups, home: PathBuf::from("/") }
    }

    #[test]
    fn users_are_read_from_their_list() {
        let list = "# c\nbad line\nroot:x:0:0:root:/root:/bin/sh\nx:y:z:0::/:\ndora:x:7:8:D,,,:/home/d:/bin/sh\n";
        let dora = find(list, |entry| entry.name == "dora").unwrap();
        assert_eq!((dora.user, dora.group, dora.home.as_path()), (7, 8, Path::new("/home/d")));
        assert_eq!(find(list, |entry| entry.user == 0).unwrap().name, "root");
        assert!(find(list, |entry| entry.name == "x").is_none());
    }

    #[test]
    fn engines_never_run_as_root() {
        let outcome = Account::for_engines(Some("root"));
        assert!(outcome.is_err() || outcome.is_ok_and(|account| account.user != 0));
        assert_ne!(Account::for_engines(None).unwrap().user, 0);
    }

    #[test]
    fn the_component_in_the_way_is_named_also_behind_a_link() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let real = base.path().canonicalize().unwrap();
        let inner = real.join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::set_permissions(&real, Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&inner, real.join("link")).unwrap();
        let owner = std::fs::metadata(&inner).unwrap();
        for (mode, account, good) in [
            (0o755, account(54_321, &[]), true),
            (0o700, account(54_321, &[]), false),
            (0o710, account(54_321, &[]), false),
            (0o710, account(54_321, &[owner.gid()]), true),
            (0o705, account(54_321, &[owner.gid()]), false),
            (0o700, account(owner.uid(), &[]), true),
        ] {
            std::fs::set_permissions(real.join("a"), Permissions::from_mode(mode)).unwrap();
            for path in [inner.join("c/d"), real.join("link/c")] {
                let outcome = check_reachable(&path, &account);
                assert_eq!(outcome.is_ok(), good, "{mode:o} {account:?}");
                if let Err(error) = outcome {
                    let named = format!("cannot enter {}: {} is {mode:04o}", path.display(), real.join("a").display());
                    assert!(error.to_string().contains(&named), "{error}");
                }
            }
        }
        std::fs::set_permissions(real.join("a"), Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn files_and_relative_paths_are_no_directories() {
        assert!(check_reachable(Path::new("/etc/passwd"), &account(54_321, &[])).is_err());
        assert!(check_reachable(Path::new("relative"), &account(54_321, &[])).is_err());
    }
}
