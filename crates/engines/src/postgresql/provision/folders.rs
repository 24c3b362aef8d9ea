//! Where an installation keeps its libraries and the control files of its extensions. Nothing is started here: the agent runs
//! [`folders_program`] and hands its output to [`Folders::find`].
//!
//! `pg_config` knows; some packages bring it apart from the server, and then the usual places beside the programs are looked at. A
//! place counts when `plpgsql` is there, which no cluster can be made without. What is not found is said to be absent: a server that is
//! told to load a library that it has not does not start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farshore_types::{Program, Result};

use super::installations::Installation;

/// Printing three lines takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);
/// Libraries and shared files as packages place them, seen from the programs.
const USUAL: [(&str, &str); 3] =
    [("../lib", "../share"), ("../lib/postgresql", "../share/postgresql"), ("../lib64/pgsql", "../share/pgsql")];

/// Two folders of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Libraries, `$libdir` in the server's settings.
    pub libraries: PathBuf,
    /// Control files and scripts of extensions.
    pub extensions: PathBuf,
}

/// Prints an installation's version and folders; `None` where it has no program for that.
pub fn folders_program(installation: &Installation) -> Result<Option<Program>> {
    let program = installation.program("pg_config")?;
    let args = ["--version", "--pkglibdir", "--sharedir"];
    Ok(program.is_file().then(|| Program::new(program, &args).within(DEADLINE)))
}

impl Folders {
    /// From what [`folders_program`] printed, if it is of the same major version, or from where packages place them.
    pub fn find(installation: &Installation, printed: Option<&str>) -> Option<Folders> {
        let said = printed.and_then(|printed| parse(printed, installation.major));
        said.into_iter().chain(usual(&installation.bin_directory)).find(Folders::is_of_a_server)
    }

    /// Whether a library is there.
    pub fn has_library(&self, name: &str) -> bool {
        self.libraries.join(format!("{name}.so")).is_file()
    }

    fn is_of_a_server(&self) -> bool {
        self.has_library("plpgsql") && self.extensions.join("plpgsql.control").is_file()
    }
}

fn parse(printed: &str, major: u32) -> Option<Folders> {
    let mut lines = printed.lines();
    let digits: String = lines.next()?.strip_prefix("PostgreSQL ")?.chars().take_while(char::is_ascii_digit).collect();
    let (libraries, shared) = (Path::new(lines.next()?.trim()), Path::new(lines.next()?.trim()));
    let same = digits.parse() == Ok(major) && libraries.is_absolute() && shared.is_absolute();
    same.then(|| Folders { libraries: libraries.to_path_buf(), extensions: shared.join("extension") })
}

/// The server follows links to its program before it looks beside it.
fn usual(bin_directory: &Path) -> Vec<Folders> {
    let Ok(bin) = bin_directory.join("postgres").canonicalize() else { return Vec::new() };
    let Some(bin) = bin.parent() else { return Vec::new() };
    let folders = |(libraries, shared): (&str, &str)| Folders {
        libraries: bin.join(libraries),
        extensions: bin.join(shared).join("extension"),
    };
    USUAL.into_iter().map(folders).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn put(folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(name), []).unwrap();
    }

    #[test]
    fn folders_are_where_the_installation_says_or_where_packages_place_them_and_else_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let installation = Installation { major: 15, version: "15.1".to_string(), bin_directory: root.join("pg/bin") };
        let (lib, share) = (root.join("elsewhere/lib"), root.join("elsewhere/share"));
        let printed = |major: u32| format!("PostgreSQL {major}.1\n{}\n{}\n", lib.display(), share.display());
        assert_eq!(Folders::find(&installation, Some(&printed(15))), None);

        put(&installation.bin_directory, "postgres");
        put(&root.join("pg/lib"), "plpgsql.so");
        assert_eq!(Folders::find(&installation, None), None, "without its control file");
        put(&root.join("pg/share/extension"), "plpgsql.control");
        let beside = Folders::find(&installation, None).unwrap();
        assert!(beside.has_library("plpgsql") && !beside.has_library("pg_stat_statements"));

        put(&lib, "plpgsql.so");
        put(&share.join("extension"), "plpgsql.control");
        put(&lib, "pg_stat_statements.so");
        let told = Folders::find(&installation, Some(&printed(15))).unwrap();
        assert!(told.has_library("pg_stat_statements"));
        for other in [printed(16).as_str(), "", "PostgreSQL 15.1\nlib\nshare\n"] {
            assert_eq!(Folders::find(&installation, Some(other)), Some(beside.clone()), "{other:?}");
        }
    }
}
