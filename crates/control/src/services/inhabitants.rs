//! Users and databases of a service, through its engine. The password of every user that we make is known to us, sealed.

use farshore_store::services::{self, Service};
use farshore_types::{Error, Result};

use super::back_up::must_run;
use super::read::in_project;
use super::{Actor, FIRST_DATABASE, administrator};
use crate::hosts::{Change, Database};
use crate::service::{Secrets, new_password};
use crate::{Control, events, passwords};

/// The event of a new user.
const USER_CREATE: &str = "service_user_create";

/// Users of a service with their passwords, where we know them; the administrator first.
pub fn users(control: &Control, service: &Service) -> Result<Vec<(String, Option<String>)>> {
    let secrets = Secrets::open(control, service)?;
    let mut names: Vec<String> = secrets.passwords.keys().cloned().collect();
    names.sort_by_key(|name| (name != administrator(service), name.clone()));
    Ok(names.into_iter().map(|name| (name.clone(), secrets.passwords.get(&name).cloned())).collect())
}

/// Makes a user with a new password.
pub fn create_user(control: &Control, actor: &Actor, project: &str, name: &str, user: &str) -> Result<String> {
    let service = running(control, project, name)?;
    let password = new_password(control.entropy.as_ref())?;
    if Secrets::open(control, &service)?.passwords.contains_key(user) {
        return Err(Error::conflict(format!("Service user {user} already exists")));
    }
    control.hosts.change(&service.id, &Change::CreateUser(user.to_string(), password.clone()))?;
    remember(control, actor, &service, user, Some(&password), USER_CREATE)?;
    passwords::apply(control, &service.id)?;
    Ok(password)
}

/// Gives a user another password: a new one, or the one that was given.
pub fn reset_user_password(
    control: &Control,
    actor: &Actor,
    (project, name): (&str, &str),
    user: &str,
    given: Option<&str>,
) -> Result<()> {
    let service = running(control, project, name)?;
    if !Secrets::open(control, &service)?.passwords.contains_key(user) {
        return Err(no_user(user));
    }
    let password = given.map_or_else(|| new_password(control.entropy.as_ref()), |given| Ok(given.to_string()))?;
    check_password(&password)?;
    // Remembered first, as due: if we die between, the reconciler makes it true.
    remember(control, actor, &service, user, Some(&password), "service_user_password_reset")?;
    passwords::apply(control, &service.id)
}

/// Gives every user a new password.
pub fn reset_password(control: &Control, actor: &Actor, project: &str, name: &str) -> Result<Service> {
    let service = running(control, project, name)?;
    for (user, _) in users(control, &service)? {
        reset_user_password(control, actor, (project, name), &user, None)?;
    }
    control.store.read(|tx| in_project(tx, project, name))
}

/// Removes a user.
pub fn drop_user(control: &Control, actor: &Actor, project: &str, name: &str, user: &str) -> Result<()> {
    let service = running(control, project, name)?;
    let administrator = administrator(&service);
    if user == administrator {
        return Err(Error::denied(format!("user {user} administers the service and cannot be removed")));
    }
    if !Secrets::open(control, &service)?.passwords.contains_key(user) {
        return Err(no_user(user));
    }
    control.hosts.change(&service.id, &Change::DropUser(user.to_string(), administrator.to_string()))?;
    remember(control, actor, &service, user, None, "service_user_delete")
}

/// Databases of a service.
pub fn databases(control: &Control, project: &str, name: &str) -> Result<Vec<Database>> {
    let service = running(control, project, name)?;
    Ok(control.hosts.inhabitants(&service.id)?.databases)
}

/// Makes a database.
pub fn create_database(control: &Control, actor: &Actor, project: &str, name: &str, asked: &Database) -> Result<()> {
    let service = running(control, project, name)?;
    let database = &asked.name;
    if control.hosts.inhabitants(&service.id)?.databases.iter().any(|known| known.name == *database) {
        return Err(Error::conflict(format!("Database {database} already exists")));
    }
    control.hosts.change(&service.id, &Change::CreateDatabase(asked.clone(), administrator(&service).to_string()))?;
    tell(
        control,
        actor,
        &service,
        "service_database_create",
        &format!("Database {database} of service {name} was made"),
    )
}

/// Removes a database.
pub fn drop_database(control: &Control, actor: &Actor, project: &str, name: &str, database: &str) -> Result<()> {
    let service = running(control, project, name)?;
    if database == FIRST_DATABASE {
        return Err(Error::denied(format!("database {database} belongs to the service and cannot be removed")));
    }
    control.hosts.change(&service.id, &Change::DropDatabase(database.to_string()))?;
    tell(
        control,
        actor,
        &service,
        "service_database_delete",
        &format!("Database {database} of service {name} was removed"),
    )
}

fn running(control: &Control, project: &str, name: &str) -> Result<Service> {
    let service = control.store.read(|tx| in_project(tx, project, name))?;
    must_run(&service)?;
    Ok(service)
}

fn no_user(user: &str) -> Error {
    Error::missing(format!("no user {user} was made here")).hint("those made with SQL are changed with SQL")
}

/// As long as PostgreSQL and its clients take, and without what breaks a connection URL or a line.
fn check_password(password: &str) -> Result<()> {
    const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
    if LENGTH.contains(&password.len()) && !password.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid("new_password is refused").hint("give 8 to 256 bytes without control characters"))
}

fn remember(
    control: &Control,
    actor: &Actor,
    service: &Service,
    user: &str,
    password: Option<&str>,
    event: &str,
) -> Result<()> {
    control.store.write(|tx| {
        let missing = || Error::missing(format!("service {} is gone", service.name));
        let mut service = services::get(tx, &service.id)?.ok_or_else(missing)?;
        let mut secrets = Secrets::open(control, &service)?;
        match password {
            Some(password) => secrets.passwords.insert(user.to_string(), password.to_string()),
            None => secrets.passwords.remove(user),
        };
        service.sealed = Some(secrets.close(control, &service.id)?);
        if password.is_some() {
            passwords::mark_due(&mut service, user);
        }
        service.updated_at = tx.now();
        services::update(tx, &service)?;
        let what = match (password, event) {
            (None, _) => "was removed from",
            (_, USER_CREATE) => "was made in",
            _ => "has a new password in",
        };
        let text = format!("User {user} {what} service {}", service.name);
        events::record(tx, control, &service.project_id, &actor.user, event, Some(&service.name), &text)
    })
}

fn tell(control: &Control, actor: &Actor, service: &Service, event: &str, text: &str) -> Result<()> {
    control
        .store
        .write(|tx| events::record(tx, control, &service.project_id, &actor.user, event, Some(&service.name), text))
}
