//! Runs and their journals. When a run goes on, and what its steps do, is decided by the room of that name; here are the
//! statements, of which [`save`] is the fence: it changes a row only for the owner and epoch that hold it.

mod ask;
mod find;
mod hold;
mod row;
mod steps;

pub use ask::{Asked, cancel, forget, insert, reopen};
pub use find::{free, get, of_subject, owned, unfinished_of_subject};
pub use hold::{Fence, Holding, beat, claim, save};
pub use row::{Bytes, Fault, Run, Situation, State};
pub use steps::{Direction, Journaled, journal, steps};
