//! Which process: its id alone is reused, together with its start time and the boot of the machine it is not (proc(5),
//! headings "/proc/pid/stat" and "/proc/sys/kernel/random").

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use farshore_types::{Error, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// The start time among the fields that follow the program's name, which may itself hold blanks and brackets.
const START_FIELD: usize = 19;

/// One process of this machine, past or present; can be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: i32,
    /// Start, in clock ticks since the machine booted.
    pub started_ticks: u64,
    /// Which boot.
    pub boot: String,
}

impl ProcessId {
    /// The living process with this id; `None` when there is none, or only a dead one that nobody has waited for.
    pub fn of(pid: i32) -> Result<Option<ProcessId>> {
        let path = format!("/proc/{pid}/stat");
        let stat = match fs::read(&path) {
            Ok(stat) => stat,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(Error::io(error, "read", path)),
        };
        let parsed = parse(&String::from_utf8_lossy(&stat));
        let (state, started_ticks) = parsed.ok_or_else(|| Error::bug(format!("{path} cannot be understood")))?;
        if matches!(state, 'Z' | 'X' | 'x') {
            return Ok(None);
        }
        let boot = fs::read_to_string(BOOT_ID).map_err(|error| Error::io(error, "read", BOOT_ID))?;
        Ok(Some(ProcessId { pid, started_ticks, boot: boot.trim().to_string() }))
    }

    /// Whether exactly this process lives.
    pub fn is_alive(&self) -> Result<bool> {
        Ok(ProcessId::of(self.pid)?.as_ref() == Some(self))
    }

    /// A handle that stays with this process even if its id is reused; `None` when it is gone.
    pub(super) fn handle(&self) -> Result<Option<OwnedFd>> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(None) };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(Error::io(error.into(), "open a handle of process", self.pid)),
        };
        // Only now: the id cannot change its owner any more without the handle noticing.
        Ok(self.is_alive()?.then_some(handle))
    }
}

/// Living processes whose working directory is this one, or was before it was removed; those that we may not look at are left out.
pub fn working_in(directory: &Path) -> Result<Vec<i32>> {
    let directory = match directory.canonicalize() {
        Ok(directory) => directory,
        Err(error) if error.kind() == ErrorKind::NotFound => removed(directory)?,
        Err(error) => return Err(Error::io(error, "look at", directory.display())),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(|error| Error::io(error, "list", "/proc"))?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // The link of a dead process that nobody has waited for cannot be read.
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == directory) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// What the kernel calls a directory that was removed under the processes in it (proc(5), "/proc/pid/cwd").
fn removed(directory: &Path) -> Result<PathBuf> {
    let parents = directory.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
    for parent in parents {
        if let (Ok(there), Ok(rest)) = (parent.canonicalize(), directory.strip_prefix(parent)) {
            let mut name = there.join(rest).into_os_string();
            name.push(" (deleted)");
            return Ok(name.into());
        }
    }
    Err(Error::invalid(format!("{} is not an absolute path", directory.display())))
}

/// State and start time.
fn parse(stat: &str) -> Option<(char, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(START_FIELD - 1)?.parse().ok()?))
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_in_its_directory_and_also_when_that_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        fs::create_dir_all(&inside).unwrap();
        let mut process = std::process::Command::new("sleep").arg("60").current_dir(&inside).spawn().unwrap();
        let pid = i32::try_from(process.id()).unwrap();
        assert_eq!(working_in(&inside).unwrap(), [pid]);
        fs::remove_dir_all(folder.path().join("a")).unwrap();
        assert_eq!(working_in(&inside).unwrap(), [pid]);
        assert!(working_in(&folder.path().join("a")).unwrap().is_empty());
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(working_in(&inside).unwrap().is_empty());
    }

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let rest = "S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2 3";
        for name in ["postgres", "a b", "a) R 1 (b"] {
            assert_eq!(parse(&format!("12 ({name}) {rest}")), Some(('S', 4711)), "{name}");
        }
        assert_eq!(parse("12 (x) S 1"), None);
    }

    #[test]
    fn a_reused_id_is_another_process() {
        let ourselves = ProcessId::of(i32::try_from(std::process::id()).unwrap()).unwrap().unwrap();
        assert!(ourselves.is_alive().unwrap() && ourselves.handle().unwrap().is_some());
        for other in [
            ProcessId { started_ticks: ourselves.started_ticks + 1, ..ourselves.clone() },
            ProcessId { boot: "another".to_string(), ..ourselves },
        ] {
            assert!(!other.is_alive().unwrap() && other.handle().unwrap().is_none(), "{other:?}");
        }
    }
}
