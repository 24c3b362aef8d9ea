//! Which extensions an installation offers to users that are no superusers, by its control files and scripts (PostgreSQL
//! documentation, "Packaging Related Objects into an Extension"). Read from disk: no server needs to run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use farshore_types::Result;
use farshore_types::error::ErrorContext;

use super::folders::Folders;

/// Files of the folder that are looked at; contributed modules have some 200.
const FILES_MAX: usize = 20_000;
/// Largest part of a control file that is read; they have some ten lines.
const CONTROL_BYTES_MAX: u64 = 64 << 10;

/// An extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Versions that can be made, the oldest first.
    pub versions: Vec<String>,
}

/// Scripts of one extension.
#[derive(Default)]
struct Scripts {
    /// Versions that have a script of their own.
    whole: BTreeSet<String>,
    /// From which version to which.
    updates: Vec<(String, String)>,
}

impl Folders {
    /// Extensions that the owner of a database may make, by name: trusted ones, and those that need no superuser at all.
    pub fn offered(&self) -> Result<Vec<Extension>> {
        let (mut names, mut scripts) = (BTreeSet::new(), BTreeMap::<String, Scripts>::new());
        let shown = self.extensions.display();
        for entry in fs::read_dir(&self.extensions).doing("list", &shown)?.take(FILES_MAX) {
            let entry = entry.doing("list", &shown)?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            if let Some(name) = file.strip_suffix(".control").filter(|name| !name.contains("--")) {
                if is_for_everybody(&beginning(&entry.path())?) {
                    names.insert(name.to_string());
                }
            } else if let Some(script) = file.strip_suffix(".sql") {
                let parts: Vec<&str> = script.split("--").collect();
                match parts.as_slice() {
                    [name, version] => {
                        scripts.entry((*name).to_string()).or_default().whole.insert((*version).to_string());
                    }
                    [name, from, to] => {
                        let update = ((*from).to_string(), (*to).to_string());
                        scripts.entry((*name).to_string()).or_default().updates.push(update);
                    }
                    _ => {}
                }
            }
        }
        let versions = |name: &String| scripts.get(name).map(Scripts::versions).unwrap_or_default();
        Ok(names.into_iter().map(|name| Extension { versions: versions(&name), name }).collect())
    }
}

impl Scripts {
    /// What has a script of its own, and what updates lead to from there.
    fn versions(&self) -> Vec<String> {
        let mut found = self.whole.clone();
        loop {
            let leads_on = |(from, to): &&(String, String)| found.contains(from) && !found.contains(to);
            let Some((_, to)) = self.updates.iter().find(leads_on) else { break };
            found.insert(to.clone());
        }
        let mut versions: Vec<String> = found.into_iter().collect();
        versions.sort_by_cached_key(|version| numbers(version));
        versions
    }
}

/// `1.10` comes after `1.9`.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn beginning(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).doing("open", path.display())?;
    file.take(CONTROL_BYTES_MAX).read_to_end(&mut bytes).doing("read", path.display())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A control file is written like `postgresql.conf`; left out, an extension needs a superuser and is not trusted.
fn is_for_everybody(control: &str) -> bool {
    let says = |key: &str, words: &[&str]| {
        let mut values =
            control.lines().filter_map(|line| line.split_once('#').map_or(line, |(line, _)| line).split_once('='));
        values.rfind(|(name, _)| name.trim() == key).is_some_and(|(_, value)| {
            let value = value.trim().trim_matches('\'').to_ascii_lowercase();
            words.contains(&value.as_str())
        })
    };
    says("trusted", &["true", "on", "yes", "1"]) || says("superuser", &["false", "off", "no", "0"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_scripts_lead_to_in_the_order_of_their_numbers() {
        let text = |text: &str| text.to_string();
        let scripts = Scripts {
            whole: BTreeSet::from([text("1.4"), text("1.9")]),
            updates: vec![(text("1.10"), text("1.11")), (text("1.9"), text("1.10")), (text("0.1"), text("0.2"))],
        };
        assert_eq!(scripts.versions(), ["1.4", "1.9", "1.10", "1.11"]);
    }

    #[test]
    fn an_extension_is_offered_when_its_control_file_lets_everybody_make_it() {
        let table = [
            ("trusted = true\n", true),
            ("comment = 'x'\nsuperuser=false # no need\n", true),
            ("trusted = false\ntrusted = 'on'\n", true),
            ("# trusted = true\n", false),
            ("trusted = false\n", false),
            ("superuser = true\n", false),
            ("", false),
        ];
        for (control, offered) in table {
            assert_eq!(is_for_everybody(control), offered, "{control:?}");
        }
    }
}
