//! The tools that are compared, each as the commands that a user of it would type.
//!
//! All keep their repository in one folder of the bench, made anew for every round. Settings that a figure depends on
//! stand here and nowhere else; docs/bench.md says why they are what they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use farshore_types::{Error, Position, Result};

use super::place::{Place, bytes_below};
use super::server::{PORT, Server};

/// Threads or processes of every tool that lets itself be told.
pub const WORKERS: &str = "2";
/// The stanza of pgBackRest.
const STANZA: &str = "bench";

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Ours.
    Farshore,
    /// The peer that the goals are set against.
    Pgbackrest,
    /// A general backup program: no pages, no log.
    Restic,
    /// The same work as a bare loop.
    Floor,
    /// Copies files, and nothing else.
    Cp,
}

impl Tool {
    /// Those that take backups.
    pub const FOR_BACKUPS: [Tool; 4] = [Tool::Farshore, Tool::Pgbackrest, Tool::Restic, Tool::Floor];
    /// Those that know a log.
    pub const WITH_LOG: [Tool; 3] = [Tool::Farshore, Tool::Pgbackrest, Tool::Floor];
    /// Those that copy a repository.
    pub const FOR_COPIES: [Tool; 2] = [Tool::Farshore, Tool::Cp];

    /// As it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Farshore => "farshore",
            Tool::Pgbackrest => "pgbackrest",
            Tool::Restic => "restic",
            Tool::Floor => "floor",
            Tool::Cp => "cp",
        }
    }
}

/// The tools with their repositories of one round.
pub struct Tools<'a> {
    /// Where.
    pub place: &'a Place,
    /// Of what.
    pub server: &'a Server<'a>,
    /// Before the changes since the full backup.
    pub since: Position,
}

impl Tools<'_> {
    /// Empty repositories; what a user does once.
    pub fn prepare(&self) -> Result<()> {
        for folder in ["farshore", "pgbackrest", "restic", "floor", "lock", "spool", "restore", "cache"] {
            self.place.folder(folder)?;
        }
        let key = self.place.path("bench.key");
        if !key.exists() {
            self.place.run(self.place.command(&self.place.farshore).arg("keygen").arg(&key))?;
        }
        self.place.file("pgbackrest.conf", &self.pgbackrest_settings())?;
        self.place.file("restic.password", "bench\n")?;
        self.place.run(self.pgbackrest(&[]).arg("stanza-create"))?;
        self.place.run(self.restic().arg("init"))
    }

    /// Frees the room that the repositories take.
    pub fn clear(&self) -> Result<()> {
        let folders =
            ["farshore", "pgbackrest", "restic", "floor", "floor-changes", "floor-log", "fetch", "spool", "copy"];
        folders.into_iter().try_for_each(|folder| self.place.folder(folder).map(drop))
    }

    fn pgbackrest_settings(&self) -> String {
        let path = |name: &str| self.place.path(name).display().to_string();
        format!(
            "[global]\nrepo1-path={}\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=the-bench-has-no-secrets\n\
             repo1-bundle=y\nrepo1-block=y\nrepo1-retention-full=2\ncompress-type=zst\ncompress-level=1\n\
             process-max={WORKERS}\nstart-fast=y\narchive-async=y\nspool-path={}\nlock-path={}\n\
             log-level-file=off\nlog-level-console=warn\n\n[global:backup]\narchive-check=n\nchecksum-page=y\n\n\
             [{STANZA}]\npg1-path={}\npg1-port={PORT}\npg1-socket-path={}\npg1-user=postgres\npg1-database=postgres\n",
            path("pgbackrest"),
            path("spool"),
            path("lock"),
            self.server.data.display(),
            self.server.socket.display()
        )
    }

    /// Commands that take a backup of everything.
    pub fn full(&self, tool: Tool) -> Result<Vec<Command>> {
        Ok(vec![match tool {
            Tool::Farshore => self.farshore_backup(&["--full"]),
            Tool::Pgbackrest => self.pgbackrest(&["--type=full", "backup"]),
            Tool::Restic => self.restic_backup(),
            Tool::Floor => self.floor_pack("floor", &self.server.files()?, Position(0))?,
            Tool::Cp => return Err(no_backups()),
        }])
    }

    /// Commands that take a backup of what has changed since.
    pub fn incremental(&self, tool: Tool) -> Result<Vec<Command>> {
        Ok(vec![match tool {
            Tool::Farshore => self.farshore_backup(&[]),
            Tool::Pgbackrest => self.pgbackrest(&["--type=incr", "backup"]),
            Tool::Restic => self.restic_backup(),
            Tool::Floor => {
                self.place.folder("floor-changes")?;
                self.floor_pack("floor-changes", &self.server.files()?, self.since)?
            }
            Tool::Cp => return Err(no_backups()),
        }])
    }

    /// Commands that restore the newest backup into an empty folder, durably.
    pub fn restore(&self, tool: Tool, to: &Path) -> Vec<Command> {
        match tool {
            Tool::Farshore => {
                let mut command = self.farshore(&["vault", "restore", "newest"]);
                command.arg("--to").arg(to);
                vec![command]
            }
            Tool::Pgbackrest => {
                let mut command = self.pgbackrest(&["restore", "--archive-mode=off"]);
                command.arg(format!("--pg1-path={}", to.display()));
                vec![command]
            }
            Tool::Restic => {
                let mut command = self.restic();
                command.args(["restore", "latest", "--target"]).arg(to);
                vec![command, self.sync(to)]
            }
            Tool::Floor => vec![self.floor_unpack("floor", to)],
            Tool::Cp => Vec::new(),
        }
    }

    /// Where the restored data directory lies inside what was restored.
    pub fn restored(&self, tool: Tool, to: &Path) -> Option<PathBuf> {
        match tool {
            Tool::Farshore | Tool::Pgbackrest => Some(to.to_path_buf()),
            Tool::Restic => self.server.data.strip_prefix("/").ok().map(|inside| to.join(inside)),
            Tool::Floor | Tool::Cp => None,
        }
    }

    /// Bytes that hold backups, archived log apart.
    pub fn stored(&self, tool: Tool) -> Result<u64> {
        let changes = self.place.path("floor-changes");
        match tool {
            Tool::Farshore => Ok(bytes_below(&self.place.path("farshore"))? - self.archived(tool)?),
            Tool::Pgbackrest => bytes_below(&self.place.path("pgbackrest/backup")),
            Tool::Restic => bytes_below(&self.place.path("restic")),
            Tool::Floor if changes.exists() => Ok(bytes_below(&self.place.path("floor"))? + bytes_below(&changes)?),
            Tool::Floor => bytes_below(&self.place.path("floor")),
            Tool::Cp => Ok(0),
        }
    }

    /// Bytes that hold archived log.
    pub fn archived(&self, tool: Tool) -> Result<u64> {
        let folder = self.place.path(match tool {
            Tool::Farshore => "farshore/bench/journal",
            Tool::Pgbackrest => "pgbackrest/archive",
            Tool::Restic | Tool::Floor | Tool::Cp => "floor-log",
        });
        if folder.exists() { bytes_below(&folder) } else { Ok(0) }
    }

    /// Commands that copy our repository durably into the empty folder `copy`.
    pub fn copy(&self, tool: Tool) -> Result<Vec<Command>> {
        let (from, to) = (self.place.path("farshore"), self.place.path("copy"));
        match tool {
            Tool::Farshore => Ok(vec![self.farshore_copy(&["--once", "--workers", WORKERS])]),
            Tool::Cp => {
                let mut copy = self.place.command(Path::new("cp"));
                copy.arg("-r").arg(from.join(".")).arg(&to);
                Ok(vec![copy, self.sync(&to)])
            }
            _ => Err(Error::bug(format!("{} copies no repository", tool.name()))),
        }
    }

    /// `farshore copy` of our repository into the folder `copy`. It gets no key.
    pub fn farshore_copy(&self, words: &[&str]) -> Command {
        let url = |folder: &str| format!("file://{}", self.place.path(folder).display());
        let mut command = self.place.command(&self.place.farshore);
        command.arg("copy").args(words).arg("--from").arg(url("farshore")).arg("--to").arg(url("copy"));
        command
    }

    /// Makes a tree durable, for tools that do not do it themselves.
    fn sync(&self, folder: &Path) -> Command {
        let mut sync = self.place.command(&self.place.xtask);
        sync.args(["bench-step", "sync"]).arg(folder);
        sync
    }

    /// `farshore` with the store and the key.
    pub fn farshore(&self, words: &[&str]) -> Command {
        let mut command = self.place.command(&self.place.farshore);
        command.args(words).arg("--store").arg(format!("file://{}", self.place.path("farshore").display()));
        command.arg("--identity").arg(self.place.path("bench.key"));
        command
    }

    /// The same, for commands that talk to the server.
    pub fn farshore_live(&self, words: &[&str]) -> Command {
        let mut command = self.farshore(words);
        let port = PORT.to_string();
        command.args(["--port", &port, "--service", "bench", "--workers", WORKERS, "--host"]).arg(&self.server.socket);
        command
    }

    /// A backup of the running server.
    pub fn farshore_backup(&self, words: &[&str]) -> Command {
        let mut command = self.farshore_live(&["backup", "pg"]);
        command.args(words);
        command
    }

    fn pgbackrest(&self, words: &[&str]) -> Command {
        let mut command = self.place.peer(&self.place.pgbackrest);
        command.arg(format!("--config={}", self.place.path("pgbackrest.conf").display()));
        command.arg(format!("--stanza={STANZA}")).args(words);
        command
    }

    /// pgBackRest as a line for the server's configuration or a shell.
    pub fn pgbackrest_line(&self, words: &str) -> String {
        let libraries = match self.place.libraries.as_str() {
            "" => String::new(),
            path => format!("LD_LIBRARY_PATH={path} "),
        };
        let (program, settings) = (self.place.pgbackrest.display(), self.place.path("pgbackrest.conf"));
        format!("{libraries}{program} --config={} --stanza={STANZA} {words}", settings.display())
    }

    fn restic(&self) -> Command {
        let mut command = self.place.peer(&self.place.restic);
        command.arg("--quiet").arg("-r").arg(self.place.path("restic"));
        command.arg("--password-file").arg(self.place.path("restic.password"));
        command.arg("--cache-dir").arg(self.place.path("cache"));
        command
    }

    fn restic_backup(&self) -> Command {
        let mut command = self.restic();
        command.args(["backup", "--exclude=pg_wal/*", "--exclude=postmaster.*"]).arg(&self.server.data);
        command
    }

    /// The floor over the given files.
    pub fn floor_pack(&self, out: &str, files: &[PathBuf], since: Position) -> Result<Command> {
        let list: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
        let list = self.place.file(&format!("{out}.txt"), &list)?;
        let mut command = self.place.command(&self.place.xtask);
        command.args(["bench-step", "pack"]).arg(list).arg(self.place.path(out)).arg(since.to_string());
        Ok(command)
    }

    /// The floor backwards.
    pub fn floor_unpack(&self, from: &str, to: &Path) -> Command {
        let mut command = self.place.command(&self.place.xtask);
        let list = self.place.path(&format!("{from}.txt"));
        command.args(["bench-step", "unpack"]).arg(list).arg(self.place.path(from)).arg(to);
        command
    }
}

fn no_backups() -> Error {
    Error::bug("cp takes no backups")
}
