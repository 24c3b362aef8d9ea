//! Logging in: startup message, then whatever the server asks for. Understood: trust, peer, MD5 and SCRAM-SHA-256; a
//! password is never sent in clear text. SCRAM also proves that the server knows the password.

use std::collections::BTreeMap;
use std::io;

use bytes::BytesMut;
use farshore_types::{Error, Result};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

use super::fault::ServerError;
use super::framed::Framed;
use super::reader::Reader;
use super::settings::{Secret, Settings};

/// What the server says about itself while logging in: `server_version`, `TimeZone` and so on.
pub(super) type Parameters = BTreeMap<String, String>;

/// What to do after a message.
enum Step {
    Go,
    Reply(BytesMut),
    Done,
}

struct Login<'a> {
    settings: &'a Settings,
    scram: Option<ScramSha256>,
    parameters: Parameters,
    proven: bool,
}

/// Logs in on a fresh socket; afterwards the server waits for a query.
pub(super) fn login(framed: &mut Framed, settings: &Settings) -> Result<Parameters> {
    let until = framed.after(settings.deadline);
    framed.send(&startup(settings)?, until)?;
    let mut login = Login { settings, scram: None, parameters: Parameters::new(), proven: false };
    loop {
        let late = || Error::transient("the server did not finish the login in time");
        let message = framed.receive(until)?.ok_or_else(late)?;
        match login.take(message.tag, message.body)? {
            Step::Go => {}
            Step::Reply(reply) => framed.send(&reply, until)?,
            Step::Done => return Ok(login.parameters),
        }
    }
}

/// What keeps statements out of the server's log, on every version from 13.
const UNLOGGED: &str = "-c log_statement=none -c log_duration=off -c log_min_duration_statement=-1 -c log_min_duration_sample=-1 \
                        -c log_transaction_sample_rate=0 -c log_min_error_statement=panic";

fn startup(settings: &Settings) -> Result<BytesMut> {
    let mut parameters = vec![
        ("user", settings.user.as_str()),
        ("database", settings.database.as_str()),
        ("application_name", settings.application.as_str()),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO"),
        ("TimeZone", "UTC"),
    ];
    if settings.replication {
        parameters.push(("replication", "true"));
    }
    if settings.unlogged {
        parameters.push(("options", UNLOGGED));
    }
    let mut startup = BytesMut::new();
    frontend::startup_message(parameters, &mut startup)
        .map_err(|_| Error::invalid("role, database or application name holds a zero byte"))?;
    Ok(startup)
}

impl Login<'_> {
    fn take(&mut self, tag: u8, body: &[u8]) -> Result<Step> {
        let mut reader = Reader::new(body);
        match tag {
            b'R' => {
                let method = reader.u32().ok_or_else(garbled)?;
                return self.authenticate(method, reader);
            }
            b'S' => {
                let (name, value) = (reader.text_until_zero(), reader.text_until_zero());
                let (name, value) = name.zip(value).ok_or_else(garbled)?;
                self.parameters.insert(name, value);
            }
            b'E' => return Err(ServerError::parse(body).into_error()),
            b'N' => tracing::debug!(notice = %ServerError::parse(body), "while logging in"),
            b'K' | b'v' => {}
            b'Z' if self.proven => return Ok(Step::Done),
            _ => return Err(garbled()),
        }
        Ok(Step::Go)
    }

    fn authenticate(&mut self, method: u32, mut reader: Reader<'_>) -> Result<Step> {
        let mut reply = BytesMut::new();
        match method {
            0 if self.scram.is_none() => {
                self.proven = true;
                return Ok(Step::Go);
            }
            5 => {
                let salt = reader.bytes(4).and_then(|salt| salt.first_chunk::<4>().copied()).ok_or_else(garbled)?;
                let hash = md5_hash(self.settings.user.as_bytes(), self.password()?.expose().as_bytes(), salt);
                frontend::password_message(hash.as_bytes(), &mut reply).map_err(unusable)?;
            }
            10 => {
                let offered: Vec<String> = std::iter::from_fn(|| reader.text_until_zero()).collect();
                if !offered.iter().any(|name| name == SCRAM_SHA_256) {
                    return Err(Error::invalid("the server offers no way to log in that is known here"));
                }
                let scram = ScramSha256::new(self.password()?.expose().as_bytes(), ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut reply).map_err(unusable)?;
                self.scram = Some(scram);
            }
            11 => {
                let scram = self.scram.as_mut().ok_or_else(garbled)?;
                scram.update(reader.rest()).map_err(unusable)?;
                frontend::sasl_response(scram.message(), &mut reply).map_err(unusable)?;
            }
            12 => {
                let mut scram = self.scram.take().ok_or_else(garbled)?;
                scram
                    .finish(reader.rest())
                    .map_err(|_| Error::denied("the server does not know this password itself"))?;
                return Ok(Step::Go);
            }
            3 => return Err(refused("a password in clear text")),
            _ => return Err(refused("a way to log in that is not known here")),
        }
        Ok(Step::Reply(reply))
    }

    fn password(&self) -> Result<&Secret> {
        let missing = || Error::denied(format!("the server asks for the password of role {:?}", self.settings.user));
        self.settings.password.as_ref().ok_or_else(|| missing().hint("give a password, or allow peer on the socket"))
    }
}

fn garbled() -> Error {
    Error::invalid("the answer is not that of a PostgreSQL server")
}

fn refused(what: &str) -> Error {
    Error::invalid(format!("the server asks for {what}")).hint("use scram-sha-256 or peer in pg_hba.conf")
}

/// The cause is left out: it could repeat parts of the exchange.
fn unusable(_: io::Error) -> Error {
    Error::denied("the password exchange failed")
}
