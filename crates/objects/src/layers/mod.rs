//! Layers: each is a store around another store and adds one concern. Promises of the inner store hold through all of them.
//!
//! The order that makes sense, outermost first: `Scoped` (names), `Meter` (what the caller asked for), `Retry` (so that the
//! meter counts a call once, and a call that came too late is tried again), `Throttle`, `Limit` (a pause holds no slot),
//! `Deadline` (a wait for the rate or for a slot is not the store's silence), `Gate` (a region that is shut hangs as a lost one
//! would), then in tests `Faults` and `Dated`, then the store. A layer keeps nothing that a crash could lose.

mod budget;
mod dated;
mod deadline;
mod faults;
mod gate;
mod limit;
mod meter;
mod retry;
mod scoped;
mod throttle;
mod verb;

pub use budget::{BUDGET_URGENT_DEBT_MAX, Budget};
pub use dated::Dated;
pub use deadline::{DEADLINE_CALLS_MAX, DEADLINE_LISTINGS_MAX, Deadline};
pub use faults::{Action, Faults, Hook};
pub use gate::{Gate, Shutter, ShutterState};
pub use limit::Limit;
pub use meter::{Meter, Reading};
pub use retry::{RETRY_PAUSE_FIRST, RETRY_PAUSE_MAX, RETRY_TRIES_MAX, Retry};
pub use scoped::Scoped;
pub use throttle::Throttle;
pub use verb::Verb;
