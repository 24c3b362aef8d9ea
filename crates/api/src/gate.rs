//! Who may come in.
//!
//! [`Gate`] is asked before each handler: who holds this token, and may this caller do that in this project. It blocks
//! and is called on the threads of the handlers. The gate of a platform asks the use cases.

use std::net::IpAddr;
use std::sync::Arc;

use farshore_control::{Control, access};
use farshore_types::Result;
use farshore_types::access::Permission;

/// Who is calling, as the gate found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name under which the user logs in.
    pub user: String,
    /// What names the token without giving it away: its first characters.
    pub token_prefix: String,
    /// Where the call came from.
    pub address: IpAddr,
    /// What the client calls itself; empty if it does not say.
    pub user_agent: String,
}

/// Who may come in, and who may do what.
pub trait Gate: Send + Sync {
    /// Who holds this token. `Denied` (answered with 401) if nobody does, or it has expired. Any other kind is a fault of
    /// ours. The token must not stand in the error.
    fn authenticate(&self, token: &str, address: IpAddr, user_agent: &str) -> Result<Caller>;

    /// Fails with `Denied`, or with `Missing` where the caller may not know that the project exists.
    fn may(&self, caller: &Caller, project: &str, permission: Permission) -> Result<()>;
}

/// Asks the platform.
pub(crate) struct PlatformGate(pub(crate) Arc<Control>);

impl Gate for PlatformGate {
    fn authenticate(&self, token: &str, address: IpAddr, user_agent: &str) -> Result<Caller> {
        let session = access::authenticate(&self.0, token, address, user_agent)?;
        let user_agent = user_agent.to_string();
        Ok(Caller { user: session.email, token_prefix: session.token_prefix, address, user_agent })
    }

    fn may(&self, caller: &Caller, project: &str, permission: Permission) -> Result<()> {
        access::may(&self.0, &caller.user, project, permission)
    }
}
