//! Who uses the platform: users, their tokens, their projects.

pub mod organization;
pub mod project;
pub mod token;
pub mod user;
