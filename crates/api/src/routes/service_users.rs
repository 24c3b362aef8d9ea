//! Accounts inside a service that were made here. Their passwords go out to callers who may see them; for others they are empty.

use farshore_control::services;
use farshore_types::access::Permission;
use farshore_types::{Error, Result};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::common::Message;
use crate::wire::service::answer::ServiceAnswer;
use crate::wire::service::user::{
    ServiceUser, ServiceUserAnswer, ServiceUserCreate, ServiceUserOperation, ServiceUserUpdate,
};

const ALL: &str = "/v1/project/{project}/service/{service}/user";
const ONE: &str = "/v1/project/{project}/service/{service}/user/{username}";
const RESET: &str = "/v1/project/{project}/service/{service}/user/{username}/credentials/reset";
const WRITE: Access = Access::Project(Permission::UsersWrite);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Post, ALL, "ServiceUserCreate", WRITE, "Makes an account with a new password").taking(create),
        route(Method::Get, ONE, "ServiceUserGet", Access::Project(Permission::ServicesRead), "An account")
            .answered_by(get),
        route(Method::Put, ONE, "ServiceUserCredentialsModify", WRITE, "Gives an account another password")
            .taking(update),
        route(Method::Put, RESET, "ServiceUserCredentialsReset", WRITE, "Gives an account a random new password")
            .answered_by(reset),
        route(Method::Delete, ONE, "ServiceUserDelete", WRITE, "Removes an account").answered_by(delete),
    ]
}

fn create(call: &Call, asked: ServiceUserCreate) -> Result<ServiceUserAnswer> {
    if asked.access_control.is_some_and(|given| !given.is_empty()) {
        return Err(no_access_control());
    }
    services::create_user(call.control()?, &call.actor()?, call.project()?, call.service()?, &asked.username)?;
    Ok(ServiceUserAnswer { user: found(call, &asked.username)? })
}

fn get(call: &Call) -> Result<ServiceUserAnswer> {
    Ok(ServiceUserAnswer { user: found(call, call.path("username")?)? })
}

fn update(call: &Call, asked: ServiceUserUpdate) -> Result<ServiceAnswer> {
    match asked.operation {
        ServiceUserOperation::ResetCredentials => {}
        ServiceUserOperation::SetAccessControl => return Err(no_access_control()),
        ServiceUserOperation::AcknowledgeRenewal => {
            return Err(Error::invalid("operation: accounts have passwords and no certificates to be renewed"));
        }
    }
    with_password(call, asked.new_password.as_ref().map(|password| password.expose()))
}

fn reset(call: &Call) -> Result<ServiceAnswer> {
    with_password(call, None)
}

/// Gives the account the password, or a random one.
fn with_password(call: &Call, given: Option<&str>) -> Result<ServiceAnswer> {
    let (control, project, name) = (call.control()?, call.project()?, call.service()?);
    services::reset_user_password(control, &call.actor()?, (project, name), call.path("username")?, given)?;
    let row = services::get(control, project, name)?;
    Ok(ServiceAnswer { service: shape::service::service(call, row)? })
}

fn delete(call: &Call) -> Result<Message> {
    let username = call.path("username")?;
    services::drop_user(call.control()?, &call.actor()?, call.project()?, call.service()?, username)?;
    Ok(Message { message: "Deleted".to_string() })
}

fn found(call: &Call, username: &str) -> Result<ServiceUser> {
    let control = call.control()?;
    let row = services::get(control, call.project()?, call.service()?)?;
    let all = shape::service::users(control, &row, call.sees_secrets()?)?;
    let missing = || {
        let shown: String = username.chars().take(64).collect();
        Error::missing(format!("user {shown} was not made here")).hint("those made with SQL are seen with SQL")
    };
    all.into_iter().find(|user| user.username == username).ok_or_else(missing)
}

fn no_access_control() -> Error {
    Error::invalid("access_control: this type has none").hint("use GRANT and REVOKE")
}
