//! One region's object store: a small trait in domain words, the stores that implement it, and layers around them.
//!
//! Only this crate knows S3, Azure and GCS. Objects are put once and never changed. What this crate refuses to know:
//! what is in an object, and why it is put. On a crash every store holds whole objects only: a put that had not returned
//! may or may not have happened, one that had is durable.
//!
//! Stores: [`Local`] (a directory) and [`Bucket`] (anything that the `object_store` crate speaks; today only memory).
//! Layers, each an [`ObjectStore`] around another: see [`layers`]. What all of them promise is written as code in
//! [`contract`].

mod bucket;
pub mod contract;
pub mod layers;
mod local;
pub mod name;
mod open;
mod pieces;
mod store;

pub use bucket::Bucket;
pub use layers::{
    Budget, Dated, Deadline, Faults, Gate, Limit, Meter, Retry, Scoped, Shutter, ShutterState, Throttle, Verb,
};
pub use local::Local;
pub use open::{open, open_or_create};
pub use pieces::PieceOf;
pub use store::{ObjectInfo, ObjectStore};
