//! The listener: sockets, TLS, limits, and a stop that lets running requests end.
//!
//! Blocking from the outside: [`Server::start`] returns when the address is bound, [`Server::stop`] when the last answer
//! is out or patience ends. The runtime for the sockets lives and dies with the server. HTTP/1.1 only, as all clients
//! speak it.

mod accept;
mod host;
mod patient;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::app::App;
use crate::dispatch;
use crate::limits::Limits;
use crate::route::{self, Route};

pub use tls::TlsFiles;

/// Threads that move bytes.
const SOCKET_THREADS: usize = 2;
/// Threads that run handlers.
const HANDLER_THREADS_MAX: usize = 32;
/// How long threads that still work at the end are waited for, after all else.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// What the server is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names besides localhost and the listener's own address.
    pub names: Vec<String>,
    /// Without them plain HTTP is spoken.
    pub tls: Option<TlsFiles>,
    /// Allows plain HTTP beyond this machine.
    pub insecure: bool,
    /// Sizes, counts and times.
    pub limits: Limits,
}

impl Settings {
    /// Plain HTTP at an address, with the usual limits.
    pub fn at(listen: SocketAddr) -> Self {
        Settings { listen, names: Vec::new(), tls: None, insecure: false, limits: Limits::default() }
    }
}

/// A running server. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    patience: Duration,
    running: Option<Running>,
}

struct Running {
    runtime: Runtime,
    accepting: JoinHandle<()>,
    site: Arc<accept::Site>,
}

impl Server {
    /// Binds the address and serves the routes from then on. Fails with `Invalid` on settings that would expose
    /// tokens, with `Conflict` if the address is taken, with `Bug` on a table that contradicts itself.
    pub fn start(settings: Settings, app: App, routes: &[Route]) -> Result<Server> {
        let faults = route::faults(routes);
        if !faults.is_empty() {
            return Err(Error::bug(format!("the table of routes is wrong: {}", faults.join("; "))));
        }
        must_be_protected(&settings)?;
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let listener = bind(settings.listen)?;
        let address = listener.local_addr().doing("ask for the address of", settings.listen)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(SOCKET_THREADS)
            .max_blocking_threads(HANDLER_THREADS_MAX)
            .thread_name("api")
            .enable_io()
            .enable_time()
            .build()
            .doing("start the threads of", "the API")?;
        let site = Arc::new(accept::Site {
            router: dispatch::router(Arc::new(app), routes, settings.limits, address.ip().is_loopback()),
            tls,
            names: settings.names.into(),
            limits: settings.limits,
            connections: Mutex::new(Some(GracefulShutdown::new())),
        });
        let inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).doing("listen at", address)?;
        let accepting = runtime.spawn(accept::run(listener, Arc::clone(&site)));
        drop(inside);
        let running = Running { runtime, accepting, site };
        Ok(Server { address, patience: settings.limits.stop, running: Some(running) })
    }

    /// Where it listens, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections, lets running requests end, and closes. Waits for [`Limits::stop`] at most.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(Running { runtime, accepting, site }) = self.running.take() else { return };
        accepting.abort();
        let patience = self.patience;
        let ended = runtime.block_on(async move {
            let _ = accepting.await;
            match site.take_connections() {
                Some(connections) => tokio::time::timeout(patience, connections.shutdown()).await,
                None => Ok(()),
            }
        });
        if ended.is_err() {
            tracing::info!("connections were cut at the stop of the API, {} s were not enough", patience.as_secs());
        }
        runtime.shutdown_timeout(LAST_PATIENCE);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn must_be_protected(settings: &Settings) -> Result<()> {
    if settings.tls.is_some() || settings.insecure || settings.listen.ip().is_loopback() {
        return Ok(());
    }
    let what = format!("{} can be reached from other machines, and tokens would go there unencrypted", settings.listen);
    Err(Error::invalid(what).hint("give --tls-cert and --tls-key, or --insecure if something in front of it encrypts"))
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        let error = Error::io(error, "listen at", address);
        if !taken {
            return error;
        }
        error.with_kind(farshore_types::ErrorKind::Conflict).hint("stop what listens there, or choose another --listen")
    })?;
    listener.set_nonblocking(true).doing("listen at", address)?;
    Ok(listener)
}
