//! Every Rust file opens with `//!`: what lives here, what it promises.

use super::finding::Finding;
use super::tree::Tree;

/// Words a header needs before it can say anything.
const WORDS_MIN: usize = 5;

/// Files without a header, or with one that says nothing.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs").filter_map(|file| check_text(&file.path, &file.text)).collect()
}

fn check_text(path: &str, text: &str) -> Option<Finding> {
    let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let words: usize = header.iter().map(|line| line.split_whitespace().count()).sum();
    if header.is_empty() {
        Some(Finding::error(path, 1, "no //! at the top", "say what lives here and what it promises"))
    } else if words < WORDS_MIN {
        Some(Finding::error(path, 1, "the //! says nothing", "say what lives here and what it promises"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    #[test]
    fn a_file_must_open_with_a_header_that_says_something() {
        let check_one =
            |text: &str, expect: usize| assert_eq!(check(&sample(&[("a.rs", text)])).len(), expect, "{text}");
        check_one("//! The nouns and their parsing.\nuse x;\n", 0);
        check_one("//! The nouns\n//!\n//! and their parsing.\n", 0);
        check_one("use x;\n//! The nouns and their parsing.\n", 1);
        check_one("// The nouns and their parsing.\n", 1);
        check_one("//! placeholder\n", 1);
        check_one("", 1);
    }
}
