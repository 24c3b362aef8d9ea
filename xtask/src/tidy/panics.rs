//! Outside tests nothing may `unwrap`, and an `expect` must say why it cannot fail, in at least three words.
//!
//! Clippy denies both already; this catches what an `allow` lets through, and the reason that is none.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, ImplItemFn, Item, Lit, Macro};

use super::finding::Finding;
use super::modules;
use super::source::{self, Source};

/// Words an expectation needs to be a reason.
const REASON_WORDS_MIN: usize = 3;

/// Calls that panic without a reason.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let test_files = modules::test_files(sources);
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !test_files.contains(&source.path)) {
        Calls { path: &source.path, findings: &mut findings }.visit_file(&source.syntax);
    }
    findings
}

struct Calls<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Calls<'_> {
    /// `reason` is the text of a literal argument; `None` stands for anything else.
    fn judge(&mut self, line: usize, method: &str, arguments: usize, reason: Option<&str>) {
        let (what, remedy) = match (method, arguments) {
            ("unwrap" | "unwrap_err", 0) => (format!("{method}() outside tests"), "return the error with its context"),
            ("expect" | "expect_err", 1) => match reason {
                Some(reason) if reason.split_whitespace().count() >= REASON_WORDS_MIN => return,
                _ => (format!("{method}(..) without a reason"), "say in three words or more why it cannot fail"),
            },
            _ => return,
        };
        self.findings.push(Finding::error(self.path, line, what, remedy));
    }

    /// Inside a macro there are only tokens: looks for `.unwrap()` and `.expect("..")` in them.
    fn scan(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        for window in trees.windows(3) {
            if let [TokenTree::Punct(dot), TokenTree::Ident(method), TokenTree::Group(group)] = window
                && dot.as_char() == '.'
                && group.delimiter() == Delimiter::Parenthesis
            {
                let arguments: Vec<TokenTree> = group.stream().into_iter().collect();
                let reason = match arguments.as_slice() {
                    [TokenTree::Literal(literal)] => Some(literal.to_string()),
                    _ => None,
                };
                let line = method.span().start().line;
                self.judge(line, &method.to_string(), arguments.len().min(1), reason.as_deref());
            }
        }
        for tree in trees {
            if let TokenTree::Group(group) = tree {
                self.scan(group.stream());
            }
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !source::is_test_code(source::item_attrs(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !source::is_test_code(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let reason = match call.args.first() {
            Some(Expr::Lit(literal)) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        };
        let line = call.method.span().start().line;
        self.judge(line, &call.method.to_string(), call.args.len(), reason.as_deref());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.scan(call.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&source::sample(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_panic_without_a_reason_is_found_in_code_and_inside_macros() {
        let check_one = |body: &str, expect: usize| {
            let text = format!("fn f() {{\n    {body};\n}}");
            let found = found(&[("crates/a/src/lib.rs", &text)]);
            assert_eq!(found.len(), expect, "{body}: {found:?}");
            assert!(found.iter().all(|line| line.contains(":2: ")), "{found:?}");
        };
        check_one("x.unwrap()", 1);
        check_one("x.unwrap_err()", 1);
        check_one("x.unwrap_or(1)", 0);
        check_one("x.expect(\"ok\")", 1);
        check_one("x.expect(reason)", 1);
        check_one("x.expect(\"the list is never empty\")", 0);
        check_one("format!(\"{}\", x.unwrap())", 1);
        check_one("format!(\"{}\", (y, x.expect(\"why\")))", 1);
        check_one("format!(\"{}\", x.expect(\"checked two lines above\"))", 0);
        check_one("parser.expect(Token::Comma, 1)", 0);
    }

    #[test]
    fn tests_may_panic_in_every_form_that_a_test_takes() {
        let check_one = |path: &str, text: &str| assert_eq!(found(&[(path, text)]), [""; 0], "{path}");
        check_one("crates/a/src/lib.rs", "#[cfg(test)] mod tests { fn f() { x.unwrap(); } }");
        check_one("crates/a/src/lib.rs", "#[test] fn f() { x.unwrap(); }");
        check_one("crates/a/src/lib.rs", "struct S; impl S { #[cfg(test)] fn f() { x.unwrap(); } }");
        check_one("crates/a/tests/all.rs", "fn f() { x.unwrap(); }");
        let files =
            [("crates/a/src/lib.rs", "#[cfg(test)] mod fake;"), ("crates/a/src/fake.rs", "fn f() { x.unwrap(); }")];
        assert_eq!(found(&files), [""; 0]);
    }
}
