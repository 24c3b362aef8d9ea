"""Writes a backup's files below an empty directory (docs/format.md, sections 6, 7 and 10).

What lives here: restore(). Files come first, then links, then the closing files in their order, then modes and times of
the directories. A tablespace is written in place, as directory `pg_tblspc/<oid>`.
It promises to write only below the target: the target starts empty, every parent is a directory that this restore
made, and no existing name is ever opened. When it fails the target lacks closing files, so no server starts on it.
Nothing is flushed to the disk explicitly.
"""

import os

import catalog
from repository import Frames, Refused
from sealed import Damaged

PRIVATE_DIRECTORY = 0o700
CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Target:
    """The directory that is being filled."""

    def __init__(self, root, blame):
        self.root, self.blame = os.fsencode(root), blame
        self.directories, self.others = {"": None}, set()
        os.makedirs(self.root, PRIVATE_DIRECTORY, exist_ok=True)
        if os.listdir(self.root):
            raise Refused(f"{root}: the directory to restore to is not empty")

    def place(self, path):
        """The full path; its parents exist afterwards, and are directories made here."""
        parent = path.rpartition("/")[0]
        if parent not in self.directories:
            self.directory(parent, None)
        if path in self.others:
            raise Damaged(self.blame, f"path {path!r} is there twice")
        return os.path.join(self.root, path.encode("utf-8"))

    def directory(self, path, entry):
        """Makes a directory; mode and time follow in `finish`. Tablespaces may have been made for a child before."""
        if path in self.directories:
            self.directories[path] = entry or self.directories[path]
            return
        os.mkdir(self.place(path), PRIVATE_DIRECTORY)
        self.directories[path] = entry

    def create(self, path):
        """A new file, opened for writing."""
        full = self.place(path)
        if path in self.directories:
            raise Damaged(self.blame, f"path {path!r} is there twice")
        self.others.add(path)
        return os.fdopen(os.open(full, CREATE_FLAGS, 0o600), "wb")

    def link(self, entry):
        full = self.place(entry.path)
        self.others.add(entry.path)
        os.symlink(entry.target.encode("utf-8"), full)
        os.utime(full, (entry.mtime, entry.mtime), follow_symlinks=False)

    def finish(self):
        """Modes and times of the directories, the deepest first."""
        for path in sorted(self.directories, key=lambda path: path.count("/"), reverse=True):
            entry = self.directories[path]
            if entry is not None:
                full = os.path.join(self.root, path.encode("utf-8"))
                os.chmod(full, entry.mode)
                os.utime(full, (entry.mtime, entry.mtime))


def _write_file(target, backup, entry, frames):
    with target.create(entry.path) as file:
        for index in range(len(entry.segments)):
            for size, data in catalog.segment_pieces(backup, entry, frames, index):
                if data is None:
                    file.seek(size, os.SEEK_CUR)
                else:
                    file.write(data)
        file.truncate(entry.size)
        os.fchmod(file.fileno(), entry.mode)
        file.flush()
        os.utime(file.fileno(), (entry.mtime, entry.mtime))


def restore(repo, backup, to):
    """Writes all files of `backup` below `to`; gives the counts that the command prints."""
    frames, target, links = Frames(repo), Target(to, backup.object), []
    spaces = catalog.tablespaces(backup)
    counts = {"directories": 0, "files": 0, "links": 0, "closing": 0, "raw": 0, "bad_blocks": 0}
    for entry in catalog.entries(backup, frames):
        if entry.kind == "directory":
            target.directory(entry.path, entry)
            counts["directories"] += 1
        elif entry.kind == "file":
            _write_file(target, backup, entry, frames)
            counts["files"] += 1
            counts["raw"] += entry.size
            counts["bad_blocks"] += len(entry.bad_blocks)
        elif entry.path in spaces:
            target.directory(entry.path, None)
        else:
            links.append(entry)
    for entry in links:
        if entry.path in target.directories:
            raise Damaged(backup.object, f"link {entry.path!r} is a directory, too")
        target.link(entry)
        counts["links"] += 1
    for path, mode, content in catalog.closing_files(backup):
        with target.create(path) as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        counts["closing"] += 1
    target.finish()
    return {"backup": backup.name, **counts, "needs": backup.needs}
