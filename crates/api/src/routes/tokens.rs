//! The caller's access tokens. A token is named by its first characters; where a whole one is given, those are taken.

use farshore_control::access::{self, NewToken};
use farshore_types::Result;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::account::token::{Token, TokenCreate, TokenCreateAnswer, TokenUpdate, TokensAnswer};
use crate::wire::common::Message;

const ALL: &str = "/v1/access_token";
const ONE: &str = "/v1/access_token/{token_prefix}";
const MINE: Access = Access::Authenticated;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, ALL, "AccessTokenList", MINE, "The caller's tokens").answered_by(list),
        route(Method::Post, ALL, "AccessTokenCreate", MINE, "Makes a token; the whole of it is shown this once")
            .taking(create),
        route(Method::Put, ONE, "AccessTokenUpdate", MINE, "Describes a token otherwise").taking(update),
        route(Method::Delete, ONE, "AccessTokenRevoke", MINE, "Ends a token").answered_by(revoke),
    ]
}

fn list(call: &Call) -> Result<TokensAnswer> {
    let active = &call.caller()?.token_prefix;
    let tokens = access::list_tokens(call.control()?, call.user()?)?;
    Ok(TokensAnswer { tokens: tokens.iter().map(|token| shape::token::token(token, active)).collect() })
}

fn create(call: &Call, asked: TokenCreate) -> Result<TokenCreateAnswer> {
    let asked = NewToken {
        description: asked.description.unwrap_or_default(),
        max_age_s: asked.max_age_seconds,
        extend: asked.extend_when_used.unwrap_or(false),
    };
    let issued = access::create_token(call.control()?, call.user()?, &asked)?;
    let token = shape::token::token(&issued.token, &call.caller()?.token_prefix);
    Ok(TokenCreateAnswer { full_token: issued.full_token, token })
}

fn update(call: &Call, asked: TokenUpdate) -> Result<Token> {
    let prefix = call.path("token_prefix")?;
    let token = access::describe_token(call.control()?, call.user()?, prefix, &asked.description)?;
    Ok(shape::token::token(&token, &call.caller()?.token_prefix))
}

fn revoke(call: &Call) -> Result<Message> {
    access::revoke_token(call.control()?, call.user()?, call.path("token_prefix")?)?;
    Ok(Message { message: "Revoked".to_string() })
}
