//! Copying a repository into another region's store, pulled and without any key.
//!
//! The order keeps every stop in the middle harmless: wraps, then `format` ([`ensure_repository`]); journal objects in the order
//! of their positions ([`copy_journal`]); packs and journal of a backup, then its manifest ([`copy_backup`]). What is in the
//! target under a name with the right size is not copied again, so that the next run goes on where this one ended. Every object is
//! hashed on its way: damage in the source is found and does not spread.

mod backup;
mod journal;
mod objects;
mod plan;

pub use backup::copy_backup;
pub use journal::{Watermark, copy_journal, follow_journal};
pub use objects::{Copied, Settings};
pub use plan::{Order, ensure_repository, plan_copies};
