//! Which crate may use which: ARCHITECTURE.md says it, cargo knows it, and both must agree.
//!
//! The document has a fenced block `arrows` with a line per crate, `vault -> objects, types` (nothing after the arrow
//! where a crate uses none), and a block `arrows-dev` for what tests use on top.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::metadata::Metadata;
use super::tree::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// One block: the crates it names, with the line and the crates they may use.
type Block = BTreeMap<String, (usize, BTreeSet<String>)>;

/// Arrows that exist and are not drawn (errors), and arrows that are drawn and do not exist (warnings).
pub fn check(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let Some(document) = tree.get(DOCUMENT) else {
        return vec![Finding::error(DOCUMENT, 1, "does not exist", "write it, with a block of arrows")];
    };
    let drawn = read_block(&document.text, "arrows");
    let drawn_for_tests = read_block(&document.text, "arrows-dev");
    let mut findings = Vec::new();
    let crates = metadata.arrows();
    for (name, (uses, test_uses)) in &crates {
        let Some((line, allowed)) = drawn.get(*name) else {
            let what = format!("crate {name} has no line in the arrows block");
            findings.push(Finding::error(DOCUMENT, 1, what, "draw its arrows"));
            continue;
        };
        let none = (*line, BTreeSet::new());
        let (test_line, test_allowed) = drawn_for_tests.get(*name).unwrap_or(&none);
        findings.extend(compare(name, *line, uses, allowed, ""));
        let test_uses: BTreeSet<&str> = test_uses.iter().filter(|used| !allowed.contains(**used)).copied().collect();
        findings.extend(compare(name, *test_line, &test_uses, test_allowed, " in tests"));
    }
    for (name, (line, _)) in drawn.iter().chain(&drawn_for_tests) {
        if !crates.contains_key(name.as_str()) {
            findings.push(Finding::error(DOCUMENT, *line, format!("there is no crate {name}"), "remove the line"));
        }
    }
    findings
}

fn compare(name: &str, line: usize, uses: &BTreeSet<&str>, allowed: &BTreeSet<String>, mark: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for used in uses.iter().filter(|used| !allowed.contains(**used)) {
        let what = format!("{name} uses {used}{mark}, but no arrow is drawn");
        findings.push(Finding::error(DOCUMENT, line, what, "remove the dependency, or draw the arrow and say why"));
    }
    for unused in allowed.iter().filter(|drawn| !uses.contains(drawn.as_str())) {
        let what = format!("an arrow is drawn, but {name} does not use {unused}{mark}");
        findings.push(Finding::warning(DOCUMENT, line, what, "remove the arrow if it stays so"));
    }
    findings
}

fn read_block(text: &str, kind: &str) -> Block {
    let fence = format!("```{kind}");
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let block = lines.skip_while(|(_, line)| *line != fence).skip(1).take_while(|(_, line)| *line != "```");
    block
        .filter_map(|(number, line)| {
            let (name, uses) = line.split_once("->")?;
            let uses = uses.split(',').map(|used| used.trim().to_string()).filter(|used| !used.is_empty());
            Some((name.trim().to_string(), (number, uses.collect())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{metadata, tree};
    use super::*;

    fn found(document: &str) -> Vec<String> {
        let metadata = metadata::sample(&[
            "farshore-vault ours MIT farshore-types dev:farshore-fake",
            "farshore-types ours MIT",
            "farshore-fake ours MIT",
        ]);
        check(&tree::sample(&[(DOCUMENT, document)]), &metadata).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn arrows_must_be_drawn_as_they_are() {
        let right = "# Map\n```arrows\nvault -> types\ntypes ->\nfake ->\n```\n```arrows-dev\nvault -> fake\n```\n";
        assert_eq!(found(right), [""; 0]);
        let check_one = |from: &str, to: &str, expect: &str| {
            let found = found(&right.replace(from, to));
            assert!(found.len() == 1 && found[0].starts_with(expect), "{from} as {to}: {found:?}");
        };
        check_one("vault -> types", "vault ->", "ARCHITECTURE.md:3: vault uses types, but no arrow");
        check_one("types ->", "types -> fake", "ARCHITECTURE.md:4: warning: an arrow is drawn, but types");
        check_one("\nfake ->", "\n", "ARCHITECTURE.md:1: crate fake has no line");
        check_one("fake ->\n", "fake ->\nghost ->\n", "ARCHITECTURE.md:6: there is no crate ghost");
        check_one("vault -> fake", "", "ARCHITECTURE.md:3: vault uses fake in tests, but no arrow");
    }

    #[test]
    fn a_missing_document_is_found() {
        let metadata = metadata::sample(&["farshore-types ours MIT"]);
        assert_eq!(check(&tree::sample(&[]), &metadata).len(), 1);
    }
}
