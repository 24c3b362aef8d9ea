//! Who may do what: roles and permissions in one table. Permissions have the names of the public API's documentation
//! ("Roles and permissions", heading "Project and service permissions"). Pure: who has which role is kept elsewhere.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What a member of a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything, members and keys included.
    Owner,
    /// Everything about services, nothing about members.
    Operator,
    /// Works with the data and connects; changes no service.
    Developer,
    /// Reads, and forks to new services; sees no password and changes nothing that exists.
    Recoverer,
    /// Reads; sees no password and no log.
    Viewer,
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See projects, services, their backups and metrics; no passwords, no logs.
    ServicesRead,
    /// Create, delete, resize, move, power off and on.
    ServicesWrite,
    /// Change options, schedule, tags, protection, maintenance; take a backup now.
    ConfigurationWrite,
    /// Databases, connection pools, queries.
    DataWrite,
    /// See the lines that engines and agents write.
    LogsRead,
    /// See passwords and addresses that hold them.
    SecretsRead,
    /// Create and delete the accounts of a database, give them passwords.
    UsersWrite,
    /// Fork a service to a new one.
    Recover,
    /// See integrations.
    IntegrationsRead,
    /// Create, change and delete integrations.
    IntegrationsWrite,
    /// See networks and addresses.
    NetworkingRead,
    /// See what happened in the project.
    EventsRead,
    /// See who is a member.
    MembersRead,
    /// Invite, remove and promote members.
    MembersWrite,
    /// Rename, tag and delete the project.
    ProjectWrite,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Role; 5] = [Role::Owner, Role::Operator, Role::Developer, Role::Recoverer, Role::Viewer];

    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Operator => "operator",
            Role::Developer => "developer",
            Role::Recoverer => "recoverer",
            Role::Viewer => "viewer",
        }
    }

    /// Whether the role includes the permission.
    pub const fn may(self, permission: Permission) -> bool {
        let [owner, operator, developer, recoverer, viewer] = row(permission);
        match self {
            Role::Owner => owner,
            Role::Operator => operator,
            Role::Developer => developer,
            Role::Recoverer => recoverer,
            Role::Viewer => viewer,
        }
    }

    /// Refuses what the role does not include, and says which roles do.
    pub fn must_be_allowed(self, permission: Permission) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| role.may(permission)).map(Role::name).collect();
        let what = format!("role {self} does not include the permission {permission}");
        Err(Error::denied(what).hint(format!("ask a member with the role {}", roles.join(" or "))))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    /// The documented words of other clients are read too: `admin` is an owner, `read_only` a viewer.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "admin" => return Ok(Role::Owner),
            "read_only" => return Ok(Role::Viewer),
            "role:services:recover" => return Ok(Role::Recoverer),
            _ => {}
        }
        Role::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::invalid(format!("{shown:?} is not a role"))
                .hint("use one of owner, operator, developer, recoverer, viewer")
        })
    }
}

impl Permission {
    /// All of them, in the order of the table.
    pub const ALL: [Permission; 15] = [
        Permission::ServicesRead,
        Permission::ServicesWrite,
        Permission::ConfigurationWrite,
        Permission::DataWrite,
        Permission::LogsRead,
        Permission::SecretsRead,
        Permission::UsersWrite,
        Permission::Recover,
        Permission::IntegrationsRead,
        Permission::IntegrationsWrite,
        Permission::NetworkingRead,
        Permission::EventsRead,
        Permission::MembersRead,
        Permission::MembersWrite,
        Permission::ProjectWrite,
    ];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            Permission::ServicesRead => "project:services:read",
            Permission::ServicesWrite => "project:services:write",
            Permission::ConfigurationWrite => "service:configuration:write",
            Permission::DataWrite => "service:data:write",
            Permission::LogsRead => "service:logs:read",
            Permission::SecretsRead => "service:secrets:read",
            Permission::UsersWrite => "service:users:write",
            Permission::Recover => "role:services:recover",
            Permission::IntegrationsRead => "project:integrations:read",
            Permission::IntegrationsWrite => "project:integrations:write",
            Permission::NetworkingRead => "project:networking:read",
            Permission::EventsRead => "project:audit_logs:read",
            Permission::MembersRead => "project:permissions:read",
            Permission::MembersWrite => "project:permissions:write",
            Permission::ProjectWrite => "organization:projects:write",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Owner, operator, developer, recoverer, viewer.
#[rustfmt::skip]
const fn row(permission: Permission) -> [bool; 5] {
    const Y: bool = true;
    const N: bool = false;
    match permission {
        Permission::ServicesRead       => [Y, Y, Y, Y, Y],
        Permission::ServicesWrite      => [Y, Y, N, N, N],
        Permission::ConfigurationWrite => [Y, Y, N, N, N],
        Permission::DataWrite          => [Y, Y, Y, N, N],
        Permission::LogsRead           => [Y, Y, Y, Y, N],
        Permission::SecretsRead        => [Y, Y, Y, N, N],
        Permission::UsersWrite         => [Y, Y, Y, N, N],
        Permission::Recover            => [Y, Y, N, Y, N],
        Permission::IntegrationsRead   => [Y, Y, Y, Y, Y],
        Permission::IntegrationsWrite  => [Y, Y, N, N, N],
        Permission::NetworkingRead     => [Y, Y, Y, Y, Y],
        Permission::EventsRead         => [Y, Y, Y, Y, N],
        Permission::MembersRead        => [Y, Y, N, N, N],
        Permission::MembersWrite       => [Y, N, N, N, N],
        Permission::ProjectWrite       => [Y, N, N, N, N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_exactly_these_permissions() {
        let read = ["project:services:read", "project:integrations:read", "project:networking:read"];
        let with_read = |more: &[&'static str]| {
            let mut names: Vec<&str> = read.iter().chain(more).copied().collect();
            names.sort_unstable();
            names
        };
        let services = [
            "project:services:write",
            "service:configuration:write",
            "service:data:write",
            "service:logs:read",
            "service:secrets:read",
            "service:users:write",
            "role:services:recover",
            "project:integrations:write",
            "project:audit_logs:read",
            "project:permissions:read",
        ];
        let owner = [&services[..], &["project:permissions:write", "organization:projects:write"]].concat();
        let developer = [
            "service:data:write",
            "service:logs:read",
            "service:secrets:read",
            "service:users:write",
            "project:audit_logs:read",
        ];
        let recoverer = ["role:services:recover", "service:logs:read", "project:audit_logs:read"];
        let table = [
            (Role::Owner, with_read(&owner)),
            (Role::Operator, with_read(&services)),
            (Role::Developer, with_read(&developer)),
            (Role::Recoverer, with_read(&recoverer)),
            (Role::Viewer, with_read(&[])),
        ];
        for (role, expect) in table {
            let mut found: Vec<&str> =
                Permission::ALL.into_iter().filter(|permission| role.may(*permission)).map(Permission::name).collect();
            found.sort_unstable();
            assert_eq!(found, expect, "{role}");
        }
    }

    #[test]
    fn who_recovers_changes_nothing_that_exists_and_sees_no_password() {
        let writes = Permission::ALL.into_iter().filter(|permission| permission.name().ends_with(":write"));
        for permission in writes.chain([Permission::SecretsRead]) {
            for role in [Role::Recoverer, Role::Viewer] {
                assert!(!role.may(permission), "{role} {permission}");
            }
        }
    }

    #[test]
    fn an_owner_may_everything_and_every_refusal_says_whom_to_ask() {
        assert!(Permission::ALL.into_iter().all(|permission| Role::Owner.may(permission)));
        let error = Role::Viewer.must_be_allowed(Permission::Recover).unwrap_err().to_string();
        let expect = "role viewer does not include the permission role:services:recover \
                      (ask a member with the role owner or operator or recoverer)";
        assert_eq!(error, expect);
        assert!(Role::Viewer.must_be_allowed(Permission::ServicesRead).is_ok());
    }

    #[test]
    fn roles_are_read_back_from_their_names_and_from_the_words_of_other_clients() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
        let table = [("admin", Role::Owner), ("read_only", Role::Viewer), ("role:services:recover", Role::Recoverer)];
        for (text, role) in table {
            assert_eq!(text.parse::<Role>().unwrap(), role);
        }
        assert!("root".parse::<Role>().is_err());
    }
}
