//! What is wrong with a settings file: the line, the key, and what is allowed there.

use std::ops::Range;
use std::path::Path;

use farshore_control::config::nearest;
use farshore_types::Error;

/// Something wrong at a place of the text.
pub struct Fault {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What, and what is allowed.
    pub message: String,
}

impl Fault {
    /// What the parser found.
    pub fn of(error: &toml::de::Error) -> Fault {
        Fault { span: error.span().unwrap_or(0..0), message: error.message().trim_end().replace('\n', ", ") }
    }

    /// For whoever wrote the file.
    pub fn explain(&self, file: &Path, text: &str) -> Error {
        let before = text.get(..self.span.start).unwrap_or("");
        let line_number = before.matches('\n').count() + 1;
        let line = text.lines().nth(line_number - 1).unwrap_or("").trim();
        let place = format!("{} line {line_number}", file.display());
        let mut words = self.message.split('`');
        let (head, word) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let known: Vec<&str> = words.skip(1).step_by(2).collect();
        if head.starts_with("unknown field") {
            let meant = nearest(word, known.iter().copied()).map(|known| format!("did you mean {known:?}? "));
            let hint = format!("{}allowed: {}", meant.unwrap_or_default(), known.join(", "));
            return Error::invalid(format!("{place}: the key {word:?} is not known")).hint(hint);
        }
        if head.starts_with("missing field") {
            let what = format!("{place}: the key {word:?} is missing in {}", table(line));
            return Error::invalid(what).hint(format!("add a line `{word} = …`"));
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && self.message.contains("expected a sequence")
        {
            let what = format!("{place}, key {name:?}: there may be several, and this is written as one");
            return Error::invalid(what).hint(format!("write [[{name}]]"));
        }
        let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.is_empty() && key.len() <= 64);
        match key {
            Some(key) => Error::invalid(format!("{place}, key {key:?}: {}", self.message)),
            None => Error::invalid(format!("{place}: {}", self.message)),
        }
    }
}

/// The table that begins on a line.
fn table(line: &str) -> &str {
    if line.starts_with('[') { line } else { "the file" }
}
