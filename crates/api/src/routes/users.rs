//! Login, and the caller's own user.

use farshore_control::access::{self, Session};
use farshore_control::projects;
use farshore_types::Result;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::account::user::{
    User, UserAnswer, UserAuth, UserAuthAnswer, UserPasswordChange, UserPasswordChangeAnswer,
};
use crate::wire::common::{Message, Object, Time};

const MINE: Access = Access::Authenticated;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Post, "/v1/userauth", "UserAuth", Access::Public, "Makes a token for who knows the password")
            .taking(log_in),
        route(Method::Get, "/v1/me", "UserInfo", MINE, "The caller").answered_by(me),
        route(Method::Put, "/v1/me/password", "UserPasswordChange", MINE, "Changes the caller's password")
            .taking(change_password),
        route(Method::Post, "/v1/me/expire_tokens", "UserExpireTokens", MINE, "Ends all tokens of the caller")
            .answered_by(expire_tokens),
    ]
}

fn log_in(call: &Call, asked: UserAuth) -> Result<UserAuthAnswer> {
    let token = access::login(call.control()?, &asked.email, asked.password.expose(), call.address())?;
    Ok(UserAuthAnswer { token, user_email: asked.email, state: "active".to_string() })
}

fn me(call: &Call) -> Result<UserAnswer> {
    let control = call.control()?;
    let user = access::user(control, call.user()?)?;
    let memberships = projects::list(control, call.user()?)?;
    let (project_membership, project_memberships) = shape::project::roles(&memberships);
    let user = User {
        user: user.email,
        user_id: user.id,
        real_name: user.real_name,
        state: "active".to_string(),
        token_validity_begin: Some(Time(user.tokens_valid_from)),
        create_time: Time(user.created_at),
        projects: memberships.into_iter().map(|one| one.project.name).collect(),
        auth: vec!["password".to_string()],
        project_membership,
        project_memberships,
        invitations: Vec::new(),
        features: Object::new(),
        intercom: Object::new(),
        managed_by_scim: false,
    };
    Ok(UserAnswer { user })
}

fn change_password(call: &Call, asked: UserPasswordChange) -> Result<UserPasswordChangeAnswer> {
    let control = call.control()?;
    let (email, token_prefix) = (call.user()?.to_string(), call.caller()?.token_prefix.clone());
    let session = Session { user_id: access::user(control, &email)?.id, email, token_prefix };
    let (present, new) = (asked.password.expose(), asked.new_password.expose());
    let token = access::change_password(control, &session, present, new, call.address())?;
    let message = "The password is changed, and all other tokens have ended".to_string();
    Ok(UserPasswordChangeAnswer { message, token })
}

fn expire_tokens(call: &Call) -> Result<Message> {
    access::expire_tokens(call.control()?, call.user()?)?;
    Ok(Message { message: "All tokens have ended".to_string() })
}
