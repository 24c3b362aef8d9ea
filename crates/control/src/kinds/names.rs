//! The names of the kinds: runs that wait in the store are found by them, for ever.

/// Makes an empty service.
pub const CREATE: &str = "create";
/// Makes a service from a backup: a fork, a power-on, a rebuild.
pub const RESTORE: &str = "restore";
/// Takes a backup.
pub const BACK_UP: &str = "backup";
/// A last backup, the end of the log, and away with the node.
pub const POWER_OFF: &str = "power_off";
/// Gives a running node what its row says.
pub const CONFIGURE: &str = "configure";
/// A running service goes to another region.
pub const MOVE: &str = "move";
/// The end of the log, and away with the node; backups stay.
pub const TERMINATE: &str = "terminate";
