//! Projects and their members. A platform is one account in one organization.

use std::collections::BTreeMap;

use farshore_control::access::Membership;
use farshore_control::{Control, contacts, members, rows, tags};
use farshore_types::Result;

use crate::wire::account::project::{Invitation, Member, Project};
use crate::wire::common::{Object, TechEmail, Time};

/// The account of the platform. Clients take an id that begins with `org` for an organization.
pub(crate) const ACCOUNT: &str = "a0000000001";
/// The organization of the platform.
pub(crate) const ORGANIZATION: &str = "org0000000001";
/// The name of both.
pub(crate) const ACCOUNT_NAME: &str = "farshore";

/// A project with its tags.
pub(crate) fn project(control: &Control, project: &rows::Project) -> Result<Project> {
    Ok(Project {
        project_name: project.name.clone(),
        account_id: ACCOUNT.to_string(),
        account_name: ACCOUNT_NAME.to_string(),
        organization_id: ORGANIZATION.to_string(),
        default_cloud: project.default_region.clone(),
        tech_emails: tech_emails(control, &project.name, tags::On::Project)?,
        tags: tags::list(control, &project.name, tags::On::Project)?,
        features: Object::new(),
        available_credits: "0.00".to_string(),
        estimated_balance: "0.00".to_string(),
        billing_currency: "USD".to_string(),
        payment_method: "no_payment_expected".to_string(),
        ..Project::default()
    })
}

/// Who is told about technical matters.
pub(crate) fn tech_emails(control: &Control, project: &str, on: tags::On<'_>) -> Result<Vec<TechEmail>> {
    let emails = contacts::list(control, project, on)?;
    Ok(emails.into_iter().map(|email| TechEmail { email }).collect())
}

/// Project to role, and project to roles.
pub(crate) fn roles(all: &[Membership]) -> (BTreeMap<String, String>, BTreeMap<String, Vec<String>>) {
    let role = |one: &Membership| (one.project.name.clone(), one.role.name().to_string());
    let single: BTreeMap<String, String> = all.iter().map(role).collect();
    let listed = single.iter().map(|(project, role)| (project.clone(), vec![role.clone()])).collect();
    (single, listed)
}

/// A member.
pub(crate) fn member(member: members::Member) -> Member {
    Member {
        user_email: member.email,
        real_name: member.real_name,
        member_type: member.role.name().to_string(),
        auth: vec!["password".to_string()],
        create_time: Time(member.created_at),
        billing_contact: false,
        team_id: String::new(),
        team_name: String::new(),
    }
}

/// Somebody who is invited.
pub(crate) fn invitation(open: members::Invited) -> Invitation {
    Invitation {
        invited_user_email: open.email,
        inviting_user_email: open.invited_by,
        invite_time: Time(open.at),
        member_type: open.role.name().to_string(),
    }
}
