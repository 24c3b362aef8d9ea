//! Words that no file may hold: paths of the machine it was written on, and hosts that packages come from.
//!
//! Where to fetch from is the business of the machine's own settings (apt, cargo, pip): whoever works behind a mirror
//! would otherwise run into a host that cannot be reached.

use super::finding::Finding;
use super::tree::Tree;

/// Folders that exist on one machine only. Written in pieces, so that this file passes its own rule.
const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
/// Hosts of package archives and registries.
const HOSTS: [&str; 10] = [
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
    concat!("snapshot.debian", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("static.rust-lang", ".org"),
    concat!("artifact", "ory"),
];

/// Every forbidden word with its place.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            for folder in FOLDERS.iter().filter(|folder| begins_path(line, folder)) {
                let what = format!("names the folder {folder}");
                findings.push(Finding::error(&file.path, number, what, "write no path of one machine"));
            }
            for host in HOSTS.iter().filter(|host| line.contains(**host)) {
                let what = format!("names the host {host}");
                findings.push(Finding::error(&file.path, number, what, "ask the machine's own settings"));
            }
        }
    }
    findings
}

/// Whether the folder stands at the beginning of a path, not inside a longer one.
fn begins_path(line: &str, folder: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "_-.}$".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    #[test]
    fn machine_paths_and_package_hosts_are_found_in_every_kind_of_file() {
        let check_one = |text: String, expect: usize| {
            let found = check(&sample(&[("a.txt", &text)]));
            assert_eq!(found.len(), expect, "{text}: {found:?}");
        };
        check_one(format!("cd {}main", FOLDERS[0]), 1);
        check_one(format!("\"{}x\"", FOLDERS[1]), 1);
        check_one(format!("target{}x", FOLDERS[0]), 0);
        check_one(format!("$dir{}x", FOLDERS[0]), 0);
        check_one("/root is closed".to_string(), 0);
        check_one(format!("https://{}/debian", HOSTS[0]), 1);
        check_one("see docs.rs and crates.io".to_string(), 0);
    }
}
