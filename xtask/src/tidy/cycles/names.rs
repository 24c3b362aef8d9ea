//! What one module's file says about names: what it defines, imports, hands on, and uses by path.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

use super::super::source;

/// A path that is used, as written.
#[derive(Debug, Clone)]
pub struct Reference {
    pub segments: Vec<String>,
    pub line: usize,
    /// Written as `pub use`.
    pub handed_on: bool,
}

/// The names of one module.
#[derive(Debug, Default)]
pub struct Names {
    /// Defined here.
    pub defined: BTreeSet<String>,
    /// Brought in by `use`, by the name under which they are known here.
    pub imported: BTreeMap<String, Vec<String>>,
    /// Brought in by `use path::*`.
    pub globs: Vec<Vec<String>>,
    /// Everything used by path, imports included.
    pub references: Vec<Reference>,
    /// How many inline modules enclose what is being read.
    depth: usize,
}

impl Names {
    /// Reads one file, leaving out its tests.
    pub fn read(syntax: &syn::File) -> Self {
        let mut names = Names::default();
        names.visit_file(syntax);
        names
    }

    fn refer(&mut self, mut segments: Vec<String>, line: usize, handed_on: bool) {
        for _ in 0..self.depth {
            if segments.first().is_some_and(|first| first == "super") {
                segments.remove(0);
            }
        }
        if !segments.is_empty() {
            self.references.push(Reference { segments, line, handed_on });
        }
    }

    fn import(&mut self, mut path: Vec<String>, tree: &UseTree, public: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.import(path, &step.tree, public);
            }
            UseTree::Group(group) => group.items.iter().for_each(|item| self.import(path.clone(), item, public)),
            UseTree::Glob(glob) => {
                self.refer(path.clone(), glob.star_token.spans[0].start().line, public);
                self.globs.push(path);
            }
            UseTree::Name(name) => self.import_name(path, &name.ident, &name.ident, public),
            UseTree::Rename(name) => self.import_name(path, &name.ident, &name.rename, public),
        }
    }

    fn import_name(&mut self, mut path: Vec<String>, ident: &syn::Ident, known_as: &syn::Ident, public: bool) {
        if ident != "self" {
            path.push(ident.to_string());
        }
        let known_as = if known_as == "self" { path.last().cloned().unwrap_or_default() } else { known_as.to_string() };
        self.refer(path.clone(), ident.span().start().line, public);
        self.imported.insert(known_as, path);
    }

    /// Paths of two or more names between the tokens of a macro.
    fn scan(&mut self, tokens: TokenStream) {
        let (mut path, mut line, mut colons) = (Vec::new(), 0, 0);
        for tree in tokens {
            match tree {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.end_path(&mut path, line);
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) => {
                            line = ident.span().start().line;
                            path.push(ident.to_string());
                        }
                        TokenTree::Group(group) => self.scan(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.end_path(&mut path, line);
    }

    fn end_path(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.refer(path, line, false);
        }
    }

    fn define(&mut self, item: &Item) {
        let ident = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Macro(item) => match &item.ident {
                Some(ident) => ident,
                None => return,
            },
            _ => return,
        };
        self.defined.insert(ident.to_string());
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !source::is_test_code(source::item_attrs(item)) {
            self.define(item);
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !source::is_test_code(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        self.import(Vec::new(), &item.tree, public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let line = path.segments[0].ident.span().start().line;
            self.refer(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), line, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.scan(call.tokens.clone());
    }

    /// The restriction in `pub(in path)` and `pub(super)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
