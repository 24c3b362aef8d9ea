//! Words that people hang on projects and services: kept as given, and limited.

use std::collections::BTreeMap;

use farshore_store::{Tx, projects, services, tags};
use farshore_types::{Error, Result, ServiceId};

use crate::access::no_project;
use crate::{Control, events};

/// Tags of one project or service.
pub const TAGS_MAX: usize = 100;
/// Characters of the longest key.
pub const KEY_CHARS_MAX: usize = 64;
/// Characters of the longest value.
pub const VALUE_CHARS_MAX: usize = 256;

/// What tags hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On<'a> {
    /// The project itself.
    Project,
    /// One of its services, by name.
    Service(&'a str),
}

/// All tags.
pub fn list(control: &Control, project: &str, on: On<'_>) -> Result<BTreeMap<String, String>> {
    control.store.read(|tx| {
        let place = find(tx, project, on)?;
        tags::list(tx, place.owner())
    })
}

/// Sets the keys that have a value, removes those that have none, leaves all others.
pub fn merge(
    control: &Control,
    actor: &str,
    project: &str,
    on: On<'_>,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<BTreeMap<String, String>> {
    change(control, actor, project, on, |mut all| {
        for (key, value) in changes {
            match value {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        }
        all
    })
}

/// Puts these tags in the place of all others.
pub fn replace(
    control: &Control,
    actor: &str,
    project: &str,
    on: On<'_>,
    tags: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    change(control, actor, project, on, |_| tags.clone())
}

/// Refuses tags that are too many, or whose keys or values are not allowed.
pub fn must_be_well_formed(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(Error::invalid(format!("{} tags, more than the {TAGS_MAX} there may be", tags.len())));
    }
    let in_key = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    for (key, value) in tags {
        let shown: String = key.chars().take(KEY_CHARS_MAX).collect();
        if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.chars().all(in_key) {
            let hint = format!("use 1 to {KEY_CHARS_MAX} letters, digits and _-.:/");
            return Err(Error::invalid(format!("{shown:?} cannot be the key of a tag")).hint(hint));
        }
        if value.chars().count() > VALUE_CHARS_MAX || value.contains(char::is_control) {
            let hint = format!("use at most {VALUE_CHARS_MAX} characters on one line");
            return Err(
                Error::invalid(format!("the value of tag {key} is too long, or has control characters")).hint(hint)
            );
        }
    }
    Ok(())
}

/// Where tags, and contacts, are kept.
pub(crate) struct Place {
    project_id: String,
    service: Option<(ServiceId, String)>,
}

impl Place {
    pub(crate) fn project_id(&self) -> &str {
        &self.project_id
    }

    pub(crate) fn service_name(&self) -> Option<&str> {
        self.service.as_ref().map(|(_, name)| name.as_str())
    }

    pub(crate) fn owner(&self) -> tags::Owner<'_> {
        match &self.service {
            None => tags::Owner::Project(&self.project_id),
            Some((id, _)) => tags::Owner::Service(id.as_str()),
        }
    }
}

fn change(
    control: &Control,
    actor: &str,
    project: &str,
    on: On<'_>,
    change: impl FnOnce(BTreeMap<String, String>) -> BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    control.store.write(|tx| {
        let place = find(tx, project, on)?;
        let before = tags::list(tx, place.owner())?;
        let after = change(before.clone());
        if after == before {
            return Ok(after);
        }
        must_be_well_formed(&after)?;
        tags::replace(tx, place.owner(), &after)?;
        let name = place.service_name();
        let (event, text) = match name {
            None => ("project_tags_update", "Changed the tags of the project".to_string()),
            Some(name) => ("service_tags_update", format!("Changed the tags of service {name}")),
        };
        events::record(tx, control, &place.project_id, actor, event, name, &text)?;
        Ok(after)
    })
}

pub(crate) fn find(tx: &mut Tx<'_>, project: &str, on: On<'_>) -> Result<Place> {
    let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
    let service = match on {
        On::Project => None,
        On::Service(name) => {
            let missing = || Error::missing(format!("service {name:?} does not exist"));
            let service = services::by_name(tx, &project.id, name)?.ok_or_else(missing)?;
            Some((service.id, service.name))
        }
    };
    Ok(Place { project_id: project.id, service })
}
