//! Root keys, identities, recipients, and the wraps between them (docs/format.md, section 3).
//!
//! Secrets are never shown by `Debug` and never stand in an error.

mod age;
mod bech32;
mod identity;
mod root;

pub use identity::{Identity, Recipient};
pub use root::RootKey;
