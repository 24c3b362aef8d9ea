//! Everything that takes long, as runs of journaled steps. A body may run more than once; it tells hosts in whose name it acts, and they
//! refuse whoever was replaced meanwhile.

mod back_up;
mod configure;
mod create;
mod ended;
mod move_away;
mod names;
mod order;
mod power_off;
mod restore;
mod step;
mod terminate;
mod waits;

use std::time::Duration;

use farshore_runs::Kind;

use crate::Control;

pub use move_away::Destination;
pub use names::{BACK_UP, CONFIGURE, CREATE, MOVE, POWER_OFF, RESTORE, TERMINATE};
pub use order::{home, node_order};
pub use restore::Start;
pub use waits::waits;

/// How long passing faults are tried again.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// All kinds.
pub fn kinds() -> Vec<Kind<Control>> {
    let kind = |name, steps| Kind { name, deadline: DEADLINE, steps, ended: Some(ended::tell) };
    vec![
        kind(CREATE, create::steps()),
        kind(RESTORE, restore::steps()),
        kind(BACK_UP, back_up::steps()),
        kind(POWER_OFF, power_off::steps()),
        kind(MOVE, move_away::steps()),
        kind(CONFIGURE, configure::steps()),
        kind(TERMINATE, terminate::steps()),
    ]
}
