//! Connections: taken in while there is room, each served until it ends, idles too long, or the server stops.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::host;
use super::patient::{Patient, Turn};
use crate::dispatch::Peer;
use crate::limits::Limits;

/// Pause after the system could not give a connection, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What all connections share.
pub struct Site {
    /// Answers.
    pub router: Router,
    /// Present if TLS is spoken.
    pub tls: Option<TlsAcceptor>,
    /// Host names besides localhost and the listener's address.
    pub names: Arc<[String]>,
    /// Sizes, counts and times.
    pub limits: Limits,
    /// Ends connections gently; taken at the stop, after which no connection begins.
    pub connections: Mutex<Option<GracefulShutdown>>,
}

impl Site {
    /// Takes what ends the connections. `None` from the second time on.
    pub fn take_connections(&self) -> Option<GracefulShutdown> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn watcher(&self) -> Option<Watcher> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(GracefulShutdown::watcher)
    }
}

/// Takes connections in until it is aborted.
pub async fn run(listener: TcpListener, site: Arc<Site>) {
    let places = Arc::new(Semaphore::new(site.limits.connections_max));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    connection(stream, peer, site).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!("cannot take a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, site: Arc<Site>) {
    let Ok(local) = stream.local_addr() else { return };
    let (local, peer) = (local.ip(), peer.ip().to_canonical());
    // Answers are small and written at once; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    match &site.tls {
        None => serve(stream, local, peer, &site).await,
        Some(tls) => match tokio::time::timeout(site.limits.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, local, peer, &site).await,
            Ok(Err(error)) => tracing::debug!("no TLS with a client: {error}"),
            Err(_) => tracing::debug!("no TLS with a client: it was too slow"),
        },
    }
}

async fn serve<S>(stream: S, local: IpAddr, peer: IpAddr, site: &Site)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let turn = Arc::new(Turn::default());
    let stream = Patient::new(stream, Arc::clone(&turn), site.limits.head, site.limits.write);
    let (router, names) = (site.router.clone(), Arc::clone(&site.names));
    let service = service_fn(move |request: Request<Incoming>| {
        turn.begin();
        let (turn, router, names) = (Arc::clone(&turn), router.clone(), Arc::clone(&names));
        async move {
            let response = respond(request, router, &names, local, peer).await;
            turn.end();
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.limits.idle)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let Some(watcher) = site.watcher() else { return };
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection ended early: {error}");
    }
}

async fn respond(
    mut request: Request<Incoming>,
    mut router: Router,
    names: &[String],
    local: IpAddr,
    peer: IpAddr,
) -> Result<Response, Infallible> {
    if let Err(failure) = host::check(request.headers(), request.uri(), names, local) {
        return Ok(failure.response());
    }
    request.extensions_mut().insert(Peer(peer));
    router.call(request.map(Body::new)).await
}
