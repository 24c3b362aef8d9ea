//! The gate of a platform: who holds a token and what a role allows is asked of the use cases.

use std::net::IpAddr;
use std::sync::Arc;

use farshore_control::{Control, access};
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::app::{Caller, Gate};

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
