//! One operating system user for each service, when the agent is root: a server that was broken into reads no other service's files.
//!
//! Made by `useradd` and removed by `userdel` (Debian package passwd); the name follows from the service's id, so both may be repeated.

use std::path::Path;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Program, Result, ServiceId};

use crate::account::Account;
use crate::host::Host;
use crate::process::run;

const PREFIX: &str = "fs-";
/// Longest name that useradd takes.
const NAME_BYTES_MAX: usize = 32;
const DIRECTORIES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The host as it is for one service: its own user where we may make one, else the one that we have.
pub fn host_for(host: &Host, service: &ServiceId) -> Result<Host> {
    if !host.engines.is_foreign() {
        return Ok(host.clone());
    }
    let name = user_name(service);
    if Account::for_engines(Some(&name)).is_err() {
        let args = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"];
        as_root(host, "useradd", &[&args[..], &["--user-group", &name]].concat())?;
    }
    let engines = Account::for_engines(Some(&name)).doing("make a user for service", service)?;
    Ok(Host { engines, ..host.clone() })
}

/// Removes the user of a service whose node is gone; nothing happens if there is none.
pub fn forget(host: &Host, service: &ServiceId) -> Result<()> {
    let name = user_name(service);
    if !host.engines.is_foreign() || Account::for_engines(Some(&name)).is_err() {
        return Ok(());
    }
    as_root(host, "userdel", &[&name])
}

/// `fs-` and the end of the id, which is its random part.
fn user_name(service: &ServiceId) -> String {
    let text = service.as_str();
    let keep = NAME_BYTES_MAX - PREFIX.len();
    let end = text.get(text.len().saturating_sub(keep)..).unwrap_or(text);
    format!("{PREFIX}{}", end.trim_start_matches('-'))
}

fn as_root(host: &Host, program: &str, args: &[&str]) -> Result<()> {
    let path = DIRECTORIES.iter().map(|directory| Path::new(directory).join(program)).find(|path| path.exists());
    let path = path.ok_or_else(|| {
        Error::missing(format!("{program} is not installed")).hint("apt-get install passwd, or do not run as root")
    })?;
    run(&Program::new(path, args), &host.agent, &*host.clock)?.checked().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users_fit_and_differ_where_services_do() {
        for (service, user) in [
            ("pg-0011223344556677", "fs-pg-0011223344556677"),
            ("a-very-long-name-of-some-service-here-0011223344556677", "fs-service-here-0011223344556677"),
        ] {
            let name = user_name(&service.parse().unwrap());
            assert!(name == user && name.len() <= NAME_BYTES_MAX, "{name}");
        }
    }
}
