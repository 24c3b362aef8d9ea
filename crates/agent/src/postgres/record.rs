//! `node.json` in a node's volume: all that must be known to find the node again and to start its server.
//!
//! Written durably before and after every start and stop. If we die between a start and the record of its process, the
//! server's own pid file tells.

use std::path::{Path, PathBuf};

use farshore_engines::postgresql::provision::Door;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use serde::{Deserialize, Serialize};

use super::spec::Sizes;
use crate::durable::{self, Rights};
use crate::process::ProcessId;

const VERSION: u32 = 1;
const ENGINE: &str = "postgresql";
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the server shall be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Started and not stopped since: if it does not run, it crashed.
    Running,
    /// Never started, or stopped.
    Stopped,
}

/// Sizes and settings with which a server is known to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// How much of the host it may use.
    pub sizes: Sizes,
    /// Further settings.
    pub extra: Vec<(String, String)>,
}

/// The content of the file. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    engine: String,
    /// Major version.
    pub major: u32,
    /// As printed.
    pub server_version: String,
    /// Where its programs are.
    pub bin_directory: PathBuf,
    /// As whom it runs.
    pub engine_user: String,
    /// TCP port on 127.0.0.1.
    pub port: u16,
    /// The superuser.
    pub superuser: String,
    /// How much of the host it may use.
    pub sizes: Sizes,
    /// How others reach it over TCP; `None`: only this host does, without TLS.
    #[serde(default)]
    pub door: Option<Door>,
    /// Further settings.
    pub extra: Vec<(String, String)>,
    /// Those that its server was last started with and answered.
    #[serde(default)]
    pub proven: Option<Proven>,
    /// What its server said of settings with which it did not start and which were given up for the proven ones; until it is given others.
    #[serde(default)]
    pub refused: Option<String>,
    /// What the server shall be doing.
    pub wanted: Wanted,
    /// The server that was started last.
    pub process: Option<ProcessId>,
    /// Size of the log when it was started.
    pub log_from: u64,
}

/// What a record starts with.
pub struct Founding {
    /// Major version, version as printed, and where its programs are.
    pub installation: farshore_engines::postgresql::provision::Installation,
    /// As whom it runs.
    pub engine_user: String,
    /// TCP port on 127.0.0.1.
    pub port: u16,
}

impl Record {
    /// Of a node that was never started.
    pub fn new(founding: Founding, superuser: String, sizes: Sizes, extra: Vec<(String, String)>) -> Record {
        Record {
            version: VERSION,
            engine: ENGINE.to_string(),
            major: founding.installation.major,
            server_version: founding.installation.version,
            bin_directory: founding.installation.bin_directory,
            engine_user: founding.engine_user,
            port: founding.port,
            superuser,
            sizes,
            door: None,
            extra,
            proven: None,
            refused: None,
            wanted: Wanted::Stopped,
            process: None,
            log_from: 0,
        }
    }

    /// Reads the file; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Record>> {
        durable::read(path, FILE_BYTES_MAX)?.map(|bytes| parse(&bytes).doing("read", path.display())).transpose()
    }

    /// Writes the file durably.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::bug(format!("a node's record cannot be written as JSON: {error}")))?;
        durable::write(path, &bytes, Rights::PRIVATE)
    }
}

fn parse(bytes: &[u8]) -> Result<Record> {
    /// Read first: other versions and engines may look different otherwise.
    #[derive(Deserialize)]
    struct Head {
        version: u32,
        engine: String,
    }
    let wrong = |error: serde_json::Error| Error::corrupt(format!("the node's record cannot be understood: {error}"));
    let head: Head = serde_json::from_slice(bytes).map_err(wrong)?;
    if (head.version, head.engine.as_str()) != (VERSION, ENGINE) {
        let what = format!("the node is of engine {:?}, record version {}", head.engine, head.version);
        return Err(Error::invalid(what).hint(format!("this program knows {ENGINE}, version {VERSION}")));
    }
    serde_json::from_slice(bytes).map_err(wrong)
}
