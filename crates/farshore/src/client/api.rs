//! One call to the platform's API: a request with the token goes out, JSON or an error with the API's own sentence comes back.
//!
//! Nothing is repeated here: a human started the command, and a write that got no answer may have been carried out. Redirects are not
//! followed, since the token would go with them; it stands in no error and no log.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, http};

use super::reach::Reach;

/// To reach the server.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// For the whole of a call: the server may ask a database on the way.
const CALL_MAX: Duration = Duration::from_secs(120);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Letters of an answer that is not JSON which are shown.
const SHOWN_MAX: usize = 200;
/// Where Debian and others keep the CAs that the machine trusts.
const SYSTEM_CAS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The API of one platform, as one user.
pub struct Api {
    agent: Agent,
    reach: Reach,
}

impl Api {
    /// Prepares calls; nothing is sent yet.
    pub fn new(reach: Reach) -> Result<Api> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(CALL_MAX))
            .user_agent(concat!("farshore/", env!("CARGO_PKG_VERSION")));
        if is_local(&reach.url) {
            // No proxy of the machine's surroundings leads back to the machine.
            config = config.proxy(None);
        }
        if reach.url.starts_with("https://") {
            config = config.tls_config(trust(reach.ca.as_deref())?);
        }
        Ok(Api { agent: config.build().new_agent(), reach })
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, None)
    }

    /// Makes, or asks with a body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", path, Some(body))
    }

    /// Changes.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("PUT", path, Some(body))
    }

    /// Removes.
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.call("DELETE", path, None)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}/v1{path}", self.reach.url);
        let request = http::Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("aivenv1 {}", self.reach.token))
            .header("accept", "application/json");
        let unusable = |_| Error::invalid(format!("{} or the token cannot stand in a request", self.reach.url));
        let answer = match body {
            None => self.agent.run(request.body(()).map_err(unusable)?),
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string()).map_err(unusable)?)
            }
        };
        let mut answer = answer.map_err(|error| self.unanswered(&error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        read(&self.reach.url, status, &body.map_err(|error| self.unanswered(&error))?)
    }

    /// What a caller should do about a call without an answer.
    fn unanswered(&self, error: &ureq::Error) -> Error {
        use ureq::Error as Cause;
        let url = &self.reach.url;
        match error {
            Cause::BadUri(_) | Cause::Http(_) => Error::invalid(format!("{url} is no address: {error}"))
                .hint("AIVEN_WEB_URL is like http://127.0.0.1:8321"),
            Cause::Rustls(_) | Cause::Tls(_) | Cause::Pem(_) => {
                Error::denied(format!("{url} cannot be trusted: {error}"))
                    .hint("set AIVEN_CA_CERT to the certificate of its authority")
            }
            Cause::Timeout(_) => Error::transient(format!("{url} did not answer in time: {error}")),
            // A handshake that failed comes as an IO error around it.
            Cause::Io(inner) if inner.kind() == std::io::ErrorKind::InvalidData => {
                Error::denied(format!("{url} cannot be trusted: {error}"))
                    .hint("set AIVEN_CA_CERT to the certificate of its authority")
            }
            _ => Error::transient(format!("nobody answers at {url}: {error}"))
                .hint("start the platform with `farshore up`, or correct AIVEN_WEB_URL"),
        }
    }
}

/// An answer: its JSON, or the API's own sentence as an error whose kind is that of the status.
fn read(url: &str, status: u16, body: &[u8]) -> Result<Value> {
    let json: Option<Value> = if body.is_empty() { Some(Value::Object(Default::default())) } else { parsed(body) };
    if (200..300).contains(&status) {
        return json.ok_or_else(|| stranger(url, status, body));
    }
    let said =
        json.as_ref().and_then(|json| json.get("message")).and_then(Value::as_str).filter(|said| !said.is_empty());
    let Some(said) = said else { return Err(stranger(url, status, body)) };
    let error = Error::new(kind(status), super::text::plain(said));
    Err(match status {
        401 => error.hint("export AIVEN_AUTH_TOKEN=\"$(farshore token create --data DIR)\" on the platform's machine"),
        _ => error,
    })
}

fn parsed(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

fn kind(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::Missing,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::Busy,
        502..=504 => ErrorKind::Transient,
        500.. => ErrorKind::Bug,
        _ => ErrorKind::Invalid,
    }
}

/// Something else than a platform answered.
fn stranger(url: &str, status: u16, body: &[u8]) -> Error {
    let shown: String = super::text::plain(&String::from_utf8_lossy(body)).chars().take(SHOWN_MAX).collect();
    let kind = if matches!(status, 502..=504) { ErrorKind::Transient } else { ErrorKind::Invalid };
    Error::new(kind, format!("{url} does not answer like a platform (status {status}): {shown}"))
        .hint("set AIVEN_WEB_URL to the address that `farshore up` prints")
}

/// Whether a URL leads to this machine.
fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

/// Whom to trust: the authority that was named, else those of the machine.
fn trust(ca: Option<&Path>) -> Result<TlsConfig> {
    let file = match ca {
        Some(file) => file,
        None => SYSTEM_CAS.iter().map(Path::new).find(|file| file.is_file()).ok_or_else(|| {
            Error::missing("this machine names no certificate authorities")
                .hint("set AIVEN_CA_CERT, or install ca-certificates")
        })?,
    };
    let pem = std::fs::read(file).doing("read the authorities in", file.display())?;
    let mut roots: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| no_certificate(file).caused_by(error))? {
            roots.push(certificate);
        }
    }
    if roots.is_empty() {
        return Err(no_certificate(file));
    }
    let config = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::Specific(Arc::new(roots)));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

fn no_certificate(file: &Path) -> Error {
    Error::invalid(format!("{} holds no certificate", file.display())).hint("AIVEN_CA_CERT names a file in PEM")
}

/// A path of the API from its parts, each escaped. (RFC 3986, "Path".)
pub fn path(parts: &[&str]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        for byte in part.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_sentence_of_the_api_with_the_kind_of_its_status() {
        let body =
            |message: &str| serde_json::json!({"message": message, "errors": [{"message": message}]}).to_string();
        for (status, kind) in [
            (400, ErrorKind::Invalid),
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (404, ErrorKind::Missing),
            (409, ErrorKind::Conflict),
            (429, ErrorKind::Busy),
            (500, ErrorKind::Bug),
            (503, ErrorKind::Transient),
        ] {
            let error = read("http://h", status, body("Plan x is unknown. Choose startup-4.").as_bytes()).unwrap_err();
            assert_eq!((error.kind(), error.message().as_str()), (kind, "Plan x is unknown. Choose startup-4."));
            assert_eq!(error.advice().is_some(), status == 401, "{status}");
        }
    }

    #[test]
    fn what_is_no_platform_is_named_as_such() {
        for (status, body) in [(200, "<html>"), (404, "nothing here"), (404, "{\"message\":\"\"}"), (301, "")] {
            let error = read("http://h", status, body.as_bytes()).unwrap_err();
            assert!(error.message().contains("http://h does not answer like a platform"), "{error}");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        assert_eq!(read("http://h", 502, b"bad gateway").unwrap_err().kind(), ErrorKind::Transient);
        assert_eq!(read("http://h", 204, b"").unwrap(), serde_json::json!({}));
    }

    #[test]
    fn whatever_is_in_a_name_stays_in_its_part_of_the_path() {
        for (parts, expect) in [
            (&["project", "main", "service", "pg-1"][..], "/project/main/service/pg-1"),
            (&["service", "a/../b?c#d e"], "/service/a%2F..%2Fb%3Fc%23d%20e"),
            (&["db", "ü"], "/db/%C3%BC"),
        ] {
            assert_eq!(path(parts), expect);
        }
    }

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        for (url, local) in [
            ("http://127.0.0.1:8321", true),
            ("http://localhost:8321", true),
            ("https://[::1]:1", true),
            ("https://db.example.org/127.0.0.1", false),
        ] {
            assert_eq!(is_local(url), local, "{url}");
        }
    }
}
