//! The loss of the first region: its platform, with the copier in it, and every process of its server get SIGKILL, then its folder is removed, with
//! database, store, keys, data. What a machine forgets when it dies (shared memory) is removed too.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farshore_agent::process::{run, working_in};
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Program, Result, Timestamp};
use rustix::process::Signal;

use super::north::North;
use super::scene::{Scene, end_all};
use super::workload::Workload;

/// Where PostgreSQL keeps shared memory that has a name.
const SHARED_MEMORY: &str = "/dev/shm/PostgreSQL.";
/// How the kernel shows System V shared memory in a process's map; the inode is its id.
const SYSTEM_V: &str = "/SYSV";
const IPCRM: &str = "/usr/bin/ipcrm";
const IPCRM_DEADLINE: Duration = Duration::from_secs(5);

/// What was destroyed.
pub struct Destroyed {
    /// The moment before the first signal.
    pub at: Timestamp,
    /// Processes of the server that were killed.
    pub processes: usize,
}

/// Destroys the region under load.
pub fn destroy(scene: &Scene, north: &North, workload: &Workload) -> Result<Destroyed> {
    let (region, clock) = (scene.north(), scene.clock());
    let data = north.volume.join("data");
    let memory = Memory::of(&data)?;
    let processes = working_in(&data)?.len();
    workload.expect_loss();
    let at = clock.now();
    north.platform.kill()?;
    end_all(&data, Signal::KILL, &**clock)?;
    fs::remove_dir_all(&region).doing("remove", region.display())?;
    memory.remove(scene)?;
    scene.forget_user(&north.volume)?;
    match processes == 0 || region.exists() || !working_in(&data)?.is_empty() {
        true => Err(Error::bug("something of the first region is left")),
        false => Ok(Destroyed { at, processes }),
    }
}

/// Shared memory of a server's processes, which outlives SIGKILL.
struct Memory {
    files: Vec<PathBuf>,
    system_v: Vec<String>,
}

impl Memory {
    fn of(data: &Path) -> Result<Memory> {
        let mut memory = Memory { files: Vec::new(), system_v: Vec::new() };
        for pid in working_in(data)? {
            // A process that has just ended has no map.
            let map = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            map.lines().for_each(|line| memory.note(line));
        }
        Ok(memory)
    }

    /// A line of proc(5), "/proc/pid/maps": addresses, rights, offset, device, inode, path.
    fn note(&mut self, line: &str) {
        let mut fields = line.split_ascii_whitespace().skip(4);
        let (Some(inode), Some(path)) = (fields.next(), fields.next()) else { return };
        let (file, id) = (PathBuf::from(path), inode.to_string());
        if path.starts_with(SHARED_MEMORY) && !self.files.contains(&file) {
            self.files.push(file);
        } else if path.starts_with(SYSTEM_V) && !self.system_v.contains(&id) {
            self.system_v.push(id);
        }
    }

    /// Removes it; all that had it in use are dead. What is gone already is fine.
    fn remove(&self, scene: &Scene) -> Result<()> {
        for file in &self.files {
            if let Err(error) = fs::remove_file(file) {
                tracing::debug!(%error, file = %file.display(), "shared memory stays");
            }
        }
        for id in &self.system_v {
            let program = Program::new(IPCRM, &["-m", id]).within(IPCRM_DEADLINE);
            let outcome = run(&program, &scene.host.agent, &**scene.clock());
            tracing::debug!(?outcome, id, "system v memory");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_found_once_in_a_map() {
        let mut memory = Memory { files: Vec::new(), system_v: Vec::new() };
        for line in [
            "7f1-7f2 rw-s 00000000 00:01 32769 /SYSV0052e2c1 (deleted)",
            "7f1-7f2 rw-s 00000000 00:01 1 /dev/zero (deleted)",
            "7f1-7f2 rw-s 00000000 00:18 5 /dev/shm/PostgreSQL.123",
            "7f1-7f2 rw-s 00000000 00:18 5 /dev/shm/PostgreSQL.123",
            "7f1-7f2 rw-p 00000000 00:00 0",
        ] {
            memory.note(line);
        }
        assert_eq!(memory.files, [PathBuf::from("/dev/shm/PostgreSQL.123")]);
        assert_eq!(memory.system_v, ["32769"]);
    }
}
