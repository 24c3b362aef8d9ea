//! Which PostgreSQL versions are installed. Nothing is started here: the agent runs [`version_program`] and hands its
//! output to [`Installation::parse`].

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farshore_types::{Error, Program, Result};

use super::super::conf;
use super::super::server::check_version;

/// Where Debian and its relatives keep one directory per major version.
const VERSIONED_ROOT: &str = "/usr/lib/postgresql";
/// Programs that must be there.
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];
/// Printing a version takes milliseconds.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// One installed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// 13 to 18.
    pub major: u32,
    /// As printed, for example `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// The directory of `postgres`, `initdb` and `pg_ctl`.
    pub bin_directory: PathBuf,
}

/// Directories that hold a server: an explicit one, the versioned ones, those of a PATH; each once, in this order.
pub fn candidates(explicit: Option<&Path>, search_path: Option<&OsStr>) -> Vec<PathBuf> {
    let versioned = std::fs::read_dir(VERSIONED_ROOT).into_iter().flatten().flatten();
    let mut versioned: Vec<PathBuf> = versioned.map(|entry| entry.path().join("bin")).collect();
    versioned.sort();
    versioned.reverse();
    let path: Vec<PathBuf> = search_path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in explicit.map(Path::to_path_buf).into_iter().chain(versioned).chain(path) {
        let complete = NEEDED.iter().all(|name| directory.join(name).is_file());
        let seen = |known: &PathBuf| known.canonicalize().ok() == directory.canonicalize().ok();
        if directory.is_absolute() && complete && !found.iter().any(seen) {
            found.push(directory);
        }
    }
    found
}

/// Prints the version of the server in a directory.
pub fn version_program(bin_directory: &Path) -> Program {
    Program::new(bin_directory.join("postgres"), &["--version"]).within(VERSION_DEADLINE)
}

impl Installation {
    /// From what [`version_program`] printed: `postgres (PostgreSQL) 15.18 (Debian ...)`.
    pub fn parse(bin_directory: &Path, printed: &str) -> Result<Installation> {
        let wrong = || Error::invalid(format!("{} printed {printed:?} as its version", bin_directory.display()));
        let version = printed.trim().strip_prefix("postgres (PostgreSQL) ").ok_or_else(wrong)?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        let major: u32 = digits.parse().map_err(|_| wrong())?;
        check_version(major.saturating_mul(10_000))?;
        Ok(Installation { major, version: version.to_string(), bin_directory: bin_directory.to_path_buf() })
    }

    /// The path of one of the programs, for a [`Program`]; refuses directories that a shell could misread.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        conf::path(&self.bin_directory)?;
        Ok(self.bin_directory.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_server_prints() {
        let table = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 13.0", Some(13)),
            ("postgres (PostgreSQL) 12.4", None),
            ("postgres (PostgreSQL) x", None),
            ("mysqld 8", None),
            ("", None),
        ];
        for (printed, major) in table {
            let found = Installation::parse(Path::new("/b"), printed).ok().map(|found| found.major);
            assert_eq!(found, major, "{printed:?}");
        }
    }

    #[test]
    fn a_directory_counts_once_and_only_when_complete() {
        let root = tempfile::tempdir().unwrap();
        let (whole, part) = (root.path().join("whole"), root.path().join("part"));
        for (directory, names) in [(&whole, &NEEDED[..]), (&part, &NEEDED[..1])] {
            std::fs::create_dir(directory).unwrap();
            for name in names {
                std::fs::write(directory.join(name), []).unwrap();
            }
        }
        let path = std::env::join_paths([&part, &whole, Path::new("relative")]).unwrap();
        let found = candidates(Some(&whole), Some(&path));
        assert_eq!(found.iter().filter(|found| **found == whole).count(), 1);
        assert!(found.first() == Some(&whole) && !found.contains(&part), "{found:?}");
    }
}
