//! One error type for every room: what the caller should do (`kind`), what was being done (`doing`) to which object
//! (`about`), and what to type next (`hint`).
//!
//! Handle or return, never both. Context is added when an error crosses a room, by [`ErrorContext`]. Messages are
//! lower case, without a full stop, and never hold a secret.

use std::fmt;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong: change it.
    Invalid,
    /// The caller may not do this, or holds the wrong key.
    Denied,
    /// The object does not exist.
    Missing,
    /// It exists already, or is in a state that forbids this.
    Conflict,
    /// A limit is reached: wait, then ask again.
    Busy,
    /// A passing fault: the same call may succeed later.
    Transient,
    /// Stored data is damaged: stop and tell a human.
    Corrupt,
    /// The program is wrong: stop and report it.
    Bug,
}

impl ErrorKind {
    /// The word that stands in messages and in JSON output.
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::Invalid => "invalid",
            ErrorKind::Denied => "denied",
            ErrorKind::Missing => "missing",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Busy => "busy",
            ErrorKind::Transient => "transient",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Bug => "bug",
        }
    }
}

/// The error of every room. `Display` is one line: `doing about: what: cause (hint)`.
pub struct Error {
    kind: ErrorKind,
    what: String,
    context: Vec<(String, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// `std::result::Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind; `what` says what is wrong, naming the object.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error { kind, what: what.into(), context: Vec::new(), hint: None, source: None }
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Invalid, what)
    }

    /// [`ErrorKind::Denied`].
    pub fn denied(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Denied, what)
    }

    /// [`ErrorKind::Missing`].
    pub fn missing(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Missing, what)
    }

    /// [`ErrorKind::Conflict`].
    pub fn conflict(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Conflict, what)
    }

    /// [`ErrorKind::Busy`].
    pub fn busy(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Busy, what)
    }

    /// [`ErrorKind::Transient`].
    pub fn transient(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Transient, what)
    }

    /// [`ErrorKind::Corrupt`].
    pub fn corrupt(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Corrupt, what)
    }

    /// [`ErrorKind::Bug`].
    pub fn bug(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Bug, what)
    }

    /// An IO error of the local machine, sorted into the kinds.
    #[allow(clippy::needless_pass_by_value, reason = "it stands in map_err, which hands it over by value")]
    pub fn io(source: std::io::Error, doing: &str, about: impl fmt::Display) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::NotFound => ErrorKind::Missing,
            Io::PermissionDenied => ErrorKind::Denied,
            Io::AlreadyExists => ErrorKind::Conflict,
            Io::Interrupted | Io::TimedOut | Io::WouldBlock | Io::ConnectionReset | Io::BrokenPipe => {
                ErrorKind::Transient
            }
            Io::ConnectionRefused | Io::ConnectionAborted | Io::UnexpectedEof => ErrorKind::Transient,
            Io::InvalidInput => ErrorKind::Invalid,
            _ => ErrorKind::Transient,
        };
        let hint =
            (source.kind() == Io::StorageFull).then(|| "free space on that file system, then try again".to_string());
        Error { kind, what: source.to_string(), context: Vec::new(), hint, source: None }.context(doing, about)
    }

    /// Sets what the caller can type or change next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what was being done to which object, from the inside out.
    pub fn context(mut self, doing: impl Into<String>, about: impl fmt::Display) -> Self {
        self.context.push((doing.into(), about.to_string()));
        self
    }

    /// Keeps the underlying error for `source()`.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Replaces the kind, where a room knows better what the caller should do.
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Changes everything that is shown of it, for readers who may not see all; the underlying error goes.
    pub fn reworded(self, reword: impl Fn(&str) -> String) -> Self {
        let context = self.context.iter().map(|(doing, about)| (reword(doing), reword(about))).collect();
        let hint = self.hint.as_deref().map(&reword);
        Error { kind: self.kind, what: reword(&self.what), context, hint, source: None }
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done to which object and what is wrong, without the hint.
    pub fn message(&self) -> String {
        let context = self.context.iter().rev().map(|(doing, about)| format!("{doing} {about}: "));
        context.chain([self.what.clone()]).collect()
    }

    /// What is wrong and what to do, without what was being done to which object: for those who know nothing of objects.
    pub fn brief(&self) -> String {
        match self.advice() {
            Some(hint) => format!("{} ({hint})", self.what()),
            None => self.what().to_string(),
        }
    }

    /// What is wrong, without context and hint.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What the caller can type or change next, if known.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.kind.word())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}

/// Adds context to results; IO errors become [`Error`] on the way.
pub trait ErrorContext<T> {
    /// Says what was being done to which object.
    fn doing(self, doing: &str, about: impl fmt::Display) -> Result<T>;
}

impl<T> ErrorContext<T> for Result<T, Error> {
    fn doing(self, doing: &str, about: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.context(doing, about))
    }
}

impl<T> ErrorContext<T> for Result<T, std::io::Error> {
    fn doing(self, doing: &str, about: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::io(error, doing, about))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_from_the_outside_in_and_ends_with_its_hint() {
        let error = Error::missing("no such object")
            .context("get", "packs/ab")
            .context("restore", "base/5/1")
            .hint("run verify");
        assert_eq!(error.to_string(), "restore base/5/1: get packs/ab: no such object (run verify)");
    }

    #[test]
    fn everything_that_is_shown_of_an_error_can_be_reworded() {
        let cause = std::io::Error::other("in /a");
        let error = Error::busy("no /a").context("read", "/a/b").hint("see /a").caused_by(cause);
        let error = error.reworded(|text| text.replace("/a", "A"));
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Busy, "read A/b: no A (see A)"));
        assert!(std::error::Error::source(&error).is_none());
    }
}
