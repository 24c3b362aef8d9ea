//! Every package of the tree may be shipped under terms that the project accepts.

use super::finding::Finding;
use super::metadata::Metadata;

/// Licences that ask for no more than a notice.
const ACCEPTED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages without a licence, or with one that is not accepted.
pub fn check(metadata: &Metadata) -> Vec<Finding> {
    let remedy = "drop the dependency, or accept the licence in xtask with a reason";
    metadata
        .packages()
        .filter_map(|package| {
            let license = package.license.as_deref().unwrap_or("nothing");
            let what = format!("{} {} is licensed under {license}", package.name, package.version);
            (!accepted(license)).then(|| Finding::error("Cargo.lock", 1, what, remedy))
        })
        .collect()
}

/// Whether one way through the expression needs accepted licences only. `/` is the old way to write OR.
fn accepted(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let fits = any_of(&tokens, &mut at);
    fits && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize) -> bool {
    let mut fits = all_of(tokens, at);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        fits |= all_of(tokens, at);
    }
    fits
}

fn all_of(tokens: &[&str], at: &mut usize) -> bool {
    let mut fits = one(tokens, at);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        fits &= one(tokens, at);
    }
    fits
}

fn one(tokens: &[&str], at: &mut usize) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token == "(" {
        let fits = any_of(tokens, at);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return fits && closed;
    }
    let mut name = token.to_string();
    if let (Some(&"WITH"), Some(exception)) = (tokens.get(*at), tokens.get(*at + 1)) {
        name = format!("{token} WITH {exception}");
        *at += 2;
    }
    ACCEPTED.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::metadata::sample;
    use super::*;

    #[test]
    fn one_acceptable_way_through_the_expression_is_enough_and_all_of_an_and_is_needed() {
        for (expression, expect) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("ISC AND (Apache-2.0 OR ISC) AND (Apache-2.0 OR ISC OR MIT-0)", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
            ("GPL-2.0 WITH Classpath-exception", false),
            ("MPL-2.0", false),
            ("(MIT", false),
            ("MIT MIT", false),
            ("", false),
        ] {
            assert_eq!(accepted(expression), expect, "{expression}");
        }
    }

    #[test]
    fn a_package_with_a_foreign_licence_or_none_is_named() {
        let found = check(&sample(&["a ours MIT b c", "b 1 GPL-3.0", "c 2 -"]));
        let found: Vec<String> = found.iter().map(Finding::to_string).collect();
        assert!(found.len() == 2 && found[0].contains("b 1 is licensed under GPL-3.0"), "{found:?}");
        assert!(found[1].contains("c 2 is licensed under nothing"), "{found:?}");
    }
}
