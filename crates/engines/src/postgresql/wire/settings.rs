//! Where a server is and as whom to log in. Values only; a password never prints.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use farshore_types::{Error, Result};

/// The kernel's limit for the path of a Unix socket, without the closing zero byte.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// How long connecting and logging in may take unless told otherwise.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The Unix socket `.s.PGSQL.<port>` in a directory.
    Socket {
        /// The directory of `unix_socket_directories`.
        directory: PathBuf,
        /// The port, part of the socket's name.
        port: u16,
    },
    /// TCP on this machine. There is no TLS yet, therefore other machines are refused.
    Loopback {
        /// The port.
        port: u16,
        /// `127.0.0.1`, `::1`, or another address that never leaves the machine.
        address: IpAddr,
    },
}

impl Address {
    /// The socket in a directory; refuses a path that the kernel would cut off.
    pub fn socket(directory: impl Into<PathBuf>, port: u16) -> Result<Address> {
        let directory = directory.into();
        socket_path(&directory, port)?;
        Ok(Address::Socket { directory, port })
    }

    /// `127.0.0.1`.
    pub fn loopback(port: u16) -> Address {
        Address::Loopback { port, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    /// From what a user typed as host: a directory (starting with `/`), `localhost`, or a loopback address.
    pub fn parse(host: &str, port: u16) -> Result<Address> {
        if host.starts_with('/') {
            return Address::socket(host, port);
        }
        if host == "localhost" {
            return Ok(Address::loopback(port));
        }
        match host.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => Ok(Address::Loopback { port, address }),
            _ => Err(Error::invalid(format!("{host:?} is not on this machine, and connections are not encrypted"))
                .hint("run the agent on the database's host, and give a socket directory or localhost")),
        }
    }

    /// The TCP address, if it is one.
    pub(super) fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Socket { .. } => None,
            Address::Loopback { port, address } => Some(SocketAddr::new(*address, *port)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Socket { directory, port } => write!(f, "{}/.s.PGSQL.{port}", directory.display()),
            Address::Loopback { port, address } => SocketAddr::new(*address, *port).fmt(f),
        }
    }
}

/// The path of the socket that a server with this directory and port makes; refused above [`SOCKET_PATH_BYTES_MAX`].
pub fn socket_path(directory: &Path, port: u16) -> Result<PathBuf> {
    let path = directory.join(format!(".s.PGSQL.{port}"));
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_BYTES_MAX {
        let what = format!("socket path {} has {length} bytes, the limit is {SOCKET_PATH_BYTES_MAX}", path.display());
        return Err(Error::invalid(what).hint("choose a shorter data directory"));
    }
    Ok(path)
}

/// A password; prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The password itself, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a connection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the server listens.
    pub address: Address,
    /// The role.
    pub user: String,
    /// The database; ignored by the server on a replication connection.
    pub database: String,
    /// The password, if the server will ask for one.
    pub password: Option<Secret>,
    /// Shown in `pg_stat_activity`.
    pub application: String,
    /// True for a physical replication connection: only replication commands are understood.
    pub replication: bool,
    /// True for a superuser's session whose statements the server writes into no log: they may hold the verifier of a password.
    pub unlogged: bool,
    /// For connecting and logging in.
    pub deadline: Duration,
}

impl Settings {
    /// A role on a database named `postgres`, without a password.
    pub fn new(address: Address, user: &str) -> Self {
        Settings {
            address,
            user: user.to_string(),
            database: "postgres".to_string(),
            password: None,
            application: "farshore".to_string(),
            replication: false,
            unlogged: false,
            deadline: CONNECT_DEADLINE,
        }
    }

    /// With a password.
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Secret::new(password));
        self
    }

    /// As a superuser whose statements are written into no log.
    pub fn unlogged(mut self) -> Self {
        self.unlogged = true;
        self
    }

    /// On another database.
    pub fn with_database(mut self, database: &str) -> Self {
        self.database = database.to_string();
        self
    }

    /// As a physical replication connection.
    pub fn for_replication(mut self) -> Self {
        self.replication = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_on_this_machine_are_accepted() {
        for (host, good) in
            [("/run/pg", true), ("localhost", true), ("127.0.0.1", true), ("::1", true), ("127.1.2.3", true)]
        {
            assert_eq!(Address::parse(host, 5432).is_ok(), good, "{host}");
        }
        for host in ["10.0.0.1", "db.example.com", "", "0.0.0.0"] {
            let error = Address::parse(host, 5432).unwrap_err();
            assert!(error.to_string().contains("not on this machine"), "{error}");
        }
    }

    #[test]
    fn a_socket_path_longer_than_the_kernels_limit_is_refused() {
        let room = SOCKET_PATH_BYTES_MAX - "/.s.PGSQL.5432".len();
        assert!(socket_path(Path::new(&format!("/{}", "a".repeat(room - 1))), 5432).is_ok());
        let error = socket_path(Path::new(&format!("/{}", "a".repeat(room))), 5432).unwrap_err();
        assert!(error.to_string().contains("108 bytes, the limit is 107"), "{error}");
    }

    #[test]
    fn a_password_never_prints() {
        let settings = Settings::new(Address::loopback(1), "me").with_password("open sesame");
        assert!(!format!("{settings:?}").contains("sesame"));
    }
}
