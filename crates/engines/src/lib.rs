//! The databases that Farshore knows, one folder per service type, with the same file names in each.
//!
//! What lives here: the files, protocols and settings of a database. What this crate refuses to know: where bytes are
//! stored (vault, objects), who asks (control, api), and how processes are started: it returns
//! [`farshore_types::Program`] values, and the agent runs them. A missing ability is a missing file.

pub mod postgresql;
