//! Where the bench works, as whom, and which programs it runs.
//!
//! Everything lies below one folder, which is new, empty or left by an earlier run, and is removed at the end unless something fails.
//! Started by root, all programs, ours and the peers', run as the user `postgres`: servers refuse to run as root.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use rustix::process::geteuid;

/// The user that Debian's package makes for the server.
const USER: &str = "postgres";
/// Our own program in the bench's folder, by which the folder of an earlier run is known.
const OURSELVES: &str = "bin/xtask";
/// Lines of a failed program's output that are shown.
const TAIL_LINES: usize = 12;

/// The bench's folder and programs.
pub struct Place {
    /// Everything that is written.
    pub dir: PathBuf,
    /// PostgreSQL's programs.
    pub postgres: PathBuf,
    /// The program under test.
    pub farshore: PathBuf,
    /// Peers, and where libraries lie that this machine lacks.
    pub pgbackrest: PathBuf,
    /// Peer.
    pub restic: PathBuf,
    /// Value of LD_LIBRARY_PATH for the peers; empty if they need none.
    pub libraries: String,
    /// Ourselves, for the floor.
    pub xtask: PathBuf,
    user: Option<(u32, u32)>,
}

impl Place {
    /// Finds the programs and makes the folder. Our own programs are copied there, so that every user can run them and
    /// a build in between changes nothing.
    pub fn new(dir: &Path, farshore: &Path) -> Result<Place> {
        let variable = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).ok_or_else(|| {
                Error::missing(format!("{name} is not set")).hint("run `make bench`, or source scripts/env.sh")
            })
        };
        let (postgres, peers) = (variable("FARSHORE_TEST_PG")?, variable("FARSHORE_BENCH_PEERS")?);
        let user = if geteuid().is_root() { Some(server_user()?) } else { None };
        let ourselves = std::env::current_exe().doing("find", "this program")?;
        let (pgbackrest, restic, libraries) = unwrapped(&peers);
        let dir = std::path::absolute(dir).doing("find", dir.display())?;
        check_ours(&dir)?;
        let (copy, xtask) = (dir.join("bin/farshore"), dir.join(OURSELVES));
        let place = Place { postgres, pgbackrest, restic, libraries, xtask, user, farshore: copy, dir };
        place.folder("bin")?;
        fs::copy(farshore, &place.farshore).doing("copy", farshore.display())?;
        fs::copy(&ourselves, &place.xtask).doing("copy", ourselves.display())?;
        Ok(place)
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A new, empty folder that the programs' user owns.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        if path.exists() {
            fs::remove_dir_all(&path).doing("empty", path.display())?;
        }
        fs::create_dir_all(&path).doing("make", path.display())?;
        for folder in [&self.dir, &path] {
            self.give(folder)?;
        }
        Ok(path)
    }

    /// The same, closed to everybody else, as servers want their data directories.
    pub fn private_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder(name)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).doing("close", path.display())?;
        Ok(path)
    }

    /// Removes everything.
    pub fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.dir).doing("remove", self.dir.display())
    }

    /// Writes a small file for the programs' user.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).doing("write", path.display())?;
        self.give(&path)?;
        Ok(path)
    }

    fn give(&self, path: &Path) -> Result<()> {
        match self.user {
            Some((user, group)) => chown(path, Some(user), Some(group)).doing("give away", path.display()),
            None => Ok(()),
        }
    }

    /// A command of the programs' user; its output goes to a file.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir).env("LC_ALL", "C.UTF-8").env("HOME", &self.dir).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["PG", "RESTIC", "AWS"].iter().any(|start| text.starts_with(start)) {
                command.env_remove(&name);
            }
        }
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// The same for a peer.
    pub fn peer(&self, program: &Path) -> Command {
        let mut command = self.command(program);
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", &self.libraries);
        }
        command
    }

    /// Starts a command; its output replaces that of the one before.
    pub fn start(&self, command: &mut Command) -> Result<Child> {
        self.start_with(command, "output.txt")
    }

    /// The same with an output of its own, for one that runs beside others.
    pub fn start_with(&self, command: &mut Command, output: &str) -> Result<Child> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = File::create(self.path(output)).doing("make", output)?;
        let errors = file.try_clone().doing("make", output)?;
        command.stdout(file).stderr(errors).spawn().doing("start", name)
    }

    /// Runs a command to its end and demands success.
    pub fn run(&self, command: &mut Command) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let status = self.start(command)?.wait().doing("wait for", &name)?;
        if status.success() {
            return Ok(());
        }
        let text = fs::read_to_string(self.path("output.txt")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n  ");
        Err(Error::bug(format!("{name} failed ({status}):\n  {tail}")))
    }
}

/// Refuses a folder that holds anything of somebody else's: all of it is removed at the end.
fn check_ours(dir: &Path) -> Result<()> {
    let empty = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        content => content.doing("list", dir.display())?.next().is_none(),
    };
    match empty || dir.join(OURSELVES).is_file() {
        true => Ok(()),
        false => Err(Error::conflict(format!("{} holds other things, and the bench removes all of it", dir.display()))
            .hint("name an empty or a new folder")),
    }
}

/// The peers' own programs behind the scripts that set their library path: the bench sets it itself, so that no peer
/// pays for a shell.
fn unwrapped(peers: &Path) -> (PathBuf, PathBuf, String) {
    let files = peers.parent().unwrap_or(peers).join("files/usr");
    let own = files.join("bin");
    if own.join("pgbackrest").is_file() && own.join("restic").is_file() {
        let libraries = files.join("lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        return (own.join("pgbackrest"), own.join("restic"), libraries.display().to_string());
    }
    (peers.join("pgbackrest"), peers.join("restic"), String::new())
}

fn server_user() -> Result<(u32, u32)> {
    let text = fs::read_to_string("/etc/passwd").doing("read", "/etc/passwd")?;
    let line = text.lines().find_map(|line| line.strip_prefix(USER).and_then(|rest| rest.strip_prefix(':')));
    let mut fields = line.unwrap_or_default().split(':').skip(1).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok((user, group)),
        _ => Err(Error::missing(format!("there is no user {USER}")).hint("apt-get install postgresql makes it")),
    }
}

/// Bytes of all files below a folder.
pub fn bytes_below(folder: &Path) -> Result<u64> {
    Ok(bytes_of(&files_below(folder)?))
}

/// Bytes of files.
pub fn bytes_of(files: &[PathBuf]) -> u64 {
    files.iter().map(|file| fs::metadata(file).map_or(0, |meta| meta.len())).sum()
}

/// All regular files below a folder, sorted; links are not followed.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).doing("list", folder.display())? {
            let item = item.doing("list", folder.display())?;
            match item.file_type().doing("look at", item.path().display())? {
                kind if kind.is_dir() => folders.push(item.path()),
                kind if kind.is_file() => found.push(item.path()),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_not_worked_in() {
        let dir = std::env::temp_dir().join(format!("farshore-bench-{}", std::process::id()));
        check_ours(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        check_ours(&dir).unwrap();
        fs::write(dir.join("thesis"), "years of work").unwrap();
        assert!(check_ours(&dir).unwrap_err().to_string().contains("holds other things"));
        fs::create_dir(dir.join("bin")).unwrap();
        fs::write(dir.join(OURSELVES), "").unwrap();
        check_ours(&dir).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
