//! PostgreSQL 13 to 18.
//!
//! [`wire`] talks to a server, [`snapshot`] freezes it for a backup, [`files`] lists what to read, [`page`] and
//! [`control`] know its bytes on disk, [`replication`] and [`history`] its log, [`provision`] and [`recovery`] write its
//! settings, [`admin`] its users and databases, [`statements`] what it counts of queries, [`attach`] says which rights are needed on a
//! cluster made by somebody else.

pub mod admin;
pub mod attach;
pub mod conf;
pub mod control;
pub mod files;
pub mod history;
pub mod locale;
pub mod page;
pub mod provision;
pub mod recovery;
pub mod replication;
pub mod server;
pub mod slot;
pub mod snapshot;
pub mod statements;
pub mod tablespace_log;
pub mod wire;
