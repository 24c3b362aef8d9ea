//! Unix sockets that clients of this machine ask, and that belong to one process at a time.
//!
//! If that process dies, its socket stays behind and nobody answers there: the next one takes the name over. Nothing else that has the
//! name is ever removed.

use std::fs;
use std::io::ErrorKind as Io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// Listens on a path, for our own account only. `Busy` while another process answers there, `Conflict` where the path is no socket.
pub fn listen(path: &Path) -> Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(status) if !status.file_type().is_socket() => {
            let what = format!("{} is there already, and is no socket", path.display());
            return Err(Error::conflict(what).hint("choose another path"));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            let what = format!("another process answers at {}", path.display());
            return Err(Error::busy(what).hint("stop it, or choose another path"));
        }
        Ok(_) => fs::remove_file(path).doing("remove", path.display())?,
        Err(error) if error.kind() == Io::NotFound => {}
        Err(error) => return Err(Error::io(error, "look at", path.display())),
    }
    let listener = UnixListener::bind(path).doing("listen on", path.display())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).doing("close", path.display())?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use farshore_types::ErrorKind;

    use super::*;

    #[test]
    fn only_a_socket_that_nobody_answers_at_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = (folder.path().join("socket"), folder.path().join("file"));
        let first = listen(&socket).unwrap();
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listen(&socket).unwrap_err().kind(), ErrorKind::Busy);
        assert!(UnixStream::connect(&socket).is_ok());
        drop(first);
        listen(&socket).unwrap();
        fs::write(&file, "mine").unwrap();
        assert_eq!(listen(&file).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }
}
