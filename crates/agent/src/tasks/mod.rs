//! The tasks in which a database meets the vault: archive its log, take a backup, restore and fork, fetch log for a recovery,
//! copy to this region. One verb per file.

pub mod archive_log;
pub mod archiving;
pub mod fetch_log;
pub mod fork;
pub mod protect;
pub mod stored;
pub mod take_backup;
pub mod takers;
pub mod windows;
