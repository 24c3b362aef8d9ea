//! The files of a running cluster, listed for a backup.
//!
//! A [`Listing`] walks the data directory and its tablespaces in `path_order`, holding the names of one directory per
//! level and no more. What the rules of [`names`] leave out is not listed, nor is `global/pg_control`, which is read
//! last by the snapshot. A file that vanishes meanwhile is skipped: the log knows of its removal. Nothing is changed on
//! disk.

pub mod names;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use farshore_types::snapshot::{PageSource, SourceFile, SourceKind};
use farshore_types::{Error, PageKind, Result};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Statx, StatxFlags, openat, statx};
use rustix::io::Errno;

use self::names::{Fork, Place, RelationFile};

/// Directories inside each other, links included; a link that leads upwards ends here.
const DEPTH_MAX: usize = 32;

/// What must be known of a cluster to list it.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The data directory.
    pub data_directory: PathBuf,
    /// How pages look.
    pub pages: PageKind,
    /// Pages in one file of a relation (`segment_size`, 131072 for 1 GiB of 8 KiB pages).
    pub relation_segment_blocks: u32,
    /// The directory that this server makes in a tablespace, `PG_15_202209061`.
    pub tablespace_version: String,
    /// Whether pages carry checksums.
    pub checksums: bool,
    /// Whether a page's log position may be believed (checksums or `wal_log_hints`).
    pub believe_positions: bool,
}

/// A tablespace as the data directory knows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tablespace {
    /// Its number, the name in `pg_tblspc`.
    pub oid: u32,
    /// Where its link leads; `None` for one that lies in `pg_tblspc` itself.
    pub target: Option<PathBuf>,
}

/// The tablespaces of a data directory, by number.
pub fn tablespaces(data_directory: &Path) -> Result<Vec<Tablespace>> {
    let directory = data_directory.join("pg_tblspc");
    let mut found = Vec::new();
    for name in read_names(&open_directory(CWD, &directory).map_err(|errno| failed(errno, &directory))?, &directory)? {
        let Some(oid) = name.to_str().and_then(names::number) else { continue };
        let path = directory.join(&name);
        match std::fs::read_link(&path) {
            Ok(target) => found.push(Tablespace { oid, target: Some(target) }),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                found.push(Tablespace { oid, target: None });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(error, "read link", path.display())),
        }
    }
    found.sort_by_key(|tablespace| tablespace.oid);
    Ok(found)
}

/// The paths of a cluster, one after the other. After an error it ends.
pub struct Listing {
    layout: Layout,
    levels: Vec<Level>,
    /// Canonical paths of tablespaces that lie inside the data directory; they are listed once, below `pg_tblspc`.
    inside: HashSet<PathBuf>,
}

/// One directory on the way down.
struct Level {
    directory: OwnedFd,
    path: String,
    location: PathBuf,
    place: Place,
    /// Numbers of the relations that have an init fork here.
    unlogged: HashSet<u32>,
    /// Sorted backwards, so that the next one is the last.
    names: Vec<OsString>,
}

impl Listing {
    /// Starts at the data directory. The directory itself is not listed.
    pub fn open(layout: Layout) -> Result<Listing> {
        let mut inside = HashSet::new();
        for tablespace in tablespaces(&layout.data_directory)? {
            inside.extend(tablespace.target.and_then(|target| target.canonicalize().ok()));
        }
        let mut listing = Listing { layout, levels: Vec::new(), inside };
        let location = listing.layout.data_directory.clone();
        let directory = open_directory(CWD, &location).map_err(|errno| failed(errno, &location))?;
        listing.descend(directory, String::new(), location, Place::Root)?;
        Ok(listing)
    }

    fn descend(&mut self, directory: OwnedFd, path: String, location: PathBuf, place: Place) -> Result<()> {
        if self.levels.len() >= DEPTH_MAX {
            let what = format!("{} lies more than {DEPTH_MAX} directories deep", location.display());
            return Err(Error::invalid(what).hint("remove the link that leads upwards"));
        }
        let mut names = read_names(&directory, &location)?;
        names.sort_unstable_by(|left, right| right.as_bytes().cmp(left.as_bytes()));
        let relations = names.iter().filter_map(|name| RelationFile::parse(name.to_str()?));
        let unlogged = match place {
            Place::Database => relations.filter(|file| file.fork == Fork::Init).map(|file| file.number).collect(),
            _ => HashSet::new(),
        };
        self.levels.push(Level { directory, path, location, place, unlogged, names });
        Ok(())
    }

    /// The next path; a name that is left out or has vanished gives `None` inside.
    fn step(&mut self) -> Option<Result<Option<SourceFile>>> {
        let level = self.levels.last_mut()?;
        let Some(name) = level.names.pop() else {
            self.levels.pop();
            return Some(Ok(None));
        };
        Some(self.visit(&name))
    }

    fn visit(&mut self, name: &OsStr) -> Result<Option<SourceFile>> {
        let Some(level) = self.levels.last() else { return Ok(None) };
        let location = level.location.join(name);
        let Some(name) = name.to_str() else {
            let what = format!("the name of {} is not UTF-8", location.display());
            return Err(Error::invalid(what).hint("rename or remove it"));
        };
        let Some(entry) = Entry::look(level, name, location)? else { return Ok(None) };
        match entry.kind {
            EntryKind::Directory => self.directory(entry, name),
            EntryKind::File => Ok(self.file(entry, name)),
            EntryKind::Link => self.link(entry),
            EntryKind::Other => {
                tracing::debug!(location = %entry.location.display(), "neither file nor directory, left out");
                Ok(None)
            }
        }
    }

    fn directory(&mut self, entry: Entry, name: &str) -> Result<Option<SourceFile>> {
        let Some(level) = self.levels.last() else { return Ok(None) };
        let Some(place) = level.place.below(name, &self.layout.tablespace_version) else { return Ok(None) };
        let listed_elsewhere = level.place != Place::Tablespaces
            && !self.inside.is_empty()
            && entry.location.canonicalize().is_ok_and(|path| self.inside.contains(&path));
        let place = if listed_elsewhere { Place::Emptied } else { place };
        let directory = match open_directory(&level.directory, Path::new(name)) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno, &entry.location)),
        };
        let source = entry.source(SourceKind::Directory);
        self.descend(directory, source.path.clone(), source.location.clone(), place)?;
        Ok(Some(source))
    }

    fn file(&self, entry: Entry, name: &str) -> Option<SourceFile> {
        let level = self.levels.last()?;
        if !level.place.keeps_file(name, |number| level.unlogged.contains(&number)) {
            return None;
        }
        let kind = self.pages(level, name).map_or(SourceKind::File, SourceKind::Pages);
        Some(entry.source(kind))
    }

    fn pages(&self, level: &Level, name: &str) -> Option<PageSource> {
        let relation = RelationFile::parse(name).filter(RelationFile::has_pages)?;
        let first_block = relation.segment.checked_mul(self.layout.relation_segment_blocks)?;
        let Layout { pages, checksums, believe_positions, .. } = self.layout;
        level.place.holds_relations().then_some(PageSource { kind: pages, first_block, checksums, believe_positions })
    }

    /// A link outside the places that PostgreSQL itself makes: recorded, not followed.
    fn link(&self, entry: Entry) -> Result<Option<SourceFile>> {
        let target = match std::fs::read_link(&entry.location) {
            Ok(target) => target,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(error, "read link", entry.location.display())),
        };
        let Ok(target) = target.into_os_string().into_string() else {
            return Err(Error::invalid(format!("the target of link {} is not UTF-8", entry.location.display())));
        };
        Ok(Some(entry.source(SourceKind::Link(target))))
    }
}

impl Iterator for Listing {
    type Item = Result<SourceFile>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step()? {
                Ok(Some(source)) => return Some(Ok(source)),
                Ok(None) => {}
                Err(error) => {
                    self.levels.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Directory,
    File,
    Link,
    Other,
}

/// A name with what the file system says about it.
struct Entry {
    path: String,
    location: PathBuf,
    kind: EntryKind,
    status: Statx,
}

impl Entry {
    /// Links are looked through where PostgreSQL or its user may have put one for a directory or file of its own:
    /// everywhere but in directories that it does not know. `None`: vanished.
    fn look(level: &Level, name: &str, location: PathBuf) -> Result<Option<Entry>> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let look = |flags| match statx(&level.directory, name, flags, wanted) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(errno, &location)),
        };
        let Some(mut status) = look(AtFlags::SYMLINK_NOFOLLOW)? else { return Ok(None) };
        if kind_of(&status) == EntryKind::Link && follows(&level.place, name) {
            match look(AtFlags::empty())? {
                Some(behind) => status = behind,
                None if level.place == Place::Root => {}
                None if look(AtFlags::SYMLINK_NOFOLLOW)?.is_none() => return Ok(None),
                None => {
                    let what = format!("{} is a link that leads nowhere", location.display());
                    return Err(Error::missing(what).hint("mount its file system, or remove the link"));
                }
            }
        }
        let path = if level.path.is_empty() { name.to_string() } else { format!("{}/{name}", level.path) };
        Ok(Some(Entry { path, location, kind: kind_of(&status), status }))
    }

    fn source(self, kind: SourceKind) -> SourceFile {
        let status = &self.status;
        let birth = match status.stx_mask & StatxFlags::BTIME.bits() {
            0 => 0,
            _ => status.stx_btime.tv_sec.saturating_mul(1_000_000_000).saturating_add(status.stx_btime.tv_nsec.into()),
        };
        SourceFile {
            size: if self.kind == EntryKind::File { status.stx_size } else { 0 },
            mode: u32::from(status.stx_mode) & 0o7777,
            mtime: status.stx_mtime.tv_sec,
            identity: (status.stx_ino, birth),
            path: self.path,
            location: self.location,
            kind,
        }
    }
}

/// Directories of the server's own log files; a link there leads out of the cluster.
const LOGGING: [&str; 2] = ["log", "pg_log"];

fn follows(place: &Place, name: &str) -> bool {
    match place {
        Place::Plain | Place::Emptied => false,
        Place::Root => !LOGGING.contains(&name),
        _ => true,
    }
}

fn kind_of(status: &Statx) -> EntryKind {
    match FileType::from_raw_mode(u32::from(status.stx_mode)) {
        FileType::Directory => EntryKind::Directory,
        FileType::RegularFile => EntryKind::File,
        FileType::Symlink => EntryKind::Link,
        _ => EntryKind::Other,
    }
}

fn open_directory(parent: impl std::os::fd::AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    openat(parent, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn read_names(directory: &OwnedFd, location: &Path) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).map_err(|errno| failed(errno, location))? {
        let entry = entry.map_err(|errno| failed(errno, location))?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_os_string());
        }
    }
    Ok(names)
}

fn failed(errno: Errno, location: &Path) -> Error {
    let error = Error::io(errno.into(), "list", location.display());
    match errno {
        Errno::ACCESS => error.hint("run as the database's operating system user, or as a member of its group"),
        _ => error,
    }
}
