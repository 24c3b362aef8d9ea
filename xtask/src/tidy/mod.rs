//! Tidy: the rules of CONTRIBUTING.md that a program can check.
//!
//! Every rule is one file: a function from the tracked files (or from `cargo metadata`) to findings, with tests that
//! show it failing on a bad sample. Nothing here changes a file, so running it twice, or dying in it, costs nothing.

mod arrows;
mod cycles;
mod documents;
mod duplicates;
mod finding;
mod header;
mod length;
mod licences;
mod metadata;
mod modules;
mod panics;
mod source;
mod tree;
mod words;

use std::path::Path;

pub use finding::Finding;

use metadata::Metadata;
use tree::Tree;

/// All findings for the workspace at `root`, sorted by path and line. Fails only when the sources cannot be read.
pub fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let tree = Tree::tracked(root)?;
    let metadata = Metadata::read(root)?;
    let (sources, mut findings) = source::parse(&tree);
    findings.extend(length::files(&tree));
    findings.extend(length::functions(&sources));
    findings.extend(header::check(&tree));
    findings.extend(panics::check(&sources));
    findings.extend(cycles::check(&sources));
    findings.extend(arrows::check(&tree, &metadata));
    findings.extend(licences::check(&metadata));
    findings.extend(duplicates::check(&tree, &metadata));
    findings.extend(documents::check(&tree));
    findings.extend(words::check(&tree));
    findings.sort();
    findings.dedup();
    Ok(findings)
}
