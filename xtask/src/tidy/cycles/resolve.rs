//! From a path as written to the module that defines what it names.

use std::collections::BTreeMap;

use super::super::modules;
use super::names::{Names, Reference};

/// Steps through re-exports before the search gives up (glob re-exports can run in circles).
const RE_EXPORTS_MAX: usize = 8;

/// The modules of one crate by path; the root is the empty path.
#[derive(Default)]
pub struct Crate {
    modules: BTreeMap<String, (String, Names)>,
}

impl Crate {
    /// Adds one module and the file it stands in.
    pub fn add(&mut self, module: String, path: String, names: Names) {
        self.modules.insert(module, (path, names));
    }

    /// The file of a module.
    pub fn path_of(&self, module: &str) -> &str {
        self.modules.get(module).map_or("", |(path, _)| path)
    }

    /// Every use of one module by another: user, used, line in the user's file.
    pub fn edges(&self) -> Vec<(String, String, usize)> {
        let mut edges = Vec::new();
        for (module, (_, names)) in &self.modules {
            for reference in &names.references {
                if let Some(target) = self.resolve(module, &reference.segments, 0)
                    && target != *module
                    && !hands_on_child(module, &target, reference)
                {
                    edges.push((module.clone(), target, reference.line));
                }
            }
        }
        edges
    }

    /// The module that defines what `segments` names, seen from module `from`; none for what is outside the crate.
    fn resolve(&self, from: &str, segments: &[String], depth: usize) -> Option<String> {
        let (first, rest) = segments.split_first()?;
        if depth > RE_EXPORTS_MAX {
            return None;
        }
        match first.as_str() {
            "crate" => Some(self.walk("", rest, depth)),
            "self" => Some(self.walk(from, rest, depth)),
            "super" => {
                let ups = rest.iter().take_while(|segment| *segment == "super").count();
                let at = (0..=ups).fold(from, |at, _| modules::parent(at));
                Some(self.walk(at, &rest[ups..], depth))
            }
            name if self.has(&modules::child(from, name)) => Some(self.walk(from, segments, depth)),
            name => {
                let imported = self.names(from)?.imported.get(name)?;
                if imported.first() == Some(first) && imported.len() == 1 {
                    return None;
                }
                let whole: Vec<String> = imported.iter().chain(rest).cloned().collect();
                self.resolve(from, &whole, depth + 1)
            }
        }
    }

    /// Follows `segments` down from module `at`, through children and through names that a module hands on.
    fn walk(&self, at: &str, segments: &[String], depth: usize) -> String {
        let Some((first, rest)) = segments.split_first() else { return at.to_string() };
        let below = modules::child(at, first);
        if self.has(&below) {
            return self.walk(&below, rest, depth);
        }
        let Some(names) = self.names(at) else { return at.to_string() };
        if let Some(imported) = names.imported.get(first) {
            let whole: Vec<String> = imported.iter().chain(rest).cloned().collect();
            return self.resolve(at, &whole, depth + 1).unwrap_or_else(|| at.to_string());
        }
        if !names.defined.contains(first) {
            for glob in &names.globs {
                if let Some(target) = self.resolve(at, glob, depth + 1)
                    && self.names(&target).is_some_and(|names| names.defined.contains(first))
                {
                    return target;
                }
            }
        }
        at.to_string()
    }

    fn has(&self, module: &str) -> bool {
        self.modules.contains_key(module)
    }

    fn names(&self, module: &str) -> Option<&Names> {
        self.modules.get(module).map(|(_, names)| names)
    }
}

/// `pub use` of something below the module itself.
fn hands_on_child(module: &str, target: &str, reference: &Reference) -> bool {
    reference.handed_on && (module.is_empty() || target.starts_with(&format!("{module}::")))
}
