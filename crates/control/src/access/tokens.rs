//! Tokens: 256 random bits, shown once. Kept are their SHA-256 and their first characters, which name them.
//!
//! No slow hash is needed: nobody guesses 256 bits.

use aws_lc_rs::digest::{SHA256, digest};
use farshore_store::tokens::{self, HASH_BYTES, PREFIX_CHARS, Token};
use farshore_store::users::User;
use farshore_store::{Tx, id};
use farshore_types::ids::hex;
use farshore_types::{Error, Result, Timestamp};

use super::users::{TOKENS_MAX, found};
use crate::Control;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// The longest age that can be asked for, in seconds: ten years.
pub const AGE_MAX_S: u64 = 10 * 365 * 24 * 3600;
/// A login lasts so many seconds after its last use: thirty days.
pub const SESSION_AGE_S: u64 = 30 * 24 * 3600;
/// Characters of the longest description.
pub const DESCRIPTION_CHARS_MAX: usize = 1000;
/// The description of the tokens that logins make.
const SESSION: &str = "login";
/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for.
    pub description: String,
    /// Its age at the end, in seconds, 1 to [`AGE_MAX_S`]; `None`: it does not end.
    pub max_age_s: Option<u64>,
    /// Whether each use begins its age anew.
    pub extend: bool,
}

/// A new token. Printing it does not show it.
pub struct Issued {
    /// The whole token: secret.
    pub full_token: String,
    /// What is kept of it.
    pub token: Token,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issued {}", self.token.prefix)
    }
}

/// Makes a token for a user. `Conflict` if there are [`TOKENS_MAX`] already.
pub fn create_token(control: &Control, user: &str, asked: &NewToken) -> Result<Issued> {
    must_be_described(&asked.description)?;
    if asked.max_age_s.is_some_and(|age| !(1..=AGE_MAX_S).contains(&age)) {
        let hint = format!("give 1 to {AGE_MAX_S} seconds, or none for a token that does not end");
        return Err(Error::invalid("max_age_seconds is out of range").hint(hint));
    }
    control.store.write(|tx| {
        let user = found(tx, user)?;
        insert(tx, control, &user, asked)
    })
}

/// All of a user, newest first; also those that have ended and are not removed yet.
pub fn list_tokens(control: &Control, user: &str) -> Result<Vec<Token>> {
    control.store.read(|tx| {
        let user = found(tx, user)?;
        tokens::of_user(tx, &user.id, TOKENS_MAX)
    })
}

/// Describes a user's token otherwise.
pub fn describe_token(control: &Control, user: &str, prefix: &str, description: &str) -> Result<Token> {
    must_be_described(description)?;
    let prefix = prefix_of(prefix);
    control.store.write(|tx| {
        let user = found(tx, user)?;
        tokens::describe(tx, &user.id, prefix, description)?.ok_or_else(|| missing(prefix))
    })
}

/// Revokes a user's token, named by its first characters or as a whole.
pub fn revoke_token(control: &Control, user: &str, token: &str) -> Result<()> {
    control.store.write(|tx| {
        let user = found(tx, user)?;
        let prefix = prefix_of(token);
        if token.len() > PREFIX_CHARS {
            // A whole token has to be right to its last character.
            tokens::by_hash(tx, &hash(token))?.filter(|one| one.user_id == user.id).ok_or_else(|| missing(prefix))?;
        }
        match tokens::delete(tx, &user.id, prefix)? {
            true => Ok(()),
            false => Err(missing(prefix)),
        }
    })
}

/// Whether a login made this token, rather than a request for one.
pub fn is_session(token: &Token) -> bool {
    token.extend && token.description == SESSION && token.max_age_s == i64::try_from(SESSION_AGE_S).ok()
}

/// What a login asks for.
pub(super) fn session() -> NewToken {
    NewToken { description: SESSION.to_string(), max_age_s: Some(SESSION_AGE_S), extend: true }
}

/// What is kept instead of a token.
pub(super) fn hash(token: &str) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    hash.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// A moment so many seconds later.
pub(super) fn later(moment: Timestamp, seconds: i64) -> Timestamp {
    moment.plus_micros(seconds.saturating_mul(MICROS))
}

/// Makes a token in the caller's transaction.
pub(crate) fn insert(tx: &mut Tx<'_>, control: &Control, user: &User, asked: &NewToken) -> Result<Issued> {
    let now = control.clock.now();
    tokens::delete_expired(tx, now)?;
    make_room(tx, user, asked)?;
    let mut bytes = [0; TOKEN_BYTES];
    control.entropy.fill(&mut bytes)?;
    let full_token = hex(&bytes);
    let max_age_s = asked.max_age_s.map(|age| i64::try_from(age).unwrap_or(i64::MAX));
    let token = Token {
        id: id::new(now, control.entropy.as_ref())?,
        user_id: user.id.clone(),
        hash: hash(&full_token),
        prefix: prefix_of(&full_token).to_string(),
        description: asked.description.clone(),
        // Never before the moment up to which all are void, where the clock was set back since.
        created_at: now.max(user.tokens_valid_from),
        max_age_s,
        extend: asked.extend,
        expires_at: max_age_s.map(|age| later(now, age)),
        last_used_at: None,
        last_ip: None,
        last_user_agent: None,
    };
    tokens::insert(tx, &token)?;
    Ok(Issued { full_token, token })
}

/// A login is never refused for the logins before it: the one that was not used for the longest time ends.
fn make_room(tx: &mut Tx<'_>, user: &User, asked: &NewToken) -> Result<()> {
    let all = tokens::of_user(tx, &user.id, TOKENS_MAX)?;
    if u32::try_from(all.len()).unwrap_or(u32::MAX) < TOKENS_MAX {
        return Ok(());
    }
    let idle =
        all.iter().filter(|token| is_session(token)).min_by_key(|token| token.last_used_at.max(Some(token.created_at)));
    match idle.filter(|_| *asked == session()) {
        Some(token) => tokens::delete(tx, &user.id, &token.prefix).map(drop),
        None => {
            let what = format!("user {} has {TOKENS_MAX} tokens, which is the most there may be", user.email);
            Err(Error::conflict(what).hint("revoke those that are not used any more"))
        }
    }
}

fn must_be_described(description: &str) -> Result<()> {
    match description.chars().count() <= DESCRIPTION_CHARS_MAX {
        true => Ok(()),
        false => Err(Error::invalid(format!("the description has more than {DESCRIPTION_CHARS_MAX} characters"))),
    }
}

/// The first characters, or all where there are fewer.
fn prefix_of(token: &str) -> &str {
    token.get(..PREFIX_CHARS).unwrap_or(token)
}

fn missing(prefix: &str) -> Error {
    let shown: String = prefix.chars().take(PREFIX_CHARS).collect();
    Error::missing(format!("token {shown:?} does not exist")).hint("`avn user access-token list` shows yours")
}
