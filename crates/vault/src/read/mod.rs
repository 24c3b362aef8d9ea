//! Reading a backup: entries, content, restore into a folder. Parallel, in bounded memory, without any index download.

pub mod backup;
pub mod content;
mod folder;
pub mod frames;
pub mod pin;
pub mod restore;

pub use backup::{Entries, OpenBackup};
pub use content::{ContentReader, Piece};
pub use pin::Pin;
pub use restore::{Restored, restore};
