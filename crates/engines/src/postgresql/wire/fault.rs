//! Errors and notices as a server reports them, sorted into our kinds by SQLSTATE (PostgreSQL documentation, appendix
//! "PostgreSQL Error Codes"). The statement itself is never repeated: it may hold a secret.

use std::fmt;

use farshore_types::{Error, ErrorKind};

use super::reader::Reader;

/// One error or notice of the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `PANIC`, `NOTICE` and so on, untranslated.
    pub severity: String,
    /// The five characters of SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl ServerError {
    /// Parses the body of an ErrorResponse or NoticeResponse; unknown fields are skipped, missing ones stay empty.
    pub(crate) fn parse(body: &[u8]) -> ServerError {
        let mut parsed = ServerError::default();
        let mut reader = Reader::new(body);
        while let Some(field) = reader.byte().filter(|field| *field != 0) {
            let Some(value) = reader.text_until_zero() else { break };
            match field {
                b'V' => parsed.severity = value,
                b'S' if parsed.severity.is_empty() => parsed.severity = value,
                b'C' => parsed.code = value,
                b'M' => parsed.message = value,
                b'D' => parsed.detail = Some(value),
                b'H' => parsed.hint = Some(value),
                _ => {}
            }
        }
        parsed
    }

    /// The error of this crate, with the SQLSTATE in its text.
    pub(crate) fn into_error(self) -> Error {
        let error = Error::new(self.kind(), self.to_string());
        let error = match &self.hint {
            Some(hint) => error.hint(hint.clone()),
            None => error,
        };
        error.caused_by(self)
    }

    fn kind(&self) -> ErrorKind {
        match self.code.as_str() {
            "42501" => ErrorKind::Denied,
            "42P01" | "42704" | "42883" | "3D000" | "58P01" => ErrorKind::Missing,
            "42710" | "42P04" | "55006" | "55000" => ErrorKind::Conflict,
            "XX001" | "XX002" => ErrorKind::Corrupt,
            "57014" => ErrorKind::Transient,
            code => match code.get(..2).unwrap_or_default() {
                "28" => ErrorKind::Denied,
                "53" => ErrorKind::Busy,
                "08" | "40" | "57" | "58" => ErrorKind::Transient,
                _ => ErrorKind::Invalid,
            },
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server says: {} [SQLSTATE {}]", self.message, self.code)?;
        match &self.detail {
            Some(detail) => write!(f, ", {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServerError {}

/// The SQLSTATE behind an error, if a server reported it.
pub fn sqlstate(error: &Error) -> Option<&str> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<ServerError>().map(|fault| fault.code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_error_keeps_its_code_text_and_hint() {
        let body = b"SFEHLER\0VERROR\0C42501\0Mpermission denied for x\0Dwhy\0Hask\0Fsome.c\0\0";
        let error = ServerError::parse(body).into_error();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.to_string(), "the server says: permission denied for x [SQLSTATE 42501], why (ask)");
        assert_eq!(sqlstate(&error), Some("42501"));
    }

    #[test]
    fn codes_are_sorted_by_what_the_caller_should_do() {
        let table = [
            ("28P01", ErrorKind::Denied),
            ("57P03", ErrorKind::Transient),
            ("53300", ErrorKind::Busy),
            ("58P01", ErrorKind::Missing),
            ("42601", ErrorKind::Invalid),
            ("55000", ErrorKind::Conflict),
            ("XX001", ErrorKind::Corrupt),
            ("", ErrorKind::Invalid),
        ];
        for (code, kind) in table {
            let fault = ServerError { code: code.to_string(), ..ServerError::default() };
            assert_eq!(fault.into_error().kind(), kind, "{code}");
        }
    }

    #[test]
    fn a_cut_off_error_is_still_an_error() {
        for cut in 0..20 {
            let body = &b"VERROR\0C42501\0Mdenied"[..cut];
            assert!(sqlstate(&ServerError::parse(body).into_error()).is_some(), "{cut}");
        }
    }
}
