//! From a request to a handler's thread and back: the caller is asked for, the body is read, the handler runs.
//!
//! The order is the protection: nothing is read from a caller who is not known, no handler runs for one who may not. A
//! handler that has begun runs to its end, also when its client goes away. Logs name the pattern of a route, never the
//! path, because some paths hold tokens.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::path::RawPathParams;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use farshore_types::{Error, ErrorKind};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;

use crate::answer::Answer;
use crate::app::App;
use crate::call::{Call, PROJECT};
use crate::failure::Failure;
use crate::gate::Caller;
use crate::limits::Limits;
use crate::openapi;
use crate::query;
use crate::route::{Access, Method, Route};

/// Characters of a client's name that are kept.
const USER_AGENT_CHARS_MAX: usize = 256;
/// Bytes of a body that are read on a public route, from somebody who is not known.
const PUBLIC_BODY_BYTES_MAX: usize = 64 << 10;

/// The other end of a connection; stands in the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What all requests share.
struct Site {
    app: Arc<App>,
    document: Arc<[u8]>,
    calls: Arc<Semaphore>,
    limits: Limits,
    /// Whether only this machine reaches the listener.
    is_local: bool,
}

/// The router of a table of routes. What is in no route gets the shape of every error.
pub(crate) fn router(app: Arc<App>, routes: &[Route], limits: Limits, is_local: bool) -> Router {
    let document = serde_json::to_vec(&openapi::document(routes)).unwrap_or_default();
    let calls = Arc::new(Semaphore::new(limits.calls_max));
    let site = Arc::new(Site { app, document: document.into(), calls, limits, is_local });
    let mut router = Router::new();
    for route in routes {
        let (site, route) = (Arc::clone(&site), Arc::new(route.clone()));
        let (filter, pattern) = (filter(route.method()), route.pattern());
        let handler = move |request: Request| respond(Arc::clone(&site), Arc::clone(&route), request);
        router = router.route(pattern, on(filter, handler));
    }
    let nowhere = || async { refused(StatusCode::NOT_FOUND, "there is nothing at this path") };
    let not_so = || async { refused(StatusCode::METHOD_NOT_ALLOWED, "this path does not know the method") };
    router.fallback(nowhere).method_not_allowed_fallback(not_so)
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

fn refused(status: StatusCode, message: &str) -> Response {
    tracing::debug!(status = status.as_u16(), "refused: {message}");
    Failure::new(status, message).response()
}

async fn respond(site: Arc<Site>, route: Arc<Route>, request: Request) -> Response {
    let method = route.method().word();
    let pattern = route.pattern();
    match answer(site, route, request).await {
        Ok(answer) => {
            tracing::debug!(method, pattern, status = 200, "answered");
            answer.response()
        }
        Err(failure) => {
            tracing::debug!(method, pattern, status = failure.status().as_u16(), "refused: {}", failure.message());
            failure.response()
        }
    }
}

async fn answer(site: Arc<Site>, route: Arc<Route>, request: Request) -> Result<Answer, Failure> {
    let (mut parts, body) = request.into_parts();
    let address = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let address = address.ok_or_else(|| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "no address of the client"))?;
    let path = path_of(&mut parts).await?;
    let user_agent = user_agent(&parts.headers);
    let caller = match route.access() {
        Access::Public => None,
        Access::Machine if site.is_local && !parts.headers.contains_key(header::AUTHORIZATION) => None,
        Access::Machine | Access::Authenticated | Access::Project(_) => {
            let token = token(&parts.headers)?;
            Some(authenticated(&site, route.method(), token, address, user_agent.clone()).await?)
        }
    };
    let body_bytes_max = match caller {
        Some(_) => site.limits.body_bytes_max,
        None => site.limits.body_bytes_max.min(PUBLIC_BODY_BYTES_MAX),
    };
    let body = read(body, body_bytes_max, &site.limits).await?;
    let query = query::pairs(parts.uri.query().unwrap_or_default());
    let (app, document) = (Arc::clone(&site.app), Arc::clone(&site.document));
    let call = Call { app, caller, path, query, body, address, user_agent, document };
    let method = route.method();
    let work = move || {
        let done = permitted(&route, &call).and_then(|()| route.run(&call));
        done.map_err(|error| told(&error, &route))
    };
    blocking(&site, method, work).await?
}

async fn path_of(parts: &mut axum::http::request::Parts) -> Result<Vec<(String, String)>, Failure> {
    use axum::extract::FromRequestParts;
    let found = RawPathParams::from_request_parts(parts, &()).await;
    let found = found.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "the path is not UTF-8"))?;
    Ok(found.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

fn user_agent(headers: &HeaderMap) -> String {
    let text = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.chars().take(USER_AGENT_CHARS_MAX).collect()
}

/// The token of the header: after a scheme (`aivenv1`, `Bearer`, in any case) or bare.
fn token(headers: &HeaderMap) -> Result<String, Failure> {
    let missing = "Authentication required. Send the header 'authorization: aivenv1 TOKEN'.";
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| Failure::unauthenticated(missing).and_close())?;
    let text = value.to_str().unwrap_or_default().trim();
    let token = match text.split_once(char::is_whitespace) {
        None => text,
        Some((scheme, rest)) if ["aivenv1", "bearer"].contains(&scheme.to_ascii_lowercase().as_str()) => rest.trim(),
        Some(_) => "",
    };
    let bare_scheme = ["aivenv1", "bearer"].contains(&token.to_ascii_lowercase().as_str());
    if token.is_empty() || bare_scheme || token.contains(char::is_whitespace) {
        return Err(Failure::unauthenticated(missing).and_close());
    }
    Ok(token.to_string())
}

async fn authenticated(
    site: &Arc<Site>,
    method: Method,
    token: String,
    address: IpAddr,
    user_agent: String,
) -> Result<Caller, Failure> {
    let app = Arc::clone(&site.app);
    let ask = move || app.gate().authenticate(&token, address, &user_agent);
    blocking(site, method, ask).await?.map_err(|error| match error.kind() {
        ErrorKind::Denied | ErrorKind::Missing => {
            let failure = Failure::of(&error, method);
            Failure::unauthenticated(failure.message()).and_close()
        }
        _ => {
            log(&error, "authenticate");
            Failure::of(&error, method).and_close()
        }
    })
}

async fn read(body: Body, bytes_max: usize, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let collected = tokio::time::timeout(limits.body, Limited::new(body, bytes_max).collect());
    match collected.await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let message = format!("The body is larger than {bytes_max} bytes");
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message).and_close())
        }
        Ok(Err(_)) => Err(Failure::new(StatusCode::BAD_REQUEST, "The body ended early").and_close()),
        Err(_) => Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "The body came too slowly").and_close()),
    }
}

/// Asks the gate about the project in the path.
fn permitted(route: &Route, call: &Call) -> farshore_types::Result<()> {
    match route.access() {
        Access::Public | Access::Machine | Access::Authenticated => Ok(()),
        Access::Project(permission) => call.app().gate().may(call.caller()?, call.path(PROJECT)?, permission),
    }
}

/// Runs `work` where it may block. Its place is taken only now, so slow bodies keep nobody out, and given back when it ends,
/// also if the client has gone. A panic in it is one failed call.
async fn blocking<T: Send + 'static>(
    site: &Site,
    method: Method,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let place = Arc::clone(&site.calls).try_acquire_owned().map_err(|_| {
        let message = "Too many requests are under way. Try again in a second.";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, message).and_close()
    })?;
    let placed = move || {
        let done = work();
        drop(place);
        done
    };
    tokio::task::spawn_blocking(placed).await.map_err(|stopped| {
        let error = Error::bug("the handler of this call stopped unexpectedly");
        if stopped.is_panic() {
            tracing::error!("a handler panicked");
        }
        Failure::of(&error, method)
    })
}

fn told(error: &Error, route: &Route) -> Failure {
    log(error, route.pattern());
    Failure::of(error, route.method())
}

/// What the client is not told about a fault of ours.
fn log(error: &Error, place: &str) {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Bug => tracing::error!("{place}: {error}"),
        ErrorKind::Transient => tracing::info!("{place}: {error}"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_taken_from_each_of_the_three_ways_to_send_it_and_from_no_other() {
        let check = |value: &str, expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            assert_eq!(token(&headers).ok().as_deref(), expect, "{value:?}");
        };
        check("aivenv1 abc", Some("abc"));
        check("AivenV1  abc ", Some("abc"));
        check("Bearer abc", Some("abc"));
        check("bearer abc", Some("abc"));
        check("abc", Some("abc"));
        check("", None);
        check("Bearer", None);
        check("Bearer ", None);
        check("Basic abc", None);
        check("Bearer a b", None);
        assert_eq!(token(&HeaderMap::new()).unwrap_err().status(), StatusCode::UNAUTHORIZED);
    }
}
