//! A thin, blocking client of the frontend/backend protocol (PostgreSQL documentation, "Frontend/Backend Protocol"):
//! simple queries and replication, over a Unix socket or TCP on this machine. There is no TLS yet.
//!
//! Promise: every call ends by its deadline; an error names the address and holds the SQLSTATE, never the statement or
//! a password. After a missed deadline or an IO error the connection refuses further queries. If the process dies, the
//! server ends the session by itself: an open backup is then abandoned, a slot stays.

mod fault;
mod framed;
mod login;
mod quote;
mod reader;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Result};
use postgres_protocol::message::frontend;

pub use fault::{ServerError, sqlstate};
pub(crate) use framed::{Framed, STREAM_BUFFER_BYTES};
pub use quote::{identifier, literal};
pub(crate) use reader::Reader;
pub use settings::{Address, CONNECT_DEADLINE, SOCKET_PATH_BYTES_MAX, Secret, Settings, socket_path};

/// How long a query may take unless told otherwise.
pub const QUERY_DEADLINE: Duration = Duration::from_secs(60);
/// Largest answer kept in memory.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A logged-in session. Dropping it closes the socket; the server then ends the session.
pub struct Connection {
    framed: Framed,
    parameters: login::Parameters,
    broken: bool,
}

/// One row as bytes, in the order of the columns; `None` is NULL.
type RawRow = Vec<Option<Vec<u8>>>;

/// The answer to a query, as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Names of the columns of the last result set.
    pub columns: Vec<String>,
    /// Its rows; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Answer {
    /// The value of a named column in a row; NULL and absence are both `None`.
    pub fn value(&self, row: usize, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(index)?.as_deref()
    }
}

impl Connection {
    /// Connects and logs in, within the deadline of the settings. A server that is absent or still starting is
    /// `Transient`; a refused login is `Denied`.
    pub fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Connection> {
        let mut framed = Framed::connect(&settings.address, settings.deadline, clock)?;
        let doing = format!("log in as {:?} at", settings.user);
        let parameters = login::login(&mut framed, settings).doing(&doing, &settings.address)?;
        Ok(Connection { framed, parameters, broken: false })
    }

    /// Runs a query within [`QUERY_DEADLINE`].
    pub fn query(&mut self, sql: &str) -> Result<Answer> {
        self.query_within(sql, QUERY_DEADLINE)
    }

    /// Runs a query within a deadline. Of several statements, the last result set is returned.
    pub fn query_within(&mut self, sql: &str, deadline: Duration) -> Result<Answer> {
        let (columns, rows) = self.query_raw(sql, deadline)?;
        let text = |value: Vec<u8>| String::from_utf8(value).map_err(|_| Error::invalid("a value is not UTF-8"));
        let row = |row: RawRow| row.into_iter().map(|value| value.map(text).transpose()).collect::<Result<Vec<_>>>();
        let rows = rows.into_iter().map(row).collect::<Result<Vec<_>>>();
        Ok(Answer { columns, rows: rows.doing("query", self.framed.address())? })
    }

    /// The first value of the first row; NULL or no row is `None`.
    pub fn one_value(&mut self, sql: &str) -> Result<Option<String>> {
        let answer = self.query(sql)?;
        Ok(answer.rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// What the server reported while logging in, for example `server_version`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Says goodbye and closes. Dropping does the same without the goodbye.
    pub fn close(mut self) {
        let mut goodbye = BytesMut::new();
        frontend::terminate(&mut goodbye);
        let until = self.framed.after(Duration::from_secs(1));
        if let Err(error) = self.framed.send(&goodbye, until) {
            tracing::debug!(%error, "closing");
        }
    }

    /// Columns and rows of the last result set, as bytes.
    pub(crate) fn query_raw(&mut self, sql: &str, deadline: Duration) -> Result<(Vec<String>, Vec<RawRow>)> {
        let address = self.framed.address().clone();
        self.send_query(sql, deadline)?;
        let answer = read_answer(&mut self.framed, deadline);
        // A server error that was followed by ReadyForQuery leaves the session usable, anything else does not.
        self.broken = !matches!(&answer, Ok(_) | Err(AnswerError::Server(_)));
        answer.map_err(AnswerError::into_error).doing("query", &address)
    }

    /// Sends a query without waiting for its answer.
    pub(crate) fn send_query(&mut self, sql: &str, deadline: Duration) -> Result<()> {
        if self.broken {
            let what = Error::transient("the session broke off earlier").hint("connect again");
            return Err(what.context("query", self.framed.address()));
        }
        let mut message = BytesMut::new();
        frontend::query(sql, &mut message).map_err(|_| Error::invalid("a zero byte cannot stand in SQL text"))?;
        self.broken = true;
        let until = self.framed.after(deadline);
        self.framed.send(&message, until)
    }

    /// The socket, for the replication commands; whoever takes it leaves the session ready for a query or drops it.
    pub(crate) fn framed(&mut self) -> &mut Framed {
        &mut self.framed
    }

    /// Declares the session usable again, after a replication command ended as it should.
    pub(crate) fn mend(&mut self) {
        self.broken = false;
    }
}

/// Why there is no answer: the server said so and waits for the next query, or the session is lost.
enum AnswerError {
    Server(Error),
    Lost(Error),
}

impl AnswerError {
    fn into_error(self) -> Error {
        match self {
            AnswerError::Server(error) | AnswerError::Lost(error) => error,
        }
    }
}

fn read_answer(framed: &mut Framed, deadline: Duration) -> Result<(Vec<String>, Vec<RawRow>), AnswerError> {
    let until = framed.after(deadline);
    let (mut columns, mut rows, mut fault, mut bytes) = (Vec::new(), Vec::new(), None, 0);
    loop {
        let late = || Error::transient(format!("no answer within {} s", deadline.as_secs()));
        let message = match framed.receive(until).and_then(|message| message.ok_or_else(late)) {
            Ok(message) => message,
            Err(error) => return Err(AnswerError::Lost(fault.unwrap_or(error))),
        };
        let garbled = || AnswerError::Lost(Error::invalid("the answer cannot be understood"));
        match message.tag {
            b'T' => {
                columns = column_names(message.body).ok_or_else(garbled)?;
                rows = Vec::new();
            }
            b'D' => {
                bytes += message.body.len();
                if bytes > ANSWER_BYTES_MAX {
                    return Err(AnswerError::Lost(Error::invalid("the answer is too large to be held in memory")));
                }
                rows.push(row_values(message.body).ok_or_else(garbled)?);
            }
            b'E' => fault = Some(ServerError::parse(message.body).into_error()),
            b'N' => tracing::debug!(notice = %ServerError::parse(message.body)),
            b'C' | b'I' | b'S' | b'A' => {}
            b'Z' => return fault.map_or(Ok((columns, rows)), |fault| Err(AnswerError::Server(fault))),
            _ => return Err(garbled()),
        }
    }
}

fn column_names(body: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader::new(body);
    let count = reader.u16()?;
    let mut names = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        names.push(reader.text_until_zero()?);
        reader.bytes(18)?;
    }
    Some(names)
}

fn row_values(body: &[u8]) -> Option<RawRow> {
    let mut reader = Reader::new(body);
    let count = reader.u16()?;
    let mut values = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        values.push(match reader.u32()? {
            u32::MAX => None,
            length => Some(reader.bytes(usize::try_from(length).ok()?)?.to_vec()),
        });
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_null_and_empty_values_is_read() {
        let body = [0, 3, 0, 0, 0, 1, b'x', 255, 255, 255, 255, 0, 0, 0, 0];
        assert_eq!(row_values(&body).unwrap(), [Some(b"x".to_vec()), None, Some(Vec::new())]);
        for cut in 0..body.len() {
            assert!(row_values(&body[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn values_are_found_by_column_name() {
        let rows = vec![vec![Some("1".to_string()), None]];
        let answer = Answer { columns: vec!["a".to_string(), "b".to_string()], rows };
        assert_eq!((answer.value(0, "a"), answer.value(0, "b"), answer.value(1, "a")), (Some("1"), None, None));
    }
}
