//! One thing that a rule found: where, what, and what to do about it.

use std::fmt;

/// Whether a finding fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Error,
    Warning,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    weight: Weight,
    what: String,
    remedy: String,
}

impl Finding {
    /// A finding that fails the run; `line` counts from 1.
    pub fn error(path: &str, line: usize, what: impl Into<String>, remedy: &str) -> Self {
        let (path, remedy) = (path.to_string(), remedy.to_string());
        Finding { path, line: line.max(1), weight: Weight::Error, what: what.into(), remedy }
    }

    /// A finding that is shown and fails nothing.
    pub fn warning(path: &str, line: usize, what: impl Into<String>, remedy: &str) -> Self {
        Finding { weight: Weight::Warning, ..Finding::error(path, line, what, remedy) }
    }

    /// Whether it fails the run.
    pub fn is_error(&self) -> bool {
        self.weight == Weight::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_error() { "" } else { "warning: " };
        write!(f, "{}:{}: {mark}{} ({})", self.path, self.line, self.what, self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_place_fault_and_remedy() {
        assert_eq!(Finding::error("a.rs", 0, "too long", "split it").to_string(), "a.rs:1: too long (split it)");
        assert_eq!(Finding::warning("a.rs", 7, "long", "split").to_string(), "a.rs:7: warning: long (split)");
    }
}
