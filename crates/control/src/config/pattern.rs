//! What a text may look like: a set for its first character and one for all others. The regular expression that clients
//! read and the test that we make come from the same two sets, so they cannot disagree.

/// `^[first][rest]*$`, or also the empty text. The sets are written as inside the brackets of a regular expression: single
/// characters, ranges like `a-z`, and `-` itself in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    first: &'static str,
    rest: &'static str,
    may_be_empty: bool,
}

impl Pattern {
    /// One or more characters of one set.
    pub const fn of(set: &'static str) -> Pattern {
        Pattern { first: set, rest: set, may_be_empty: false }
    }

    /// A first character of one set, then any number of another.
    pub const fn starting(first: &'static str, rest: &'static str) -> Pattern {
        Pattern { first, rest, may_be_empty: false }
    }

    /// The empty text too.
    pub const fn or_empty(mut self) -> Pattern {
        self.may_be_empty = true;
        self
    }

    /// As a regular expression (ECMA-262).
    pub fn expression(&self) -> String {
        let Pattern { first, rest, may_be_empty } = self;
        let body = if first == rest { format!("^[{first}]+$") } else { format!("^[{first}][{rest}]*$") };
        if *may_be_empty { format!("{body}|^$") } else { body }
    }

    /// Whether the text looks like this.
    pub fn matches(&self, text: &str) -> bool {
        let mut characters = text.chars();
        match characters.next() {
            None => self.may_be_empty,
            Some(first) => is_in(self.first, first) && characters.all(|character| is_in(self.rest, character)),
        }
    }
}

/// Whether a set holds the character.
fn is_in(set: &str, wanted: char) -> bool {
    let mut rest = set;
    while let Some(low) = rest.chars().next() {
        let after = rest.get(low.len_utf8()..).unwrap_or("");
        let high = after.strip_prefix('-').and_then(|tail| tail.chars().next());
        match high {
            Some(high) if (low..=high).contains(&wanted) => return true,
            Some(high) => rest = after.get(1 + high.len_utf8()..).unwrap_or(""),
            None if low == wanted => return true,
            None => rest = after,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: Pattern = Pattern::starting("a-z", "-a-z0-9");

    #[test]
    fn ranges_single_characters_and_the_dash_in_front_are_read() {
        let table = [
            (NAME, "a", true),
            (NAME, "a-9", true),
            (NAME, "", false),
            (NAME, "-a", false),
            (NAME, "aB", false),
            (NAME, "a\n", false),
            (NAME.or_empty(), "", true),
            (Pattern::of("-a-zA-Z0-9_:."), "-backup_1:2.3", true),
            (Pattern::of("-a-zA-Z0-9_:."), "a+b", false),
            (Pattern::of("0-9"), "٣", false),
        ];
        for (pattern, text, expect) in table {
            assert_eq!(pattern.matches(text), expect, "{} {text:?}", pattern.expression());
        }
    }

    #[test]
    fn the_expression_is_that_of_the_public_documentation() {
        assert_eq!(NAME.or_empty().expression(), "^[a-z][-a-z0-9]*$|^$");
        assert_eq!(Pattern::of("-a-z0-9").expression(), "^[-a-z0-9]+$");
    }

    proptest! {
        #[test]
        fn what_the_expression_makes_is_accepted(text in "[a-z][-a-z0-9]{0,40}") {
            prop_assert!(NAME.matches(&text));
        }

        #[test]
        fn one_foreign_character_anywhere_is_refused(head in "[a-z][-a-z0-9]{0,9}", wrong in "[^-a-z0-9]", tail in "[-a-z0-9]{0,9}") {
            let text = format!("{head}{wrong}{tail}");
            prop_assert!(!NAME.matches(&text));
        }
    }
}
