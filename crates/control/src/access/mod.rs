//! Who is there and what they may do: users, passwords, tokens, roles.
//!
//! What it promises: passwords and tokens are nowhere but with their owners, only what proves them is kept; a wrong password and an
//! unknown user cannot be told apart; a project that one is not a member of looks like one that is not there. Every change is one
//! transaction: a crash leaves it done or undone.

mod authenticate;
mod login;
mod may;
mod passwords;
mod session;
mod tokens;
mod users;

pub use authenticate::authenticate;
pub use login::{change_password, login};
pub use may::{Membership, may, member, no_project};
pub use passwords::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
pub use session::Session;
pub(crate) use tokens::insert as insert_token;
pub use tokens::{
    AGE_MAX_S, DESCRIPTION_CHARS_MAX, Issued, NewToken, SESSION_AGE_S, create_token, describe_token, is_session,
    list_tokens, revoke_token,
};
pub use users::{EMAIL_BYTES_MAX, TOKENS_MAX, expire_tokens, set_password, user};
pub(crate) use users::{address, found, hashed, new_user};
