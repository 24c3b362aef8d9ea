//! Who is calling: found out once for each request, and handed on. A value; nothing is remembered of it.

/// Who is calling, by which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// UUID of the user.
    pub user_id: String,
    /// The name under which the user logs in.
    pub email: String,
    /// The first characters of the token.
    pub token_prefix: String,
}
