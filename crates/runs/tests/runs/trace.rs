//! What steps leave in the store, so that tests can count it: a text that grows with every effect.

use farshore_store::runs::Run;
use farshore_store::{Store, Tx, settings};
use farshore_types::Result;

/// Appends a word to the trace of a run, and with the run's name to the one of its subject.
pub fn leave(tx: &mut Tx<'_>, run: &str, subject: &str, word: &str) -> Result<()> {
    append(tx, &format!("run {run}"), word)?;
    append(tx, &format!("subject {subject}"), run)
}

fn append(tx: &mut Tx<'_>, key: &str, word: &str) -> Result<()> {
    let mut text = settings::get(tx, key)?.unwrap_or_default();
    text.extend_from_slice(word.as_bytes());
    text.push(b' ');
    settings::set(tx, key, &text)
}

/// Leaves how a run ended.
pub fn ended<C>(_: &C, tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    append(tx, &format!("end {}", run.id), run.situation.state.word())
}

/// How a run has ended, once for each time that it was said.
pub fn ends(store: &Store, run: &str) -> Vec<String> {
    words(store, &format!("end {run}"))
}

/// The words that a run has left.
pub fn of_run(store: &Store, run: &str) -> Vec<String> {
    words(store, &format!("run {run}"))
}

/// The runs that have left something on a subject, one entry for each effect.
pub fn of_subject(store: &Store, subject: &str) -> Vec<String> {
    words(store, &format!("subject {subject}"))
}

fn words(store: &Store, key: &str) -> Vec<String> {
    let text = store.read(|tx| settings::get(tx, key)).unwrap().unwrap_or_default();
    String::from_utf8(text).unwrap().split_whitespace().map(str::to_string).collect()
}
