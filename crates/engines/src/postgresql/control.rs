//! `global/pg_control`: identity, state and fixed sizes of a cluster, read without a running server.
//!
//! The layout is that of `src/include/catalog/pg_control.h`, versions 13 to 18, little-endian machines. The file is one
//! sector that the server overwrites in place; a reader that meets the write in the middle sees a wrong checksum, so
//! [`read_stable`] reads again a bounded number of times.

use std::path::Path;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Position, Result, Timeline};

/// Where it lies in a data directory, and within a backup.
pub const CONTROL_PATH: &str = "global/pg_control";
/// Readings until two equal ones with a good checksum are found.
const READINGS_MAX: u32 = 50;
/// Pause between two pairs of readings.
const READING_PAUSE: Duration = Duration::from_millis(20);
/// Largest file read; the server writes 8 KiB.
const FILE_BYTES_MAX: usize = 64 << 10;

/// What a cluster was doing when its control file was written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Starting for the first time.
    StartingUp,
    /// Stopped cleanly.
    ShutDown,
    /// A standby, stopped cleanly.
    ShutDownInRecovery,
    /// Stopping.
    ShuttingDown,
    /// Replaying its log after a crash.
    InCrashRecovery,
    /// A standby, or restoring from a backup.
    InArchiveRecovery,
    /// Running.
    InProduction,
}

/// The parts of the control file that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Drawn by initdb; shared by all copies of a cluster.
    pub system_identifier: u64,
    /// Layout version: 1300 for PostgreSQL 13 to 16, 1700, 1800.
    pub control_version: u32,
    /// Catalog version.
    pub catalog_version: u32,
    /// What the cluster was doing.
    pub state: State,
    /// Position of the last checkpoint's record.
    pub checkpoint: Position,
    /// Where replay from that checkpoint starts.
    pub redo: Position,
    /// The timeline of that checkpoint.
    pub timeline: Timeline,
    /// Until where a standby must replay before it is consistent; 0 on a primary.
    pub recovery_end_min: Position,
    /// 0 minimal, 1 replica, 2 logical.
    pub wal_level: u32,
    /// Whether hint bits are logged even without checksums.
    pub wal_log_hints: bool,
    /// Limits that a replay of this log must be given too.
    pub limits: Limits,
    /// Bytes per page.
    pub block_size: u32,
    /// Pages per file of a relation.
    pub relation_segment_blocks: u32,
    /// Bytes per file of the log.
    pub wal_segment_size: u32,
    /// 0: pages carry no checksums.
    pub data_checksum_version: u32,
}

/// Settings that a server refuses to have smaller while it replays a log that was written with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `max_connections`.
    pub connections: u32,
    /// `max_worker_processes`.
    pub worker_processes: u32,
    /// `max_wal_senders`.
    pub wal_senders: u32,
    /// `max_prepared_transactions`.
    pub prepared_transactions: u32,
    /// `max_locks_per_transaction`.
    pub locks_per_transaction: u32,
    /// `track_commit_timestamp`.
    pub track_commit_timestamp: bool,
}

impl Control {
    /// Parses the bytes of the file and checks their CRC. A wrong one is `Corrupt`; an unknown layout is `Invalid`.
    pub fn parse(bytes: &[u8]) -> Result<Control> {
        let fields = Fields(bytes);
        let control_version = fields.u32(8)?;
        let crc_at = match control_version {
            1300 | 1700 => 288,
            1800 => 292,
            other => {
                let what = format!("control file version {other} is not known");
                return Err(Error::invalid(what).hint("use PostgreSQL 13 to 18 on a little-endian machine"));
            }
        };
        let covered = bytes.get(..crc_at).ok_or_else(too_short)?;
        if crc32c(covered) != fields.u32(crc_at)? {
            return Err(Error::corrupt("the checksum of pg_control is wrong"));
        }
        Ok(Control {
            system_identifier: fields.u64(0)?,
            control_version,
            catalog_version: fields.u32(12)?,
            state: state(fields.u32(16)?)?,
            checkpoint: Position(fields.u64(32)?),
            redo: Position(fields.u64(40)?),
            timeline: Timeline(fields.u32(48)?),
            recovery_end_min: Position(fields.u64(136)?),
            wal_level: fields.u32(172)?,
            wal_log_hints: fields.bool(176)?,
            limits: Limits {
                connections: fields.u32(180)?,
                worker_processes: fields.u32(184)?,
                wal_senders: fields.u32(188)?,
                prepared_transactions: fields.u32(192)?,
                locks_per_transaction: fields.u32(196)?,
                track_commit_timestamp: fields.bool(200)?,
            },
            block_size: fields.u32(216)?,
            relation_segment_blocks: fields.u32(220)?,
            wal_segment_size: fields.u32(228)?,
            data_checksum_version: fields.u32(252)?,
        })
    }
}

/// Reads `global/pg_control` of a data directory that a server may be writing to: until two readings in a row are equal
/// and their checksum is right.
pub fn read_stable(data_directory: &Path, clock: &dyn Clock) -> Result<(Control, Vec<u8>)> {
    let path = data_directory.join(CONTROL_PATH);
    let mut last: Option<Vec<u8>> = None;
    let mut fault = Error::corrupt("pg_control changes all the time");
    for reading in 0..READINGS_MAX {
        // In pairs: with a pause between both, a server that checkpoints all the time would always come in between.
        if reading > 0 && reading.is_multiple_of(2) {
            clock.pause(READING_PAUSE);
        }
        let bytes = std::fs::read(&path).doing("read", path.display())?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Error::corrupt(format!("{} has {} bytes", path.display(), bytes.len())));
        }
        match Control::parse(&bytes) {
            Ok(control) if last.as_ref() == Some(&bytes) => return Ok((control, bytes)),
            Ok(_) => last = Some(bytes),
            Err(error) => (fault, last) = (error, None),
        }
    }
    Err(fault.context("read", path.display()))
}

/// The CRC of RFC 3720 ("CRC32c"), as PostgreSQL uses it for its own files.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        CRC_TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
    };
    !bytes.iter().fold(u32::MAX, step)
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    /// The Castagnoli polynomial, lowest bit first.
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let mut table = [0; 256];
    let mut index = 0;
    let mut start: u32 = 0;
    while index < table.len() {
        let mut value = start;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
        start += 1;
    }
    table
}

fn state(number: u32) -> Result<State> {
    Ok(match number {
        0 => State::StartingUp,
        1 => State::ShutDown,
        2 => State::ShutDownInRecovery,
        3 => State::ShuttingDown,
        4 => State::InCrashRecovery,
        5 => State::InArchiveRecovery,
        6 => State::InProduction,
        other => return Err(Error::corrupt(format!("state {other} in pg_control is not known"))),
    })
}

fn too_short() -> Error {
    Error::corrupt("pg_control is too short")
}

/// The fields of the C structure by their offsets, little-endian.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        self.0.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or_else(too_short)
    }

    fn u32(&self, at: usize) -> Result<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> Result<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    fn bool(&self, at: usize) -> Result<bool> {
        self.array::<1>(at).map(|[byte]| byte != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A control file with a right checksum and little else.
    fn made(version: u32, crc_at: usize) -> Vec<u8> {
        let mut bytes = vec![0; 8192];
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        bytes[0..8].copy_from_slice(&7_000_000_000_000_000_001_u64.to_le_bytes());
        bytes[16] = 6;
        let crc = crc32c(&bytes[..crc_at]).to_le_bytes();
        bytes[crc_at..crc_at + 4].copy_from_slice(&crc);
        bytes
    }

    #[test]
    fn the_crc_gives_the_published_vectors() {
        // RFC 3720, appendix B.4 "CRC Examples", and the usual check value.
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn every_known_layout_is_read_and_any_flipped_byte_is_found() {
        for (version, crc_at) in [(1300, 288), (1700, 288), (1800, 292)] {
            let mut bytes = made(version, crc_at);
            let control = Control::parse(&bytes).unwrap();
            assert_eq!((control.system_identifier, control.state), (7_000_000_000_000_000_001, State::InProduction));
            for at in (0..crc_at + 4).filter(|at| !(8..12).contains(at)) {
                bytes[at] ^= 1;
                assert!(Control::parse(&bytes).is_err(), "version {version} byte {at}");
                bytes[at] ^= 1;
            }
        }
    }

    #[test]
    fn other_layouts_and_short_files_are_refused() {
        assert!(Control::parse(&made(1201, 288)).unwrap_err().to_string().contains("version 1201 is not known"));
        for length in [0, 11, 12, 100, 291] {
            assert!(Control::parse(&made(1300, 288)[..length]).is_err(), "{length}");
        }
    }
}
