//! Modules of one crate form no cycle: whoever reads one of them can read downwards and come to an end.
//!
//! An edge is a use of something that another module defines: `use crate::x`, `super::`, a path in an expression or
//! in a macro. Declaring a child with `mod` and handing its items on with `pub use child::X` are no edges, and a name
//! that is handed on counts as used from where it is defined. Tests count for nothing here.

mod graph;
mod names;
mod resolve;

use std::collections::BTreeMap;

use graph::Graph;
use names::Names;
use resolve::Crate;

use super::finding::Finding;
use super::modules;
use super::source::Source;

/// One finding per knot of modules.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let test_files = modules::test_files(sources);
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for source in sources.iter().filter(|source| !test_files.contains(&source.path)) {
        if let Some(place) = modules::place(&source.path) {
            let names = Names::read(&source.syntax);
            crates.entry(place.root).or_default().add(place.module, source.path.clone(), names);
        }
    }
    crates.values().flat_map(check_crate).collect()
}

fn check_crate(krate: &Crate) -> Vec<Finding> {
    let mut graph = Graph::default();
    for (from, to, line) in krate.edges() {
        graph.add(from, to, line);
    }
    let remedy = "move what both sides need into a module of its own";
    graph
        .cycles()
        .iter()
        .map(|cycle| {
            let names: Vec<&str> =
                cycle.modules.iter().map(|name| if name.is_empty() { "crate" } else { name }).collect();
            let what = format!("module cycle {} in a knot of {}", names.join(" -> "), cycle.knot);
            Finding::error(krate.path_of(&cycle.modules[0]), cycle.line, what, remedy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::source::sample;
    use super::*;

    /// Checks a crate of `lib.rs` and the given modules; `expect` is a part of the only finding, or none.
    fn check_one(files: &[(&str, &str)], expect: Option<&str>) {
        let files: Vec<(String, &str)> = files.iter().map(|(name, text)| (format!("k/src/{name}.rs"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let found: Vec<String> = check(&sample(&files)).iter().map(Finding::to_string).collect();
        match expect {
            None => assert_eq!(found, [""; 0], "{files:?}"),
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{files:?}: {found:?}"),
        }
    }

    #[test]
    fn two_modules_that_use_each_other_are_a_cycle_in_every_form_of_use() {
        let lib = ("lib", "mod a; mod b;");
        for back in [
            "use crate::a::A; pub struct B;",
            "use super::a::A; pub struct B;",
            "use crate::{a::{self, A}}; pub struct B;",
            "pub struct B; fn f() { crate::a::run(); }",
            "pub struct B; fn f() { let x = format!(\"{}\", crate::a::run()); }",
            "pub struct B; fn f(a: super::a::A) {}",
        ] {
            check_one(&[lib, ("a", "use crate::b::B; pub struct A;"), ("b", back)], Some("module cycle a -> b -> a"));
        }
        check_one(&[lib, ("a", "use crate::b::B; pub struct A;"), ("b", "pub struct B;")], None);
    }

    #[test]
    fn a_longer_cycle_is_reported_with_its_path_and_place() {
        let files = [
            ("lib", "mod a; mod b; mod c; mod d;"),
            ("a", "\nuse crate::b::B; pub struct A;"),
            ("b", "use crate::c::C; pub struct B;"),
            ("c", "use crate::a::A; pub struct C;"),
            ("d", "use crate::a::A;"),
        ];
        check_one(&files, Some("k/src/a.rs:2: module cycle a -> b -> c -> a in a knot of 3"));
    }

    #[test]
    fn a_parent_may_declare_and_hand_on_its_children_but_not_use_them_both_ways() {
        let child = ("p/child", "use super::Shared; pub struct Child;");
        let lib = ("lib", "mod p;");
        check_one(&[lib, ("p", "mod child; pub use child::Child; pub struct Shared;"), child], None);
        check_one(&[lib, ("p", "mod child; use child::Child; pub struct Shared;"), child], Some("p -> p::child -> p"));
        check_one(
            &[lib, ("p", "mod child; pub struct Shared; fn f() { child::run() }"), child],
            Some("p -> p::child -> p"),
        );
    }

    #[test]
    fn a_name_that_is_handed_on_counts_from_where_it_is_defined() {
        let lib = ("lib", "mod error; mod a; pub use error::Error; pub use a::*;");
        check_one(&[lib, ("error", "pub struct Error;"), ("a", "use crate::Error; pub struct A;")], None);
        check_one(&[lib, ("error", "use crate::A; pub struct Error;"), ("a", "pub struct A;")], None);
        let knot = [lib, ("error", "use crate::A; pub struct Error;"), ("a", "use crate::Error; pub struct A;")];
        check_one(&knot, Some("module cycle a -> error -> a"));
    }

    #[test]
    fn tests_make_no_edges() {
        let test = "pub struct B; #[cfg(test)] mod tests { use crate::a::A; fn f() { crate::a::run() } }";
        check_one(&[("lib", "mod a; mod b;"), ("a", "use crate::b::B; pub struct A;"), ("b", test)], None);
    }
}
