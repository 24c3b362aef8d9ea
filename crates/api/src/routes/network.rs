//! Addresses and networks of a project: there are none.

use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::network::{StaticIpsAnswer, VpcsAnswer};

const READ: Access = Access::Project(Permission::NetworkingRead);
const STATIC_IPS: &str = "/v1/project/{project}/static-ips";
const VPCS: &str = "/v1/project/{project}/vpcs";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, STATIC_IPS, "StaticIPList", READ, "Addresses that stay: none").answered_by(static_ips),
        route(Method::Get, VPCS, "VpcList", READ, "Private networks: none").answered_by(vpcs),
    ]
}

fn static_ips(_: &Call) -> Result<StaticIpsAnswer> {
    Ok(StaticIpsAnswer::default())
}

fn vpcs(_: &Call) -> Result<VpcsAnswer> {
    Ok(VpcsAnswer::default())
}
