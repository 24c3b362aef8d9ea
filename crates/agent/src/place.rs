//! Where things are put on this host: the data directory by default, and TCP ports.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use farshore_types::{Entropy, Error, Result};
use rustix::process::geteuid;

const ROOTS_DIRECTORY: &str = "/var/lib/farshore";
/// Below the range from which the kernel takes ports for outgoing connections (ip(7), "ip_local_port_range").
const FIRST_PORT: u16 = 20_000;
const PORT_COUNT: u16 = 12_000;
const PORT_TRIES_MAX: u32 = 200;

/// The data directory unless told otherwise: `/var/lib/farshore` for root, else `$XDG_DATA_HOME/farshore` or
/// `~/.local/share/farshore`. Not made here. The environment is passed in: `std::env::var_os`.
pub fn default_data_directory(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    if geteuid().is_root() {
        return Ok(PathBuf::from(ROOTS_DIRECTORY));
    }
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let missing = || Error::invalid("neither XDG_DATA_HOME nor HOME is set").hint("give a data directory");
    Ok(own.ok_or_else(missing)?.join("farshore"))
}

/// A port on which nobody listens on 127.0.0.1 and which is not among the taken ones. Somebody may take it right after.
pub fn free_port(taken: &BTreeSet<u16>, entropy: &dyn Entropy) -> Result<u16> {
    for _ in 0..PORT_TRIES_MAX {
        let mut drawn = [0; 2];
        entropy.fill(&mut drawn)?;
        let port = FIRST_PORT + u16::from_le_bytes(drawn) % PORT_COUNT;
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::busy("no free port was found on 127.0.0.1").hint("give a port"))
}

#[cfg(test)]
mod tests {
    use farshore_types::SystemEntropy;

    use super::*;

    #[test]
    fn the_data_directory_follows_user_and_environment() {
        let environment = |name: &str| (name == "HOME").then(|| OsString::from("/home/dora"));
        let expected = if geteuid().is_root() { ROOTS_DIRECTORY } else { "/home/dora/.local/share/farshore" };
        assert_eq!(default_data_directory(environment).unwrap(), PathBuf::from(expected));
        assert_eq!(default_data_directory(|_| None).is_ok(), geteuid().is_root());
    }

    #[test]
    fn a_taken_port_and_one_with_a_listener_are_not_given() {
        /// Draws the same two ports again and again.
        struct Two(std::sync::Mutex<u16>);
        impl Entropy for Two {
            fn fill(&self, buffer: &mut [u8]) -> Result<()> {
                let mut next = self.0.lock().unwrap();
                *next = (*next + 1) % 2;
                buffer.copy_from_slice(&next.to_le_bytes());
                Ok(())
            }
        }
        let port = free_port(&BTreeSet::new(), &SystemEntropy).unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(free_port(&BTreeSet::new(), &SystemEntropy).unwrap(), port);
        let taken = BTreeSet::from([FIRST_PORT, FIRST_PORT + 1]);
        assert!(free_port(&taken, &Two(0.into())).is_err());
    }
}
