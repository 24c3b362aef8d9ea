//! The question before something ends that people work with. Who types at a terminal answers with the name of what it is about; a script
//! says in advance that it need not be asked.

use std::io::{BufRead, IsTerminal, Write};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// Bytes of an answer that are read.
const REPLY_BYTES_MAX: u64 = 1024;

/// What somebody is asked.
pub struct Question<'a> {
    /// What it is about, for example `service`.
    pub noun: &'a str,
    /// Which one.
    pub name: &'a str,
    /// What will happen to it, for example `ended`.
    pub done: &'a str,
    /// The argument with which nobody is asked.
    pub flag: &'a str,
}

impl Question<'_> {
    /// Asks; an error unless the name was typed.
    pub fn ask(&self) -> Result<()> {
        let Question { noun, name, done, flag } = self;
        let refused = |what: String| Error::invalid(what).hint(format!("add {flag} to do it without being asked"));
        if !std::io::stdin().is_terminal() {
            let what = format!("{noun} {name} is {done} only after a question, and nobody is there to answer");
            return Err(refused(what));
        }
        let _ = write!(std::io::stderr(), "The {noun} {name} will be {done}. Type its name to go on: ");
        let mut reply = String::new();
        let mut input = std::io::Read::take(std::io::stdin().lock(), REPLY_BYTES_MAX);
        input.read_line(&mut reply).doing("read", "the answer")?;
        match reply.trim() == *name {
            true => Ok(()),
            false => Err(refused(format!("{noun} {name} was not {done}: {:?} is not its name", reply.trim()))),
        }
    }
}
