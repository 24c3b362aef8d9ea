//! The options of a service, which the API calls `user_config`.
//!
//! Each option is one typed definition: bounds, pattern, what is taken if it is left out, whether it can change later, and
//! what it does. Everything else follows from the definitions: what is accepted, what an error says, which settings a
//! server gets, the schema that clients read. Promises: an accepted text holds no control character, and no quote or
//! backslash where it becomes a setting of a server; a value marked as secret stands in no error.
//!
//! Every option can be given as null, which resets it; one that is left out of an update stays as it is; objects merge
//! option by option, lists are replaced as a whole. Nothing here does IO, so there is nothing that a crash could leave.

mod check;
mod definition;
mod merge;
mod nearest;
mod options;
mod pattern;
mod schema;
mod validate;
mod value;

pub use check::Check;
pub use definition::{Applies, Definition, Fallback, Kind, Text};
pub use merge::merge;
pub use nearest::nearest;
pub use pattern::Pattern;
pub use schema::{Limits, Purpose, Schema};
pub use validate::Problem;
pub use value::Config;
