//! `farshore backup access`: the usual logical tool of a service's type, and the exact command line for this service.
//!
//! The password goes into a file that only its owner can read, and the command names that file; it never stands in an argument, which
//! everybody on a machine can see. The server is checked against the project's authority. The files are written anew each time: one
//! command after a password was reset makes the old lines right again.

use std::fs::{DirBuilder, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use serde_json::json;

use super::tools::{Tool, tool};
use crate::client::answers::{Service, part};
use crate::client::api::path;
use crate::client::caller::Client;
use crate::client::text::{kind_name, plain};
use crate::output;

const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// How to connect, as the platform says it.
struct Connection {
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
}

/// What is printed.
struct Commands {
    dump: String,
    restore: String,
}

/// Writes the files, and prints the command.
pub fn run(client: &Client, name: &str, to: Option<&Path>) -> Result<ExitCode> {
    let project = client.project()?;
    let service: Service = part(&client.api.get(&client.path(&["service", name])?)?, "service")?;
    let Some(tool) = tool(&service.service_type) else {
        let what = format!("there is no usual tool for a logical copy of type {}", plain(&service.service_type));
        return Err(Error::invalid(what).hint("its own clients read its data; farshore backup list shows what is kept"));
    };
    if service.service_type != "pg" {
        return elsewhere(client, &service, tool);
    }
    let connection = connection(&service)?;
    let ca: String = part(&client.api.get(&path(&["project", &project, "kms", "ca"]))?, "certificate")?;
    let folder = folder(to, &project, name)?;
    let (ca_file, password_file) = (folder.join("ca.pem"), folder.join("pgpass"));
    write(&ca_file, ca.as_bytes())?;
    write(&password_file, pgpass(&connection)?.as_bytes())?;
    let commands = commands(name, &connection, &ca_file, &password_file)?;
    if client.as_json {
        output::json(&json!({
            "tool": tool.program, "page": tool.page, "command": commands.dump, "restore": commands.restore,
            "ca_file": ca_file, "password_file": password_file,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&format!(
        "The usual tool for {} is {} ({}).",
        kind_name(&service.service_type_description),
        tool.program,
        tool.page
    ));
    output::say(&format!("The password is in {}, readable by you alone.", password_file.display()));
    output::say("This copies the data as they are now, while the service runs on:");
    output::say(&format!("  {}", commands.dump));
    output::say("And this puts the copy into an empty database of any server:");
    output::say(&format!("  {}", commands.restore));
    Ok(ExitCode::SUCCESS)
}

/// A type whose services this platform does not make yet: the name of the tool is all that can be said.
fn elsewhere(client: &Client, service: &Service, tool: Tool) -> Result<ExitCode> {
    match client.as_json {
        true => output::json(&json!({"tool": tool.program, "page": tool.page})),
        false => output::say(&format!(
            "The usual tool for {} is {} ({}).",
            kind_name(&service.service_type_description),
            tool.program,
            tool.page
        )),
    }
    Ok(ExitCode::SUCCESS)
}

fn connection(service: &Service) -> Result<Connection> {
    let name = plain(&service.service_name);
    if service.state == "POWEROFF" {
        let what = format!("service {name} is powered off: nothing answers that could be copied");
        return Err(Error::conflict(what).hint(format!("farshore service update {name} --power-on --wait")));
    }
    let part = |key: &str| service.service_uri_params.get(key).filter(|text| !text.is_empty()).cloned();
    let nowhere = || {
        let what = format!("service {name} has no address now: its state is {}", plain(&service.state));
        Error::conflict(what).hint(format!("farshore service wait {name}"))
    };
    let (host, port) = (part("host").ok_or_else(nowhere)?, part("port").ok_or_else(nowhere)?);
    let password = part("password").ok_or_else(|| {
        Error::denied(format!("you may not see the password of service {name}")).hint("ask an operator of the project")
    })?;
    Ok(Connection {
        port: port.parse().map_err(|_| Error::invalid(format!("service {name} names {port:?} as its port")))?,
        user: part("user").ok_or_else(nowhere)?,
        database: part("dbname").ok_or_else(nowhere)?,
        host,
        password,
    })
}

/// Where the files go: as typed, else below the user's own settings.
fn folder(to: Option<&Path>, project: &str, service: &str) -> Result<PathBuf> {
    let folder = match to {
        Some(to) => std::path::absolute(to).doing("find", to.display())?,
        None => settings()?.join("farshore").join("access").join(project).join(service),
    };
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(&folder).doing("make", folder.display())?;
    Ok(folder)
}

fn settings() -> Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let found = named("XDG_CONFIG_HOME").or_else(|| named("HOME").map(|home| home.join(".config")));
    found.ok_or_else(|| Error::invalid("HOME is not set").hint("say where the files go: --to DIR"))
}

/// Writes a file that only its owner can read, in one go: a reader sees the old one or the new one.
fn write(file: &Path, content: &[u8]) -> Result<()> {
    let new = file.with_extension("new");
    let mut options = File::options();
    let mut opened =
        options.write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(&new).doing("make", new.display())?;
    opened.set_permissions(Permissions::from_mode(PRIVATE_FILE)).doing("close to others", new.display())?;
    opened.write_all(content).doing("write", new.display())?;
    std::fs::rename(&new, file).doing("write", file.display())
}

/// A line for each database of the server. (PostgreSQL documentation, "The Password File".)
fn pgpass(connection: &Connection) -> Result<String> {
    let field = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    let Connection { host, port, user, password, .. } = connection;
    if [host, user, password].iter().any(|text| text.contains(['\n', '\r'])) {
        return Err(Error::invalid("the password has a line break, which no password file can hold"));
    }
    Ok(format!("{}:{port}:*:{}:{}\n", field(host), field(user), field(password)))
}

fn commands(name: &str, connection: &Connection, ca: &Path, password: &Path) -> Result<Commands> {
    let Connection { host, port, user, database, .. } = connection;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let (user, database) = (escaped(user), escaped(database));
    let ca = escaped(text(ca)?);
    let uri = format!("postgres://{user}@{host}:{port}/{database}?sslmode=verify-ca&sslrootcert={ca}");
    let file = quoted(&format!("{name}.dump"));
    Ok(Commands {
        dump: format!(
            "PGPASSFILE={} pg_dump --format=custom --no-password --file={file} {}",
            quoted(text(password)?),
            quoted(&uri)
        ),
        restore: format!("pg_restore --no-owner --no-privileges --exit-on-error --dbname=DATABASE {file}"),
    })
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())).hint("choose another --to"))
}

/// A part of a URI. (RFC 3986, "Unreserved Characters".)
fn escaped(text: &str) -> String {
    path(&[text]).trim_start_matches('/').to_string()
}

/// A word of a shell's command line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(host: &str, password: &str) -> Connection {
        let (user, database) = ("avnadmin".to_string(), "defaultdb".to_string());
        Connection { host: host.to_string(), port: 5433, user, password: password.to_string(), database }
    }

    #[test]
    fn the_command_names_files_and_holds_no_password() {
        let (ca, password) = (Path::new("/k/ca.pem"), Path::new("/k/it's/pgpass"));
        for (host, shown) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
            let commands = commands("pg-1", &connection(host, "hush"), ca, password).unwrap();
            assert_eq!(
                commands.dump,
                format!(
                    "PGPASSFILE='/k/it'\\''s/pgpass' pg_dump --format=custom --no-password --file='pg-1.dump' \
                     'postgres://avnadmin@{shown}:5433/defaultdb?sslmode=verify-ca&sslrootcert=%2Fk%2Fca.pem'"
                )
            );
            assert!(!commands.dump.contains("hush") && commands.restore.ends_with("'pg-1.dump'"));
        }
    }

    #[test]
    fn a_password_file_holds_any_password_on_its_one_line() {
        for (host, password, expect) in [
            ("127.0.0.1", "hush", "127.0.0.1:5433:*:avnadmin:hush\n"),
            ("::1", "a:b\\c", "\\:\\:1:5433:*:avnadmin:a\\:b\\\\c\n"),
        ] {
            assert_eq!(pgpass(&connection(host, password)).unwrap(), expect);
        }
        assert!(pgpass(&connection("h", "a\nb")).is_err());
    }

    #[test]
    fn files_are_written_anew_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        write(&file, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let made = super::folder(Some(&folder.path().join("a/b")), "main", "pg-1").unwrap();
        assert_eq!(std::fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn who_may_not_connect_and_what_does_not_run_are_told_apart() {
        let service = |state: &str, params: serde_json::Value| -> Service {
            serde_json::from_value(json!({"service_name": "pg-1", "state": state, "service_uri_params": params}))
                .unwrap()
        };
        for (state, params, expect) in [
            ("REBUILDING", json!({}), "service pg-1 has no address now: its state is REBUILDING"),
            (
                "POWEROFF",
                json!({"host": "h", "port": "1", "user": "avnadmin", "dbname": "d", "password": "hush"}),
                "service pg-1 is powered off: nothing answers that could be copied",
            ),
            (
                "RUNNING",
                json!({"host": "h", "port": "1", "user": "avnadmin", "dbname": "d", "password": ""}),
                "you may not see the password of service pg-1",
            ),
        ] {
            assert_eq!(super::connection(&service(state, params)).err().unwrap().message(), expect);
        }
    }
}
