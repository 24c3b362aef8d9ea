//! The module tree of each crate, read from file paths, and which of its files are tests only.
//!
//! Paths given by a `#[path]` attribute are not followed: the project has none.

use std::collections::BTreeSet;

use syn::Item;

use super::source::{self, Source};

/// Where a file stands: the crate's root file and the module path inside the crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The folder of the crate's sources, such as `crates/vault/src`, or the file of a crate that stands alone.
    pub root: String,
    /// `a::b`; empty for the root.
    pub module: String,
}

/// The place of a file under some `src/`; none for integration tests, benches and build scripts.
pub fn place(path: &str) -> Option<Place> {
    let (before, inside) = match path.split_once("/src/") {
        Some((before, inside)) => (format!("{before}/src"), inside),
        None => ("src".to_string(), path.strip_prefix("src/")?),
    };
    if inside.starts_with("bin/") {
        return Some(Place { root: path.to_string(), module: String::new() });
    }
    let mut parts: Vec<&str> = inside.strip_suffix(".rs")?.split('/').collect();
    if parts.last() == Some(&"mod") || (parts.len() == 1 && matches!(parts[0], "lib" | "main")) {
        parts.pop();
    }
    Some(Place { root: before, module: parts.join("::") })
}

/// The module path of a child.
pub fn child(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_string() } else { format!("{module}::{name}") }
}

/// The parent of a module; the root is its own parent.
pub fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// Files that only tests compile: integration tests, benches, and modules declared under `#[cfg(test)]` with all
/// that is below them.
pub fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut roots: Vec<Place> = Vec::new();
    for source in sources {
        let Some(place) = place(&source.path) else { continue };
        for item in &source.syntax.items {
            if let Item::Mod(declared) = item
                && declared.content.is_none()
                && source::is_test_code(&declared.attrs)
            {
                let module = child(&place.module, &declared.ident.to_string());
                roots.push(Place { root: place.root.clone(), module });
            }
        }
    }
    let below = |place: &Place| {
        roots.iter().any(|root| {
            root.root == place.root
                && (root.module == place.module || place.module.starts_with(&format!("{}::", root.module)))
        })
    };
    let is_test = |path: &str| source::is_test_path(path) || place(path).is_some_and(|place| below(&place));
    sources.iter().map(|source| source.path.clone()).filter(|path| is_test(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_path_gives_the_module_path() {
        let check = |path: &str, expect: Option<(&str, &str)>| {
            let expect = expect.map(|(root, module)| Place { root: root.to_string(), module: module.to_string() });
            assert_eq!(place(path), expect, "{path}");
        };
        check("crates/a/src/lib.rs", Some(("crates/a/src", "")));
        check("crates/a/src/b.rs", Some(("crates/a/src", "b")));
        check("crates/a/src/b/mod.rs", Some(("crates/a/src", "b")));
        check("crates/a/src/b/c.rs", Some(("crates/a/src", "b::c")));
        check("crates/a/src/bin/tool.rs", Some(("crates/a/src/bin/tool.rs", "")));
        check("crates/a/tests/all.rs", None);
        check("crates/a/build.rs", None);
    }

    #[test]
    fn a_module_declared_for_tests_makes_its_file_and_all_below_it_test_files() {
        let sources = source::sample(&[
            ("a/src/lib.rs", "#[cfg(test)] mod fake; mod real;"),
            ("a/src/fake.rs", "mod inner;"),
            ("a/src/fake/inner.rs", ""),
            ("a/src/real.rs", ""),
            ("b/src/fake.rs", ""),
            ("a/tests/all.rs", ""),
        ]);
        let expect = ["a/src/fake.rs", "a/src/fake/inner.rs", "a/tests/all.rs"].map(str::to_string);
        assert_eq!(test_files(&sources), BTreeSet::from(expect));
    }
}
