//! What a handler gives back when all went well: a status, a kind of content, and bytes held in memory.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use farshore_types::{Error, Result};
use serde::Serialize;

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Answer {
    /// 200 with a JSON document.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        let body =
            serde_json::to_vec(value).map_err(|error| Error::bug(format!("cannot write the answer: {error}")))?;
        Ok(Answer { status: StatusCode::OK, content_type: "application/json", body })
    }

    /// 200 with bytes of another kind, such as `text/plain; version=0.0.4`.
    pub fn bytes(content_type: &'static str, body: Vec<u8>) -> Self {
        Answer { status: StatusCode::OK, content_type, body }
    }

    /// As a response. Answers hold passwords and tokens, so nobody on the way may keep them.
    pub fn response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}
