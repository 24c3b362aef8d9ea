//! Bounds in time of the log stream.

use std::time::Duration;

/// The longest pause between two marks on an idle server.
pub const MARK_PAUSE_MAX: Duration = Duration::from_secs(300);
/// A status message is sent at least this often; the server gives up after `wal_sender_timeout` (60 s by default).
pub const STATUS_PAUSE: Duration = Duration::from_secs(5);
/// A store that has taken nothing for this long although there is log is in trouble, whether it says so or not.
pub const STORE_PATIENCE: Duration = Duration::from_secs(5);
