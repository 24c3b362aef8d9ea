//! What cargo knows of the workspace: its crates, what they depend on, and the whole tree with versions and licences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The platform whose tree is judged; what only other systems compile is left out.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The crate of the workspace that is never shipped.
const TOOLS: &str = "xtask";

/// One package of the tree.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// The SPDX expression, if the package has one.
    pub license: Option<String>,
    /// A crate of this workspace.
    pub ours: bool,
    /// Ids of what it uses at run time or to build itself.
    uses: BTreeSet<String>,
    /// Ids of what only its tests use.
    test_uses: BTreeSet<String>,
    /// Ids of what is linked into its programs. A macro is run by the compiler, so nothing is linked through it.
    linked: BTreeSet<String>,
    /// Run by the compiler.
    is_macro: bool,
}

/// The packages by id.
#[derive(Debug, Default)]
pub struct Metadata {
    packages: BTreeMap<String, Package>,
}

impl Metadata {
    /// Asks `cargo metadata`.
    pub fn read(root: &Path) -> Result<Self, String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
        let asked = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--filter-platform", PLATFORM])
            .current_dir(root)
            .output()
            .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
        if !asked.status.success() {
            return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&asked.stderr).trim()));
        }
        let json = serde_json::from_slice(&asked.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
        Metadata::from_json(&json)
    }

    /// Reads the JSON of `cargo metadata`, format version 1.
    pub fn from_json(json: &Value) -> Result<Self, String> {
        let members: BTreeSet<&str> = list(json, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut packages = BTreeMap::new();
        for package in list(json, "packages")? {
            let id = text(package, "id")?;
            let new = Package {
                name: text(package, "name")?.to_string(),
                version: text(package, "version")?.to_string(),
                license: package["license"].as_str().map(str::to_string),
                ours: members.contains(id),
                uses: BTreeSet::new(),
                test_uses: BTreeSet::new(),
                linked: BTreeSet::new(),
                is_macro: is_macro(package)?,
            };
            packages.insert(id.to_string(), new);
        }
        for node in list(&json["resolve"], "nodes")? {
            let Some(package) = packages.get_mut(text(node, "id")?) else { continue };
            for used in list(node, "deps")? {
                read_kinds(package, used)?;
            }
        }
        let mut metadata = Metadata { packages };
        let reached = metadata.reached(|_| true, |package| package.uses.union(&package.test_uses));
        metadata.packages.retain(|id, _| reached.contains(id));
        Ok(metadata)
    }

    /// All packages that the platform compiles, tests included.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// The crates of the workspace with the names of the workspace's crates that they use: in the shipped code, and
    /// in tests only.
    pub fn arrows(&self) -> BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> {
        let ours = |ids: &BTreeSet<String>| -> BTreeSet<&str> {
            let packages = ids.iter().filter_map(|id| self.packages.get(id)).filter(|package| package.ours);
            packages.map(|package| short_name(&package.name)).collect()
        };
        let members = self.packages.values().filter(|package| package.ours);
        members.map(|package| (short_name(&package.name), (ours(&package.uses), ours(&package.test_uses)))).collect()
    }

    /// How many packages of others are linked into what the project ships; the tools in xtask ship nothing.
    pub fn external_count(&self) -> usize {
        let reached = self.reached(|package| package.name != TOOLS, |package| package.linked.iter());
        let foreign = |package: &&Package| !package.ours && !package.is_macro;
        reached.iter().filter_map(|id| self.packages.get(id)).filter(foreign).count()
    }

    /// Everything that the chosen crates of the workspace reach by the given edges, themselves included.
    fn reached<'a, I: Iterator<Item = &'a String>>(
        &'a self,
        chosen: impl Fn(&Package) -> bool,
        next: impl Fn(&'a Package) -> I,
    ) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let roots = self.packages.iter().filter(|(_, package)| package.ours && chosen(package));
        let mut open: Vec<&String> = roots.map(|(id, _)| id).collect();
        while let Some(id) = open.pop() {
            if reached.insert(id.clone())
                && let Some(package) = self.packages.get(id)
            {
                open.extend(next(package));
            }
        }
        reached
    }
}

/// `vault` for `farshore-vault`: the name that the documents use.
fn short_name(name: &str) -> &str {
    name.strip_prefix("farshore-").unwrap_or(name)
}

fn is_macro(package: &Value) -> Result<bool, String> {
    let kinds = list(package, "targets")?.iter().filter_map(|target| target["kind"].as_array()).flatten();
    Ok(kinds.filter_map(Value::as_str).any(|kind| kind == "proc-macro"))
}

/// What a macro uses is not linked into what uses the macro: its own edges are left out of `linked`.
fn read_kinds(package: &mut Package, used: &Value) -> Result<(), String> {
    let id = text(used, "pkg")?;
    for kind in list(used, "dep_kinds")? {
        match kind["kind"].as_str() {
            Some("dev") => package.test_uses.insert(id.to_string()),
            None if !package.is_macro => package.uses.insert(id.to_string()) | package.linked.insert(id.to_string()),
            _ => package.uses.insert(id.to_string()),
        };
    }
    Ok(())
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str, String> {
    json[key].as_str().ok_or_else(|| format!("cargo metadata has no text {key}"))
}

fn list<'a>(json: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    json[key].as_array().ok_or_else(|| format!("cargo metadata has no list {key}"))
}

/// A workspace for the tests of the rules: lines of `name version licence uses.. dev:uses.. build:uses..`, ours
/// where the version is `ours`, a macro where the name ends with `derive`.
#[cfg(test)]
pub fn sample(lines: &[&str]) -> Metadata {
    let mut json = serde_json::json!({"workspace_members": [], "packages": [], "resolve": {"nodes": []}});
    let push = |list: &mut Value, value: Value| list.as_array_mut().unwrap().push(value);
    let ids: Vec<String> = lines.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    for (line, id) in lines.iter().zip(&ids) {
        let words: Vec<&str> = line.split(' ').collect();
        let license = (words[2] != "-").then(|| words[2].replace('_', " "));
        let kind = if words[0].ends_with("derive") { "proc-macro" } else { "lib" };
        let mut package = serde_json::json!({"id": id, "name": words[0], "version": words[1], "license": license});
        package["targets"] = serde_json::json!([{"kind": [kind]}]);
        push(&mut json["packages"], package);
        if words[1] == "ours" {
            push(&mut json["workspace_members"], id.as_str().into());
        }
        let deps: Vec<Value> = words[3..]
            .iter()
            .map(|word| {
                let (kind, name) = word.split_once(':').map_or((None, *word), |(kind, name)| (Some(kind), name));
                let named = |id: &&String| id.starts_with(&format!("{name} ")) || id.replace(' ', "@") == *name;
                serde_json::json!({"pkg": ids.iter().find(named).unwrap(), "dep_kinds": [{"kind": kind}]})
            })
            .collect();
        push(&mut json["resolve"]["nodes"], serde_json::json!({"id": id, "deps": deps}));
    }
    Metadata::from_json(&json).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_are_told_by_kind_and_foreign_crates_are_counted_once() {
        let metadata = sample(&[
            "farshore-vault ours MIT farshore-types zstd dev:farshore-fake build:cc",
            "farshore-types ours MIT zstd derive",
            "farshore-fake ours MIT proptest",
            "xtask ours MIT parser",
            "zstd 1 MIT libc",
            "libc 1 MIT",
            "cc 1 MIT",
            "derive 1 MIT syn",
            "syn 1 MIT",
            "parser 1 MIT",
            "proptest 1 MIT",
            "windows 1 MIT",
        ]);
        let arrows = metadata.arrows();
        assert_eq!(arrows["vault"], (BTreeSet::from(["types"]), BTreeSet::from(["fake"])));
        assert_eq!(
            metadata.external_count(),
            3,
            "zstd, libc, proptest; no macro, build tool, tool of ours, or what nobody reaches"
        );
        assert!(metadata.packages().all(|package| package.name != "windows"));
    }
}
