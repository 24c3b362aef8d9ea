//! The folder of a platform: what lies where, with which rights, and who has it.
//!
//! Engines run as other users and must pass through the folder to their nodes, so it has mode 0711 and everything in it but `host` is
//! closed to them. Only one `farshore up` works on a folder at a time; the kernel gives the lock back when its holder dies.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use farshore_agent::account::check_reachable;
use farshore_agent::durable::{self, Lock, Rights};
use farshore_agent::host::Host;
use farshore_agent::place::default_data_directory;
use farshore_engines::postgresql::conf;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};

/// Others may pass through to what they may see, but not look around.
const ROOT_MODE: u32 = 0o711;
const PRIVATE_MODE: u32 = 0o700;
/// Bytes of the longest path of a Unix socket (unix(7), `sun_path` with its final zero).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// What stands around the id of a service in the path of its server's socket.
const AROUND_ID: &str = "/host//nodes//run/.s.PGSQL.65535";
/// Bytes of an id that begins with seven bytes of the service's name.
const ID_BYTES_MIN: usize = 24;
/// What may lie in the folder.
const OURS: [&str; 17] = [
    "farshore.db",
    "farshore.db-wal",
    "farshore.db-journal",
    "farshore.db-shm",
    "master.key",
    "master.key.tmp",
    "admin-token",
    "admin-token.tmp",
    "address",
    "address.tmp",
    "keys",
    "regions",
    "charts",
    "drills",
    "host",
    "up.lock",
    "lost+found",
];

/// Bytes of the longest name.
fn longest(regions: &[&str]) -> usize {
    regions.iter().map(|name| name.len()).max().unwrap_or(0)
}

/// The folder of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// The folder that was named, or the usual one. Nothing is made.
    pub fn of(data: Option<&Path>) -> Result<Place> {
        let root = match data {
            Some(data) => std::path::absolute(data).doing("find", data.display())?,
            None => default_data_directory(|name| std::env::var_os(name))?,
        };
        Ok(Place { root })
    }

    /// The folder of a platform that has been started before.
    pub fn existing(data: Option<&Path>) -> Result<Place> {
        let place = Place::of(data)?;
        if place.is_platform() {
            return Ok(place);
        }
        let what = format!("{} is not the folder of a platform", place.root.display());
        Err(Error::missing(what).hint("give the --data of `farshore up`, which makes it at its first start"))
    }

    /// Makes the folder and closes it to others; may be repeated. Refuses a folder in which databases could not run, or that holds
    /// anything else, before anything is changed.
    pub fn make(&self, host: &Host, regions: &[&str]) -> Result<()> {
        let root = self.root.display();
        conf::path(&self.root).doing("use", &root)?;
        self.must_be_short(regions)?;
        self.refuse_other_layout()?;
        check_reachable(&self.root, &host.engines).doing("use", &root)?;
        self.refuse_strangers()?;
        DirBuilder::new().recursive(true).mode(0o755).create(&self.root).doing("make", &root)?;
        fs::set_permissions(&self.root, Permissions::from_mode(ROOT_MODE)).doing("set the rights of", &root)?;
        self.make_private(&self.keys())?;
        self.make_private(&self.charts())?;
        self.make_private(&self.drills())?;
        self.make_private(&self.regions())?;
        DirBuilder::new().recursive(true).mode(ROOT_MODE).create(self.host()).doing("make", self.host().display())?;
        fs::set_permissions(self.host(), Permissions::from_mode(ROOT_MODE)).doing("set the rights of", &root)
    }

    /// Makes a folder that only we can enter, or closes it.
    pub fn make_private(&self, folder: &Path) -> Result<()> {
        DirBuilder::new().recursive(true).mode(PRIVATE_MODE).create(folder).doing("make", folder.display())?;
        fs::set_permissions(folder, Permissions::from_mode(PRIVATE_MODE)).doing("set the rights of", folder.display())
    }

    /// Takes the folder for this process. `Busy` while another one has it.
    pub fn lock(&self) -> Result<Lock> {
        Lock::take(&self.root.join("up.lock")).map_err(|error| match error.kind() {
            ErrorKind::Busy => {
                let what = format!("another `farshore up` works on {}", self.root.display());
                Error::busy(what).hint("stop that one first (Ctrl-C there, or SIGTERM), or choose another --data")
            }
            _ => error,
        })
    }

    /// Bytes that the id of a service may have, so that the socket of its server can be made in each of these regions.
    pub fn id_bytes_max(&self, regions: &[&str]) -> usize {
        SOCKET_PATH_BYTES_MAX.saturating_sub(self.root.as_os_str().len() + AROUND_ID.len() + longest(regions))
    }

    /// Whether a platform was started here before.
    pub fn is_platform(&self) -> bool {
        self.database().exists()
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the platform remembers.
    pub fn database(&self) -> PathBuf {
        self.root.join("farshore.db")
    }

    /// Seals passwords and keys in the database.
    pub fn master_key(&self) -> PathBuf {
        self.root.join("master.key")
    }

    /// A token of the administrator.
    pub fn admin_token(&self) -> PathBuf {
        self.root.join("admin-token")
    }

    /// Where the API listens, while it does: read by commands on this machine, which send the token there.
    pub fn address(&self) -> PathBuf {
        self.root.join("address")
    }

    /// Says where the API listens.
    pub fn tell_address(&self, url: &str) -> Result<()> {
        durable::write(&self.address(), format!("{url}\n").as_bytes(), Rights::PRIVATE)
    }

    /// Whoever listens there later is not us.
    pub fn forget_address(&self) -> Result<()> {
        match fs::remove_file(self.address()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(error, "remove", self.address().display()))
            }
            _ => Ok(()),
        }
    }

    /// One identity for each region, and the one for recovery until it is moved away.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The secret that opens every backup; to be moved away.
    pub fn recovery_key(&self) -> PathBuf {
        self.keys().join("recovery.key")
    }

    /// Its public part.
    pub fn recovery_recipient(&self) -> PathBuf {
        self.keys().join("recovery.pub")
    }

    /// The identity of a region.
    pub fn region_key(&self, region: &str) -> PathBuf {
        self.keys().join(format!("{region}.key"))
    }

    /// The stores of the regions that are always there.
    pub fn regions(&self) -> PathBuf {
        self.root.join("regions")
    }

    /// What the agents of this machine keep.
    pub fn host(&self) -> PathBuf {
        self.root.join("host")
    }

    /// What the agent of a region keeps.
    pub fn host_of(&self, region: &str) -> PathBuf {
        self.host().join(region)
    }

    /// What charts are drawn of.
    pub fn charts(&self) -> PathBuf {
        self.root.join("charts")
    }

    /// Regions that play to be lost: a file for each.
    pub fn drills(&self) -> PathBuf {
        self.root.join("drills")
    }

    /// One agent had the nodes of all regions once; where they are now nobody would look for them.
    fn refuse_other_layout(&self) -> Result<()> {
        let orders = self.host().join("orders");
        if !orders.exists() {
            return Ok(());
        }
        let what = format!("{} was kept by a build that had one agent for all regions", self.root.display());
        Err(Error::conflict(what)
            .hint("start that build once more, power its services off there, then remove this folder"))
    }

    fn must_be_short(&self, regions: &[&str]) -> Result<()> {
        if self.id_bytes_max(regions) >= ID_BYTES_MIN {
            return Ok(());
        }
        let (root, length) = (self.root.display(), self.root.as_os_str().len());
        let most = SOCKET_PATH_BYTES_MAX.saturating_sub(AROUND_ID.len() + ID_BYTES_MIN + longest(regions));
        let what = format!("{root} has {length} bytes, at most {most} leave room for the sockets of databases in it");
        Err(Error::invalid(what).hint("choose a shorter --data, for example /var/lib/farshore"))
    }

    /// Somebody may have named a folder whose rights are not ours to change.
    fn refuse_strangers(&self) -> Result<()> {
        let usual = default_data_directory(|name| std::env::var_os(name)).is_ok_and(|usual| usual == self.root);
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.doing("look into", self.root.display())?,
        };
        for entry in entries {
            let name = entry.doing("look into", self.root.display())?.file_name();
            if !usual && !name.to_str().is_some_and(|name| OURS.contains(&name)) {
                let what = format!("{} holds {}, which is not of a platform", self.root.display(), name.display());
                return Err(Error::conflict(what).hint("choose a new or empty folder for --data"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_long_enough_for_ids_or_refused_with_the_limit() {
        let place = |length: usize| Place { root: PathBuf::from(format!("/{}", "d".repeat(length - 1))) };
        for (length, good) in [(1, true), (17, true), (40, true), (41, false), (200, false)] {
            let outcome = place(length).must_be_short(&["east", "local-north"]);
            assert_eq!(outcome.is_ok(), good, "{length}");
            if let Err(error) = outcome {
                assert!(error.to_string().contains("at most 40"), "{error}");
            }
        }
        let place = place(30);
        let id = "i".repeat(place.id_bytes_max(&["local-north"]));
        let socket = format!("{}/host/local-north/nodes/{id}/run/.s.PGSQL.65535", place.root.display());
        assert_eq!(socket.len(), SOCKET_PATH_BYTES_MAX);
    }

    #[test]
    fn a_folder_with_other_things_in_it_keeps_its_rights() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), []).unwrap();
        let place = Place::of(Some(folder.path())).unwrap();
        let error = place.refuse_strangers().unwrap_err();
        assert!(error.to_string().contains("holds thesis.txt"), "{error}");
    }
}
