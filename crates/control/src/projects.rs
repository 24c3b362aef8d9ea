//! Projects: what isolates services, backups and keys from each other. Each has a certificate authority of its own.

use std::collections::BTreeMap;

use farshore_store::members::{self, Member};
use farshore_store::projects::{self, Project};
use farshore_store::users::User;
use farshore_store::{Tx, id, services, tags as kept, taken};
use farshore_types::access::{Permission, Role};
use farshore_types::{Error, ErrorKind, ProjectName, Result};

use crate::access::{self, Membership, found, no_project};
use crate::{Control, contacts, events, pki, tags};

/// Projects of one user.
pub const PROJECTS_MAX: u32 = 1000;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewProject {
    /// Its name.
    pub name: String,
    /// Where services go that name no region; `None`: as in the project that is copied, else the platform's first.
    pub region: Option<String>,
    /// Takes over region, tags and contacts of this project, of which the user has to be a member.
    pub copy_from: Option<String>,
    /// Tags; they win over those that are taken over.
    pub tags: BTreeMap<String, String>,
    /// Who is told about technical matters; `None`: as in the project that is copied, else nobody.
    pub contacts: Option<Vec<String>>,
}

/// What is changed; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// Its new name.
    pub name: Option<String>,
    /// Where services go that name no region.
    pub region: Option<String>,
}

/// Makes a project that the user owns. `Conflict` if the name is taken.
pub fn create(control: &Control, user: &str, asked: &NewProject) -> Result<Project> {
    let name: ProjectName = asked.name.parse()?;
    if let Some(region) = &asked.region {
        control.settings.region(region)?;
    }
    if let Some(source) = &asked.copy_from {
        access::may(control, user, source, Permission::ServicesRead)?;
    }
    contacts::must_be_well_formed(asked.contacts.as_deref().unwrap_or_default())?;
    let mut project = new(control, &name, asked.region.as_deref())?;
    control.store.write(|tx| {
        let owner = found(tx, user)?;
        let owned = projects::of_user(tx, &owner.id, PROJECTS_MAX)?.len();
        if u32::try_from(owned).unwrap_or(u32::MAX) >= PROJECTS_MAX {
            return Err(Error::conflict(format!("{user} has {PROJECTS_MAX} projects, the most there may be")));
        }
        let (mut given, mut told) = (BTreeMap::new(), Vec::new());
        if let Some(source) = &asked.copy_from {
            let source = projects::by_name(tx, source)?.ok_or_else(|| no_project(source))?;
            given = kept::list(tx, kept::Owner::Project(&source.id))?;
            told = farshore_store::contacts::list(tx, kept::Owner::Project(&source.id))?;
            if asked.region.is_none() {
                project.default_region = source.default_region;
            }
        }
        given.extend(asked.tags.clone());
        tags::must_be_well_formed(&given)?;
        insert(tx, control, &project, &owner)?;
        kept::replace(tx, kept::Owner::Project(&project.id), &given)?;
        farshore_store::contacts::replace(
            tx,
            kept::Owner::Project(&project.id),
            asked.contacts.as_ref().unwrap_or(&told),
        )
    })?;
    Ok(project)
}

/// The projects that a user is a member of, in the order of their names.
pub fn list(control: &Control, user: &str) -> Result<Vec<Membership>> {
    control.store.read(|tx| {
        let user = found(tx, user)?;
        let all = projects::of_user(tx, &user.id, PROJECTS_MAX)?;
        let roles = members::of_user(tx, &user.id, PROJECTS_MAX)?;
        let mut shown = Vec::with_capacity(all.len());
        for project in all {
            if let Some(member) = roles.iter().find(|member| member.project_id == project.id) {
                shown.push(Membership { project, role: member.role.parse()? });
            }
        }
        Ok(shown)
    })
}

/// A project that a user is a member of; `Missing` where it is another one, or none.
pub fn get(control: &Control, user: &str, project: &str) -> Result<Membership> {
    control.store.read(|tx| access::member(tx, user, project))
}

/// Renames a project, or gives it another default region.
pub fn update(control: &Control, actor: &str, project: &str, patch: &Patch) -> Result<Project> {
    let name: Option<ProjectName> = patch.name.as_deref().map(str::parse).transpose()?;
    if let Some(region) = &patch.region {
        control.settings.region(region)?;
    }
    control.store.write(|tx| {
        let before = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        let mut after = before.clone();
        if let Some(name) = &name {
            after.name = name.to_string();
        }
        if let Some(region) = &patch.region {
            after.default_region.clone_from(region);
        }
        if after == before {
            return Ok(before);
        }
        projects::update(tx, &after).map_err(|error| in_use(error, &after.name))?;
        let text =
            format!("Project {} is now {} with the default region {}", before.name, after.name, after.default_region);
        events::record(tx, control, &after.id, actor, "project_update", None, &text)?;
        Ok(after)
    })
}

/// Deletes a project with its members, events, tags and integrations. `Conflict` while it has services, or backups of terminated ones.
pub fn delete(control: &Control, project: &str) -> Result<()> {
    control.store.write(|tx| {
        let found = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        if let Some(service) = services::of_project(tx, &found.id, 1)?.first() {
            let what = format!("project {project} has services, for example {}", service.name);
            return Err(Error::conflict(what).hint("terminate them first"));
        }
        projects::delete(tx, &found.id).map(drop).map_err(|error| match error.kind() {
            ErrorKind::Conflict => {
                Error::conflict(format!("project {project} keeps backups of services that were terminated"))
                    .hint("delete it when their time is over, 30 days after they were terminated")
            }
            _ => error,
        })
    })
}

/// A project that is not in the store yet, with a certificate authority.
pub(crate) fn new(control: &Control, name: &ProjectName, region: Option<&str>) -> Result<Project> {
    let region = match region {
        Some(region) => control.settings.region(region)?,
        None => control.settings.regions.first().ok_or_else(|| Error::invalid("the platform has no region"))?,
    };
    let now = control.clock.now();
    let id = id::new(now, control.entropy.as_ref())?;
    let secrets = Some(pki::new_authority(control, &id)?);
    Ok(Project { id, name: name.to_string(), default_region: region.name.to_string(), created_at: now, secrets })
}

/// Adds a project and its owner.
pub(crate) fn insert(tx: &mut Tx<'_>, control: &Control, project: &Project, owner: &User) -> Result<()> {
    projects::insert(tx, project).map_err(|error| in_use(error, &project.name))?;
    let role = Role::Owner.name().to_string();
    members::set(tx, &Member { project_id: project.id.clone(), user_id: owner.id.clone(), role })?;
    let text = format!("Created project {}", project.name);
    events::record(tx, control, &project.id, &owner.email, "project_create", None, &text)
}

fn in_use(error: Error, name: &str) -> Error {
    match taken(&error, "projects_name") {
        true => Error::conflict(format!("Project name is already in use: project {name} already exists"))
            .hint("choose another name"),
        false => error,
    }
}
