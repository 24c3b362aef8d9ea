//! A platform is one account in one organization. Clients ask for both to find the projects below them.

use farshore_control::bootstrap;
use farshore_types::{Error, Result};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape::project::{ACCOUNT, ACCOUNT_NAME, ORGANIZATION};
use crate::wire::account::organization::{
    Account, AccountAnswer, AccountsAnswer, OrganizationAnswer, OrganizationsAnswer,
};
use crate::wire::common::{Object, Time};

const MINE: Access = Access::Authenticated;
const ONE: &str = "/v1/organization/{organization}";
const ALL_ACCOUNTS: &str = "/v1/account";
const ACCOUNT_ONE: &str = "/v1/account/{account}";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, ONE, "OrganizationGet", MINE, "The organization of this platform").answered_by(organization),
        route(Method::Get, "/v1/organizations", "UserOrganizationsList", MINE, "The organization of this platform")
            .answered_by(organizations),
        route(Method::Get, ALL_ACCOUNTS, "AccountList", MINE, "The account of this platform").answered_by(accounts),
        route(Method::Get, ACCOUNT_ONE, "AccountGet", MINE, "The account of this platform").answered_by(account),
    ]
}

fn organization(call: &Call) -> Result<OrganizationAnswer> {
    must_be_ours(call.path("organization")?)?;
    the_organization(call)
}

fn organizations(call: &Call) -> Result<OrganizationsAnswer> {
    Ok(OrganizationsAnswer { organizations: vec![the_organization(call)?] })
}

fn account(call: &Call) -> Result<AccountAnswer> {
    must_be_ours(call.path("account")?)?;
    Ok(AccountAnswer { account: the_account(call)? })
}

fn accounts(call: &Call) -> Result<AccountsAnswer> {
    Ok(AccountsAnswer { accounts: vec![the_account(call)?] })
}

fn the_organization(call: &Call) -> Result<OrganizationAnswer> {
    let begun = Time(bootstrap::begun_at(call.control()?)?);
    Ok(OrganizationAnswer {
        organization_id: ORGANIZATION.to_string(),
        organization_name: ACCOUNT_NAME.to_string(),
        account_id: ACCOUNT.to_string(),
        create_time: begun,
        update_time: begun,
        tier: "business".to_string(),
    })
}

fn the_account(call: &Call) -> Result<Account> {
    let begun = Time(bootstrap::begun_at(call.control()?)?);
    Ok(Account {
        account_id: ACCOUNT.to_string(),
        account_name: ACCOUNT_NAME.to_string(),
        account_owner_team_id: String::new(),
        create_time: begun,
        update_time: begun,
        features: Object::new(),
        is_account_owner: false,
        is_account_member: false,
        organization_id: ORGANIZATION.to_string(),
        primary_billing_group_id: String::new(),
        root_account_id: ACCOUNT.to_string(),
        tenant_id: String::new(),
    })
}

/// The older Go client sends an empty text where no account is meant.
pub(super) fn may_be_ours(id: Option<&str>) -> Result<()> {
    id.filter(|id| !id.is_empty()).map_or(Ok(()), must_be_ours)
}

/// A platform is one account, in one organization.
fn must_be_ours(id: &str) -> Result<()> {
    if [ACCOUNT, ORGANIZATION].contains(&id) {
        return Ok(());
    }
    let shown: String = id.chars().take(64).collect();
    let hint = format!("this platform has the account {ACCOUNT} alone");
    Err(Error::missing(format!("account {shown:?} does not exist")).hint(hint))
}
