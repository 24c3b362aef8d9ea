//! The one shape in which anything that went wrong leaves the server:
//! `{"errors":[{"message","status"}],"message"}`.
//!
//! Some clients decode both keys without asking whether they are there, so both always are. The kind of an
//! [`Error`] decides the status. What is known of an inner fault goes into the log, the client gets the sentence.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use farshore_types::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::Serialize;

use crate::route::Method;

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    status: StatusCode,
    message: String,
    ends_connection: bool,
}

/// The shape of every error.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Errors {
    /// Each error on its own; there is one today.
    pub errors: Vec<OneError>,
    /// What went wrong and what to do, in words.
    pub message: String,
}

/// One error.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OneError {
    /// What went wrong and what to do, in words.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl Failure {
    /// A failure with a status and a sentence.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Failure { status, message: message.into(), ends_connection: false }
    }

    /// 401 with the reason why the caller is not known.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::UNAUTHORIZED, message)
    }

    /// What a handler's error becomes. `method` matters because some clients repeat a POST for ever on certain words.
    pub fn of(error: &Error, method: Method) -> Self {
        let status = match error.kind() {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::Missing => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Transient => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Corrupt | ErrorKind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let message = sentences(error);
        let message = if status == StatusCode::NOT_FOUND { without_retry(message, method) } else { message };
        Failure::new(status, message)
    }

    /// The same, after which the connection is closed: what the client still sends would be taken for a new request.
    pub fn and_close(mut self) -> Self {
        self.ends_connection = true;
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// As a response.
    pub fn response(&self) -> Response {
        let error = OneError { message: self.message.clone(), status: self.status.as_u16() };
        let shape = Errors { errors: vec![error], message: self.message.clone() };
        let body = serde_json::to_vec(&shape).unwrap_or_else(|_| br#"{"errors":[],"message":""}"#.to_vec());
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.ends_connection {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// What is wrong, then the hint: two sentences. What was being done stays in the log.
fn sentences(error: &Error) -> String {
    let what = sentence(error.what());
    match error.advice() {
        Some(hint) => format!("{}. {}.", what.trim_end_matches('.'), sentence(hint)),
        None => what,
    }
}

/// With a capital letter, unless the first word is a name (`backup_hour`, `plan:`, `pg-1`).
fn sentence(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or("");
    let mut letters = text.chars();
    match letters.next() {
        Some(letter) if first.chars().all(|c| c.is_ascii_lowercase() || c == ',') => {
            letter.to_uppercase().chain(letters).collect()
        }
        _ => text.to_string(),
    }
}

/// The official Go client repeats a POST that was answered with 404 and "Service NAME does not exist", and any 404 that
/// says an administrator "with component main" was "not found": to it these mean "not yet". A lasting fault must use
/// other words.
fn without_retry(message: String, method: Method) -> String {
    let message = if method == Method::Post { message.replace("does not exist", "is not there") } else { message };
    message.replace("with component main not found", "is not there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_has_its_status() {
        for (kind, status) in [
            (ErrorKind::Invalid, 400),
            (ErrorKind::Denied, 403),
            (ErrorKind::Missing, 404),
            (ErrorKind::Conflict, 409),
            (ErrorKind::Busy, 429),
            (ErrorKind::Transient, 503),
            (ErrorKind::Corrupt, 500),
            (ErrorKind::Bug, 500),
        ] {
            assert_eq!(Failure::of(&Error::new(kind, "x"), Method::Get).status().as_u16(), status, "{kind:?}");
        }
    }

    #[test]
    fn a_message_is_what_is_wrong_and_then_what_to_do() {
        let check = |error: Error, expect: &str| assert_eq!(Failure::of(&error, Method::Put).message(), expect);
        check(Error::missing("service pg-1 does not exist"), "Service pg-1 does not exist");
        let protected = Error::denied("service is protected against termination and shutdown");
        check(
            protected.hint("remove termination protection first").context("delete", "pg-1"),
            "Service is protected against termination and shutdown. Remove termination protection first.",
        );
        check(Error::invalid("backup_hour must be 0 to 23"), "backup_hour must be 0 to 23");
        check(Error::invalid("plan: unknown"), "plan: unknown");
        check(Error::invalid(""), "");
    }

    #[test]
    fn words_that_make_a_client_repeat_for_ever_are_not_used_for_what_lasts() {
        let message = |error: Error, method| Failure::of(&error, method).message().to_string();
        let gone = || Error::missing("service pg-1 does not exist");
        assert_eq!(message(gone(), Method::Get), "Service pg-1 does not exist");
        assert_eq!(message(gone(), Method::Post), "Service pg-1 is not there");
        let user = Error::missing("user avnadmin with component main not found");
        assert_eq!(message(user, Method::Get), "User avnadmin is not there");
    }
}
