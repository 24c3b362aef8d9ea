//! One version of each crate, and not too many crates: every further one is code to trust and to compile.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::metadata::Metadata;
use super::tree::Tree;

/// Crates of others that are linked into what is shipped, hard. Why this many: docs/decisions/0012.
const EXTERNAL_MAX: usize = 180;
/// Crates of others from which a warning is shown.
const EXTERNAL_WARN: usize = 170;
/// Crates that may stand in the tree twice, each with its reason.
const ALLOWED: &str = "xtask/allowed-duplicates.txt";

/// Crates in several versions without a reason, reasons without a crate, and too many crates.
pub fn check(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata.packages() {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let mut findings = Vec::new();
    let mut allowed = BTreeSet::new();
    for (number, line) in tree.get(ALLOWED).into_iter().flat_map(|file| file.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if reason.trim().is_empty() {
            findings.push(Finding::error(ALLOWED, number, format!("{name} has no reason"), "say why, and until when"));
        }
        if !versions.contains_key(name) {
            findings.push(Finding::error(ALLOWED, number, format!("{name} is no duplicate"), "remove the line"));
        }
        allowed.insert(name);
    }
    for (name, versions) in versions.iter().filter(|(name, _)| !allowed.contains(**name)) {
        let list: Vec<&str> = versions.iter().copied().collect();
        let what = format!("{name} stands in the tree as {}", list.join(" and "));
        findings.push(Finding::error("Cargo.lock", 1, what, "bring them together, or allow it with a reason in xtask"));
    }
    findings.extend(count(metadata.external_count()));
    findings
}

fn count(external: usize) -> Option<Finding> {
    let what = format!("{external} crates of others are shipped");
    if external > EXTERNAL_MAX {
        Some(Finding::error("Cargo.lock", 1, what, "drop one, 180 is the limit"))
    } else if external > EXTERNAL_WARN {
        Some(Finding::warning("Cargo.lock", 1, what, "180 is the limit"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::{metadata, tree};
    use super::*;

    #[test]
    fn a_crate_in_two_versions_needs_a_reason_and_a_reason_needs_the_crate() {
        let metadata = metadata::sample(&["a ours MIT rand@1 dev:rand@2", "rand 1 MIT", "rand 2 MIT"]);
        let check_one = |allowed: &str, expect: &[&str]| {
            let found = check(&tree::sample(&[(ALLOWED, allowed)]), &metadata);
            let found: Vec<String> = found.iter().map(Finding::to_string).collect();
            assert_eq!(found.len(), expect.len(), "{allowed}: {found:?}");
            assert!(found.iter().zip(expect).all(|(line, part)| line.contains(part)), "{allowed}: {found:?}");
        };
        check_one("", &["rand stands in the tree as 1 and 2"]);
        check_one("# comment\nrand  until proptest moves to 2\n", &[]);
        check_one("rand\n", &["rand has no reason"]);
        check_one("rand  until proptest moves\nzstd  gone\n", &["txt:2: zstd is no duplicate"]);
    }

    #[test]
    fn a_hundred_and_eighty_crates_are_the_limit() {
        for (external, expect) in [(170, None), (171, Some(false)), (180, Some(false)), (181, Some(true))] {
            assert_eq!(count(external).map(|finding| finding.is_error()), expect, "{external}");
        }
    }
}
