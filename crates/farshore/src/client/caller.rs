//! Who calls: one platform, one user, one project, and how answers are printed.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::{Clock, Error, Result};
use serde_json::Value;

use super::answers::{Project, part};
use super::api::{Api, path};
use super::args::ApiArgs;
use super::{reach, text, watch};
use crate::output;

/// The API of a platform as one user, in one project, and how to answer.
pub struct Client {
    /// To call it.
    pub api: Api,
    /// The project, if one was named.
    pub named: Option<String>,
    /// Whether answers are printed as they are.
    pub as_json: bool,
    /// To wait by.
    pub clock: Arc<dyn Clock>,
}

impl Client {
    /// From what was typed and the surroundings; nothing is sent yet.
    pub fn new(args: &ApiArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<Client> {
        let reach = reach::find(args, &|name| std::env::var(name).ok())?;
        let named = reach.project.clone();
        Ok(Client { api: Api::new(reach)?, named, as_json, clock: clock.clone() })
    }

    /// The project that was named, or the only one there is.
    pub fn project(&self) -> Result<String> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        let projects: Vec<Project> = part(&self.api.get("/project")?, "projects")?;
        match projects.as_slice() {
            [only] => Ok(only.project_name.clone()),
            [] => Err(Error::missing("you are a member of no project").hint("farshore project create NAME")),
            several => {
                let names: Vec<String> = several.iter().map(|project| text::plain(&project.project_name)).collect();
                let what = format!("you have several projects: {}", names.join(", "));
                Err(Error::invalid(what).hint("give --project, or set AIVEN_PROJECT"))
            }
        }
    }

    /// A path below the project.
    pub fn path(&self, parts: &[&str]) -> Result<String> {
        let project = self.project()?;
        Ok(path(&[&["project", project.as_str()][..], parts].concat()))
    }

    /// Prints the API's answer as it is, or what `sentences` makes of it.
    pub fn answer(&self, answer: &Value, sentences: impl FnOnce() -> Result<String>) -> Result<ExitCode> {
        match self.as_json {
            true => output::json(answer),
            false => output::say(&sentences()?),
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Waits, and shows how far it is.
    pub fn until<T>(&self, timeout_s: u64, what: &str, look: impl FnMut() -> Result<watch::Seen<T>>) -> Result<T> {
        watch::until(self.clock.as_ref(), Duration::from_secs(timeout_s), what, look)
    }
}
