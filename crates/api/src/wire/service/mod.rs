//! What is asked of a service, and what it answers.

pub mod answer;
pub mod backup;
pub mod database;
pub mod extension;
pub mod log;
pub mod maintenance;
pub mod metric;
pub mod migration;
pub mod pool;
pub mod progress;
pub mod query;
pub mod request;
pub mod task;
pub mod user;
