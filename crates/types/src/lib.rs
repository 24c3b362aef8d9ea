//! The nouns of Farshore and their parsing, shared by every room.
//!
//! What lives here: errors, identifiers and names, log positions, moments, page kinds, the files of a snapshot, recovery
//! targets, progress, service types with their plans and backup policies, roles and permissions, columns of statistics. What
//! this crate refuses to know: files, sockets, processes, object stores, wire formats. Nothing here does IO, except for the
//! two sources that are injected everywhere else: [`clock`] and [`entropy`].

pub mod access;
pub mod backup_policy;
pub mod clock;
pub mod entropy;
pub mod error;
pub mod ids;
pub mod names;
pub mod page;
pub mod plan;
pub mod position;
pub mod program;
pub mod progress;
pub mod service_type;
pub mod snapshot;
pub mod statistics;
pub mod target;
pub mod tier;
pub mod timestamp;
pub mod units;

pub use access::{Permission, Role};
pub use backup_policy::{BackupPolicy, RecoveryMode};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use error::{Error, ErrorKind, Result};
pub use ids::{Generation, KeyId, RepositoryId, ServiceId, SessionId};
pub use names::{ProjectName, RegionName, ServiceName};
pub use page::{PageKind, PageState};
pub use plan::Plan;
pub use position::{Position, Timeline};
pub use program::Program;
pub use progress::Progress;
pub use service_type::ServiceType;
pub use target::{Target, TargetKind};
pub use tier::Tier;
pub use timestamp::Timestamp;
