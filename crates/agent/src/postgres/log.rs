//! What a server says, in a file that grows by itself: cut when the server starts, read from its end.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// Above this size a new file is begun when the server starts; one older file is kept.
const ROTATE_BYTES: u64 = 64 << 20;
/// Read at most.
const READ_BYTES_MAX: u64 = 256 << 10;
/// Lines that stand in an error.
const LAST_WORDS_MAX: usize = 5;
/// What a server says to everybody who connects too early.
const NOT_FAULTS: [&str; 3] = ["the database system is", "terminating connection", "terminating walsender"];

/// Begins a new file when the present one is large; the size of what is there then.
pub fn rotate(log_file: &Path) -> Result<u64> {
    let size = match fs::metadata(log_file) {
        Ok(status) => status.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Error::io(error, "look at", log_file.display())),
    };
    if size <= ROTATE_BYTES {
        return Ok(size);
    }
    fs::rename(log_file, log_file.with_extension("log.1")).doing("rename", log_file.display())?;
    Ok(0)
}

/// The end of the file, not from before an offset.
pub fn since(log_file: &Path, offset: u64) -> Result<String> {
    let mut file = match File::open(log_file) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(Error::io(error, "open", log_file.display())),
    };
    let size = file.metadata().doing("look at", log_file.display())?.len();
    let from = offset.min(size).max(size.saturating_sub(READ_BYTES_MAX));
    file.seek(SeekFrom::Start(from)).doing("read", log_file.display())?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes).doing("read", log_file.display())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Why a server ended, as one line. Only what it calls fatal: other lines may quote statements.
pub fn last_words(log: &str) -> String {
    let is_fault = |line: &&str| {
        let fatal = ["FATAL:", "PANIC:", "setsid:"].iter().any(|word| line.contains(word));
        fatal && !NOT_FAULTS.iter().any(|known| line.contains(known))
    };
    let faults: Vec<&str> = log.lines().filter(is_fault).collect();
    match faults.get(faults.len().saturating_sub(LAST_WORDS_MAX)..) {
        Some(last) if !last.is_empty() => last.join("; ").chars().filter(|c| !c.is_control()).collect(),
        _ => "it did not say why".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_quoted_with_what_was_fatal_and_nothing_else() {
        let log = "1 LOG:  starting\n2 FATAL:  the database system is starting up\n\
            3 FATAL:  could not create any TCP/IP sockets\n4 STATEMENT:  ALTER ROLE a PASSWORD 'b'\n";
        assert_eq!(last_words(log), "3 FATAL:  could not create any TCP/IP sockets");
        assert_eq!(last_words("LOG:  a\n"), "it did not say why");
    }

    #[test]
    fn only_what_was_said_since_the_start_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.log");
        assert_eq!((rotate(&path).unwrap(), since(&path, 5).unwrap()), (0, String::new()));
        fs::write(&path, "old\nnew\n").unwrap();
        assert_eq!((rotate(&path).unwrap(), since(&path, 4).unwrap().as_str()), (8, "new\n"));
        assert_eq!(since(&path, 100).unwrap(), "");
        File::options().write(true).open(&path).unwrap().set_len(ROTATE_BYTES + 1).unwrap();
        assert_eq!(since(&path, 0).unwrap().len(), usize::try_from(READ_BYTES_MAX).unwrap());
        assert_eq!(rotate(&path).unwrap(), 0);
        assert!(directory.path().join("server.log.1").exists() && !path.exists());
    }
}
