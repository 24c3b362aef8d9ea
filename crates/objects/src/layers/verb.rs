//! The seven verbs of a store as values, for layers that count or choose by verb. Holds no state.

/// One verb of [`crate::ObjectStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `put_new`
    PutNew,
    /// `get`
    Get,
    /// `get_range`
    GetRange,
    /// `head`
    Head,
    /// `list`
    List,
    /// `delete`
    Delete,
    /// `put_pieces`
    PutPieces,
}

impl Verb {
    /// All seven.
    pub const ALL: [Verb; 7] =
        [Verb::PutNew, Verb::Get, Verb::GetRange, Verb::Head, Verb::List, Verb::Delete, Verb::PutPieces];

    /// The word for tables and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Verb::PutNew => "put_new",
            Verb::Get => "get",
            Verb::GetRange => "get_range",
            Verb::Head => "head",
            Verb::List => "list",
            Verb::Delete => "delete",
            Verb::PutPieces => "put_pieces",
        }
    }

    /// What an error says was being done.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Verb::PutNew => "put",
            Verb::Get => "get",
            Verb::GetRange => "get a part of",
            Verb::Head => "look at",
            Verb::List => "list",
            Verb::Delete => "delete",
            Verb::PutPieces => "put",
        }
    }
}

/// What an error says it was done to: a name, or the prefix of a listing, which may be empty.
pub(crate) fn about(name: &str) -> &str {
    match name {
        "" => "everything",
        name => name,
    }
}

/// One `T` for each verb.
#[derive(Debug, Default)]
pub(crate) struct PerVerb<T> {
    put_new: T,
    get: T,
    get_range: T,
    head: T,
    list: T,
    delete: T,
    put_pieces: T,
}

impl<T> PerVerb<T> {
    pub(crate) fn of(&self, verb: Verb) -> &T {
        match verb {
            Verb::PutNew => &self.put_new,
            Verb::Get => &self.get,
            Verb::GetRange => &self.get_range,
            Verb::Head => &self.head,
            Verb::List => &self.list,
            Verb::Delete => &self.delete,
            Verb::PutPieces => &self.put_pieces,
        }
    }
}
