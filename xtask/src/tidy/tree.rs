//! The files that belong to the project: what git tracks or would track, with their text.
//!
//! Files that are not UTF-8 text (pictures, golden archives) are left out.

use std::path::Path;
use std::process::Command;

/// One text file.
#[derive(Debug, Clone)]
pub struct File {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl File {
    /// The lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All text files of the project, sorted by path.
#[derive(Debug, Default)]
pub struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// What git lists: tracked, or new and not ignored. A file deleted in the meantime is skipped.
    pub fn tracked(root: &Path) -> Result<Self, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("cannot run git: {error}"))?;
        if !listed.status.success() {
            return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr).trim()));
        }
        let names = String::from_utf8_lossy(&listed.stdout).into_owned();
        let files = names.split('\0').filter(|name| !name.is_empty()).filter_map(|name| {
            let text = std::fs::read_to_string(root.join(name)).ok()?;
            Some(File { path: name.to_string(), text })
        });
        Ok(Tree::of(files.collect()))
    }

    /// A tree of the given files.
    pub fn of(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Tree { files }
    }

    /// All files.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The files whose name ends with `.extension`.
    pub fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.rsplit_once('.').is_some_and(|(_, end)| end == extension))
    }

    /// The file at a path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// A tree for the tests of the rules.
#[cfg(test)]
pub fn sample(files: &[(&str, &str)]) -> Tree {
    Tree::of(files.iter().map(|(path, text)| File { path: path.to_string(), text: text.to_string() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_extension_and_by_path() {
        let tree = sample(&[("b.rs", "x"), ("a.md", "y"), ("c.rss", "z")]);
        assert_eq!(tree.with_extension("rs").map(|file| file.path.as_str()).collect::<Vec<_>>(), ["b.rs"]);
        assert_eq!(tree.get("a.md").map(|file| file.text.as_str()), Some("y"));
        assert!(tree.get("rs").is_none());
    }
}
