//! Files of at most 600 lines, functions of at most 70, tests included: what does not fit on a screen or two is split.

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::finding::Finding;
use super::source::Source;
use super::tree::Tree;

/// Lines of a source file, hard.
const FILE_LINES_MAX: usize = 600;
/// Lines of a source file from which it is listed.
const FILE_LINES_WARN: usize = 400;
/// Lines of a function from its `fn` to its closing brace, hard.
const FUNCTION_LINES_MAX: usize = 70;
/// Kinds of files that are measured.
const EXTENSIONS: [&str; 3] = ["rs", "py", "sh"];

/// Source files that are too long.
pub fn files(tree: &Tree) -> Vec<Finding> {
    let measured = EXTENSIONS.iter().flat_map(|extension| tree.with_extension(extension));
    measured
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let what = format!("{lines} lines");
            if lines > FILE_LINES_MAX {
                Some(Finding::error(&file.path, FILE_LINES_MAX, what, "split it, 600 is the limit"))
            } else if lines > FILE_LINES_WARN {
                Some(Finding::warning(&file.path, FILE_LINES_WARN, what, "aim for 400"))
            } else {
                None
            }
        })
        .collect()
}

/// Functions that are too long.
pub fn functions(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        Functions { path: &source.path, findings: &mut findings }.visit_file(&source.syntax);
    }
    findings
}

struct Functions<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, block: &Block) {
        let first = signature.fn_token.span.start().line;
        let lines = block.brace_token.span.close().end().line + 1 - first;
        if lines > FUNCTION_LINES_MAX {
            let what = format!("function {} has {lines} lines", signature.ident);
            self.findings.push(Finding::error(self.path, first, what, "split it, 70 is the limit"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{source, tree};
    use super::*;

    #[test]
    fn a_file_of_600_lines_passes_with_a_warning_and_one_of_601_does_not() {
        let check = |path: &str, lines: usize, expect: Option<bool>| {
            let found = files(&tree::sample(&[(path, &"//\n".repeat(lines))]));
            assert_eq!(found.first().map(Finding::is_error), expect, "{path} {lines}");
        };
        check("a.rs", 400, None);
        check("a.rs", 401, Some(false));
        check("a.rs", 600, Some(false));
        check("a.rs", 601, Some(true));
        check("a.py", 601, Some(true));
        check("a.md", 601, None);
    }

    #[test]
    fn a_function_of_70_lines_passes_and_one_of_71_does_not_wherever_it_stands() {
        let body = |lines: usize| format!("fn long() {{\n{}}}", "x();\n".repeat(lines - 2));
        for wrap in ["@", "struct S; impl S { @ }", "trait T { @ }", "#[cfg(test)] mod tests { #[test] @ }"] {
            for (lines, expect) in [(70, 0), (71, 1)] {
                let text = wrap.replace('@', &body(lines));
                let found = functions(&source::sample(&[("a.rs", &text)]));
                assert_eq!(found.len(), expect, "{wrap} {lines}: {found:?}");
            }
        }
    }
}
