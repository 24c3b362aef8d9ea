//! The nouns of Farshore and their parsing, shared by every room.
//!
//! What lives here: errors, identifiers, log positions, moments, page kinds, the files of a snapshot, recovery targets,
//! progress. What this crate refuses to know: files, sockets, processes, object stores, wire formats. Nothing here does
//! IO, except for the two sources that are injected everywhere else: [`clock`] and [`entropy`].

pub mod clock;
pub mod entropy;
pub mod error;
pub mod ids;
pub mod page;
pub mod position;
pub mod program;
pub mod progress;
pub mod snapshot;
pub mod target;
pub mod timestamp;
pub mod units;

pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use error::{Error, ErrorKind, Result};
pub use ids::{Generation, KeyId, RepositoryId, ServiceId, SessionId};
pub use page::{PageKind, PageState};
pub use position::{Position, Timeline};
pub use program::Program;
pub use progress::Progress;
pub use target::{Target, TargetKind};
pub use timestamp::Timestamp;
