//! What the documents name exists: `path:symbol` in backticks, paths in backticks, relative links.
//!
//! Documents never point at line numbers: those are wrong after the next change, and nothing would notice.

mod symbols;

use super::finding::Finding;
use super::tree::{File, Tree};

/// Ends of file names that make a word in backticks a path.
const EXTENSIONS: [&str; 7] = [".rs", ".py", ".sh", ".md", ".toml", ".txt", ".json"];
/// Folders of the project; a path in backticks that begins otherwise is an example.
const FOLDERS: [&str; 6] = ["crates/", "xtask/", "scripts/", "docs/", ".ci/", "tests/"];

/// Names in the documents that lead nowhere, and line numbers.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("md").flat_map(|file| check_document(tree, file)).collect()
}

fn check_document(tree: &Tree, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if let Some(reference) = line_reference(line) {
            let what = format!("{reference} names a line number");
            findings.push(Finding::error(&file.path, number, what, "name path:symbol"));
        }
        if fenced {
            continue;
        }
        let spans = line.split('`').skip(1).step_by(2);
        let faults = spans.filter_map(|span| check_span(tree, span)).chain(check_links(tree, file, line));
        findings.extend(faults.map(|what| Finding::error(&file.path, number, what, "correct the name, or remove it")));
    }
    findings
}

/// What is wrong with the text between two backticks.
fn check_span(tree: &Tree, span: &str) -> Option<String> {
    let (path, symbol) = match span.split_once(':') {
        Some((path, symbol)) => (path, Some(symbol)),
        None => (span, None),
    };
    let is_path = path == "Makefile" || EXTENSIONS.iter().any(|extension| path.ends_with(extension));
    if !is_path || !path.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c)) {
        return None;
    }
    let ours = FOLDERS.iter().any(|folder| path.starts_with(folder));
    match (tree.get(path), symbol) {
        (None, None) if !ours => None,
        (None, _) => Some(format!("{path} does not exist")),
        (Some(_), None) => None,
        (Some(file), Some(symbol)) => {
            (!symbols::defines(file, symbol)).then(|| format!("{path} does not define {symbol}"))
        }
    }
}

/// Relative links whose target is neither a file nor a folder of the project.
fn check_links(tree: &Tree, file: &File, line: &str) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .filter(|target| {
            let path = join(folder, target);
            tree.get(&path).is_none() && !tree.files().iter().any(|file| file.path.starts_with(&format!("{path}/")))
        })
        .map(|target| format!("the link {target} leads nowhere"))
        .collect()
}

/// `a/b` and `../c` give `a/c`.
fn join(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The first `file.rs:12` or `file.rs#L12` of a line.
fn line_reference(line: &str) -> Option<&str> {
    line.split(|c: char| c.is_whitespace() || "`()[]<>\"'".contains(c)).find(|word| {
        EXTENSIONS.iter().any(|extension| {
            word.match_indices(extension).any(|(at, _)| {
                let rest = &word[at + extension.len()..];
                let number = rest.strip_prefix(':').or_else(|| rest.strip_prefix("#L"));
                number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let code = "pub struct Pack;\nimpl Pack {\n    pub fn seal(&self) {}\n}\nenum Kind {\n    Full,\n}\n#[test]\nfn a_pack_opens() {}\n";
        let files = [
            ("docs/a.md", text),
            ("docs/b.md", ""),
            ("README.md", ""),
            ("crates/v/src/pack.rs", code),
            ("Makefile", "demo:\n\t@x\n"),
        ];
        check(&sample(&files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_path_and_its_symbol_must_exist() {
        let check_one = |span: &str, expect: Option<&str>| {
            let found = found(&format!("# Title\n\nSee `{span}` there.\n"));
            match expect {
                None => assert_eq!(found, [""; 0], "{span}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{span}: {found:?}"),
            }
        };
        check_one("crates/v/src/pack.rs:Pack", None);
        check_one("crates/v/src/pack.rs:Pack::seal", None);
        check_one("crates/v/src/pack.rs:Kind::Full", None);
        check_one("crates/v/src/pack.rs:a_pack_opens", None);
        check_one("crates/v/src/pack.rs", None);
        check_one("Makefile:demo", None);
        check_one("crates/v/src/pack.rs:Pac", Some("docs/a.md:3: crates/v/src/pack.rs does not define Pac"));
        check_one("crates/v/src/pack.rs:Pack::open", Some("does not define Pack::open"));
        check_one("crates/v/src/gone.rs:Pack", Some("crates/v/src/gone.rs does not exist"));
        check_one("crates/v/src/gone.rs", Some("does not exist"));
        check_one("Makefile:fly", Some("does not define fly"));
        check_one("postgresql.auto.conf", None);
        check_one("some/where.rs", None);
        check_one("a word: another", None);
    }

    #[test]
    fn names_inside_a_fenced_block_are_examples() {
        assert_eq!(found("```\n`crates/v/src/gone.rs`\n```\n"), [""; 0]);
    }

    #[test]
    fn line_numbers_are_refused_everywhere() {
        for text in
            ["see pack.rs:12", "`crates/v/src/pack.rs:12`", "[x](../crates/v/src/pack.rs#L7)", "```\na.py:3\n```"]
        {
            assert!(found(text).iter().any(|line| line.contains("names a line number")), "{text}: {:?}", found(text));
        }
        assert_eq!(found("at 10:30, version 1.2:3, pack.rs: it"), [""; 0]);
    }

    #[test]
    fn relative_links_must_lead_somewhere() {
        let good = "[a](b.md) [b](../README.md#top) [c](../crates/v) [d](https://example.org/x) [e](#here)";
        assert_eq!(found(good), [""; 0]);
        assert!(found("[a](gone.md)")[0].contains("the link gone.md leads nowhere"));
    }
}
