//! One region's object store: a small trait in domain words, the stores that implement it, and layers around them.
//!
//! Only this crate knows S3, Azure and GCS. Objects are put once and never changed. What this crate refuses to know:
//! what is in an object, and why it is put.

mod store;

pub use store::{ObjectInfo, ObjectStore};
