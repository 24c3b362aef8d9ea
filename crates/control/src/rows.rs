//! The rows that use cases give out, by name, for those who show them and do not know the store.

pub use farshore_store::backups::Backup;
pub use farshore_store::events::Event;
pub use farshore_store::integrations::Integration;
pub use farshore_store::projects::Project;
pub use farshore_store::runs::{Run, State as RunState};
pub use farshore_store::services::Service;
pub use farshore_store::tokens::Token;
pub use farshore_store::users::User;
pub use farshore_store::windows::Window;
