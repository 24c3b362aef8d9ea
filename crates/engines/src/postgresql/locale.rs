//! The order of texts and the classes of characters of a database: what the operating system's locales say. A server can use those
//! alone that its host has, so the server is asked, and what it refuses is explained with the list of those that it takes.

use farshore_types::{Error, Result};

use super::wire::{Connection, literal, sqlstate};

/// Longest name of a locale.
const LOCALE_BYTES_MAX: usize = 128;
/// Locales that a refusal names.
const SHOWN_MAX: usize = 30;
/// "wrong_object_type": the host has no such locale. "invalid_parameter_value": it is one of another encoding.
/// (PostgreSQL documentation, "PostgreSQL Error Codes".)
const REFUSALS: [&str; 2] = ["42809", "22023"];

/// What is asked for; what is left out is as in the rest of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Locale<'a> {
    /// Order of texts (`LC_COLLATE`).
    pub collate: Option<&'a str>,
    /// Classes of characters (`LC_CTYPE`).
    pub ctype: Option<&'a str>,
}

impl Locale<'_> {
    /// What stands in CREATE DATABASE for it. Only `template0` holds nothing that another order of texts would break
    /// (PostgreSQL documentation, "Template Databases").
    pub(super) fn clauses(&self) -> Result<String> {
        let mut text = String::new();
        for (key, word, given) in [("lc_collate", "LC_COLLATE", self.collate), ("lc_ctype", "LC_CTYPE", self.ctype)] {
            let Some(locale) = given else { continue };
            if locale.is_empty() || locale.len() > LOCALE_BYTES_MAX || !locale.chars().all(|c| c.is_ascii_graphic()) {
                let shown: String = locale.chars().take(LOCALE_BYTES_MAX).collect();
                let hint = format!("give 1 to {LOCALE_BYTES_MAX} printable characters, for example C.UTF-8");
                return Err(Error::invalid(format!("{key}: {shown:?} cannot be the name of a locale")).hint(hint));
            }
            text.push_str(&format!(" {word} {}", literal(locale)?));
        }
        Ok(if text.is_empty() { text } else { format!(" TEMPLATE template0{text}") })
    }

    /// As it was asked for: keys of the API with their values.
    fn shown(&self) -> String {
        let part = |(key, given): (&str, Option<&str>)| given.map(|locale| format!("{key} {locale:?}"));
        let parts = [("lc_collate", self.collate), ("lc_ctype", self.ctype)].into_iter().filter_map(part);
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Whether a server refused a database because of its locale.
pub(super) fn refused(error: &Error) -> bool {
    sqlstate(error).is_some_and(|state| REFUSALS.contains(&state))
}

/// "internal_error", and since version 17 "invalid_parameter_value": what a session is refused with when the host does not know the locale of
/// its database.
const UNKNOWN_HERE: [&str; 2] = ["XX000", "22023"];
/// The first version that remembers by which version of a library a database was ordered.
const REMEMBERS_VERSION: u32 = 15;
/// Databases that are named.
const NAMED_MAX: u32 = 100;

/// Whether a session was refused because the host lacks the locale of its database.
pub fn is_unknown_here(error: &Error) -> bool {
    sqlstate(error).is_some_and(|state| UNKNOWN_HERE.contains(&state))
}

/// Databases whose texts were ordered by another version of the library than the host's, a sentence each: their indexes may be wrong
/// (PostgreSQL documentation, "ALTER COLLATION", heading "Notes").
pub fn of_other_versions(connection: &mut Connection) -> Result<Vec<String>> {
    let version = connection.one_value("SELECT current_setting('server_version_num')")?.unwrap_or_default();
    if version.parse::<u32>().unwrap_or(0) / 10_000 < REMEMBERS_VERSION {
        return Ok(Vec::new());
    }
    let answer = connection.query(&format!(
        "SELECT datname, datcollversion, pg_database_collation_actual_version(oid) FROM pg_database \
         WHERE datallowconn AND datcollversion <> pg_database_collation_actual_version(oid) ORDER BY 1 LIMIT {NAMED_MAX}"
    ))?;
    let sentence = |row: Vec<Option<String>>| {
        let [name, then, now] = <[Option<String>; 3]>::try_from(row).ok()?;
        let (name, then, now) = (name?, then?, now?);
        Some(format!(
            "database {name} was ordered by version {then} of the host's library, here is {now}: REINDEX what orders texts, then \
             ALTER DATABASE ... REFRESH COLLATION VERSION"
        ))
    };
    Ok(answer.rows.into_iter().filter_map(sentence).collect())
}

/// The refusal with the list of what the server takes.
pub(super) fn explained(connection: &mut Connection, locale: Locale<'_>) -> Result<Error> {
    let mut known = locales(connection)?;
    let more = if known.len() > SHOWN_MAX { ", …" } else { "" };
    known.truncate(SHOWN_MAX);
    let what = format!("{}: the host of this service has no such locale for UTF-8", locale.shown());
    let hint = format!(
        "use one of {}{more}; or leave it out; or have the locale installed on the host (`locale -a` lists them), and power the \
         service off and on",
        known.join(", ")
    );
    Ok(Error::invalid(what).hint(hint))
}

/// Locales that the server found on its host when it was made, and that fit the encoding of its databases.
pub fn locales(connection: &mut Connection) -> Result<Vec<String>> {
    let answer = connection.query(
        "SELECT DISTINCT collcollate FROM pg_collation WHERE collprovider = 'c' AND collcollate = collctype \
         AND collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database())) ORDER BY 1",
    )?;
    Ok(answer.rows.iter().filter_map(|row| row.first()?.clone()).collect())
}
