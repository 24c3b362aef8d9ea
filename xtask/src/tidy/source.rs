//! Rust files as syntax, and the question every rule asks: is this test code?

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, Meta};

use super::finding::Finding;
use super::tree::Tree;

/// One parsed Rust file.
pub struct Source {
    /// Relative to the workspace.
    pub path: String,
    /// Its syntax, with spans that know their lines.
    pub syntax: syn::File,
}

/// Parses every Rust file of the tree; what does not parse becomes a finding and no source.
pub fn parse(tree: &Tree) -> (Vec<Source>, Vec<Finding>) {
    let (mut sources, mut findings) = (Vec::new(), Vec::new());
    for file in tree.with_extension("rs") {
        match syn::parse_file(&file.text) {
            Ok(syntax) => sources.push(Source { path: file.path.clone(), syntax }),
            Err(error) => {
                let line = error.span().start().line;
                findings.push(Finding::error(&file.path, line, format!("does not parse: {error}"), "fix the syntax"));
            }
        }
    }
    (sources, findings)
}

/// Whether a path holds only tests or benches.
pub fn is_test_path(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches") || path.ends_with("/tests.rs")
}

/// Whether attributes mark test code: `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, ...))]`.
pub fn is_test_code(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        Meta::Path(path) => path.segments.last().is_some_and(|segment| segment.ident == "test"),
        Meta::List(list) if list.path.is_ident("cfg") => demands_test(list.tokens.clone()),
        _ => false,
    })
}

/// `test`, or `all(.. test ..)`; `any(..)` and `not(..)` compile without tests too.
fn demands_test(tokens: TokenStream) -> bool {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    trees.iter().enumerate().any(|(index, tree)| match tree {
        TokenTree::Ident(ident) if ident == "test" => true,
        TokenTree::Ident(ident) if ident == "all" => match trees.get(index + 1) {
            Some(TokenTree::Group(group)) => demands_test(group.stream()),
            _ => false,
        },
        _ => false,
    })
}

/// The attributes of an item; none for the kinds that cannot hold code.
pub fn item_attrs(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The sources of a sample, all of which must parse.
#[cfg(test)]
pub fn sample(files: &[(&str, &str)]) -> Vec<Source> {
    let (sources, findings) = parse(&super::tree::sample(files));
    assert!(findings.is_empty(), "the sample must parse: {findings:?}");
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_parse_is_a_finding_with_its_line() {
        let (sources, findings) = parse(&super::super::tree::sample(&[("a.rs", "fn ok() {}\nfn broken( {}\n")]));
        assert!(sources.is_empty());
        assert!(findings[0].to_string().starts_with("a.rs:2: does not parse"), "{findings:?}");
    }

    #[test]
    fn test_code_is_told_by_its_attributes() {
        let check = |text: &str, expect: bool| {
            let item: Item = syn::parse_str(text).unwrap();
            assert_eq!(is_test_code(item_attrs(&item)), expect, "{text}");
        };
        check("#[cfg(test)] mod tests {}", true);
        check("#[test] fn a() {}", true);
        check("#[cfg(all(unix, test))] fn a() {}", true);
        check("#[cfg(not(test))] fn a() {}", false);
        check("#[cfg(any(test, unix))] fn a() {}", false);
        check("#[inline] fn a() {}", false);
    }
}
