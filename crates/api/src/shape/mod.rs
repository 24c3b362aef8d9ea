//! From the data of use cases to the JSON of answers, field by field, one file for each noun. Pure, except where a service is looked at.
//!
//! Passwords, and addresses that hold them, are written for callers who may see them, and left out for all others: the fields stay.

pub(crate) mod backup;
pub(crate) mod catalog;
pub(crate) mod integration;
pub(crate) mod log;
pub(crate) mod metric;
pub(crate) mod node;
pub(crate) mod project;
pub(crate) mod run;
pub(crate) mod service;
pub(crate) mod token;
pub(crate) mod uri;
