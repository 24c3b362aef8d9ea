//! The REST face: what the clients of the Aiven API speak, and the only room that knows its JSON.
//!
//! One table of routes ([`route::Route`]) is the source of the router, of the OpenAPI document ([`openapi`]) and of the
//! matrix of roles ([`matrix`]). Handlers are plain blocking functions; the futures that carry bytes to and from them stay
//! inside `server` and `dispatch`. What this crate refuses to know: SQL, object stores, processes. It keeps no state,
//! so a crash loses nothing but the answers that were under way.

pub mod answer;
pub mod app;
pub mod call;
mod dispatch;
pub mod failure;
pub mod gate;
mod limits;
pub mod matrix;
pub mod openapi;
mod query;
pub mod route;
pub mod routes;
pub mod schema;
pub mod server;
mod shape;
pub mod wire;

pub use answer::Answer;
pub use app::App;
pub use call::Call;
pub use failure::Failure;
pub use gate::{Caller, Gate};
pub use limits::Limits;
pub use route::{Access, Method, Route, route};
pub use server::{Server, Settings, TlsFiles};
