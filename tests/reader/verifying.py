"""Decrypts and checks everything of a repository (the command `verify`).

What lives here: whole packs frame by frame, every manifest and all files of every backup, the custody against the
listing, the journal, and the plain objects. Segments that several backups share are checked once. Nothing here writes.
"""

import catalog
import log
import sealed
from repository import PLAIN_OBJECT_LIMIT, Backup, Frames, short_name
from sealed import Damaged, parse_json, parse_name

BAD_PAGES_LIMIT = 1024


def verify_packs(repo, frames):
    """Every listed pack: all frames open, the last one is its index and no other is."""
    names = repo.names("packs", "pack")
    for name in names:
        head, data = repo.open_whole(name, sealed.PACK)
        for offset, frame, raw in head.frames(data):
            if (frame.kind == sealed.INDEX) != frame.last:
                raise Damaged(name.path, f"frame at offset {offset}: exactly the last frame must be the index")
            if frame.kind in (sealed.INDEX, sealed.CATALOG):
                parse_json(raw, name.path, f"frame at offset {offset}")
        frames.mark_hashed(name)
    return len(names)


def _needed_journal(backup):
    """The journal objects of the custody: present, of the right size, covering the range of `needs`."""
    names = []
    for path, size in map(backup.sized, backup.need("journal", list)):
        name = parse_name(path)
        if name is None or name.kind not in ("journal", "history"):
            raise Damaged(backup.object, f"custody lists {path!r}, which is no name of a journal object")
        if len(backup.repo.read_named(name, sealed.OBJECT_LIMIT[sealed.JOURNAL])) != size:
            raise Damaged(name.path, "has another size than the custody says")
        names.append(name)
    if backup.needs is None:
        return
    stream = sealed.member(backup.needs, "stream", str, backup.object, "needs")
    numbers = [sealed.natural(backup.needs, key, backup.object, "needs") for key in ("timeline", "from", "to")]
    line = [n for n in names if n.kind == "journal" and (n["stream"], n.number("timeline")) == (stream, numbers[0])]
    hole = log.covers(line, *numbers[1:])
    if hole is not None:
        raise Damaged(backup.object, f"the listed journal objects do not cover the needed range: {hole} is missing")


def _custody(backup, sizes):
    """The custody against the packs in the store and against the parents that are still listed."""
    for name, size in backup.packs.values():
        if name.path not in sizes:
            sizes[name.path] = len(backup.repo.read_named(name, sealed.OBJECT_LIMIT[sealed.PACK]))
        if sizes[name.path] != size:
            raise Damaged(name.path, "has another size than the custody says")
    if sum(size for _, size in backup.packs.values()) != backup.sizes["stored"]:
        raise Damaged(backup.object, "sizes of the custody differ from the listed packs")
    _needed_journal(backup)


def _descent(backups):
    """Depth and full of every backup whose parent is listed."""
    for backup in backups.values():
        parent = backups.get(backup.parent)
        if parent is None or backup.kind == "full":
            continue
        if (backup.depth, backup.full) != (parent.depth + 1, parent.full):
            raise Damaged(backup.object, f"depth or full does not follow from the parent {parent.name}")


def _files(backup, frames, seen):
    """All files' bytes; the totals must be those of the custody, counted with or without the closing files."""
    count = raw = bad = 0
    listed = {name.path for name, _ in backup.packs.values()}
    for entry in catalog.entries(backup, frames):
        for index in range(len(entry.segments)):
            mark = catalog.segment_mark(backup, entry, frames, index)
            if not seen.get(mark, frozenset()) <= listed:
                raise Damaged(backup.object, f"custody lacks a pack of file {entry.path!r}")
            if mark not in seen:
                frames.used = set()
                for _ in catalog.segment_pieces(backup, entry, frames, index):
                    pass
                seen[mark] = frozenset(frames.used)
        count, raw = count + (entry.kind == "file"), raw + entry.size
        bad += len(entry.bad_blocks)
    closing = [len(content) for _, _, content in catalog.closing_files(backup)]
    totals = (backup.sizes["files"], backup.sizes["raw"])
    if totals not in ((count, raw), (count + len(closing), raw + sum(closing))):
        raise Damaged(backup.object, f"custody says {totals} files and bytes, catalogs say {(count, raw)}")
    told = sealed.member(backup.body, "bad_pages", list, backup.object, "the body")
    if bool(bad) != ("bad_pages" in backup.flags) or len(told) != min(bad, BAD_PAGES_LIMIT):
        raise Damaged(backup.object, "bad_blocks, bad_pages and the flag contradict each other")


def verify_backups(repo, frames):
    """Every listed manifest that is not fenced (copies too), then the files of every backup."""
    for name in repo.manifests():
        Backup(repo, name)
    backups, seen, sizes = {}, {}, {}
    for name in repo.backup_names():
        backup = Backup(repo, name)
        _custody(backup, sizes)
        catalog.tablespaces(backup)
        _files(backup, frames, seen)
        backup.body = backup.custody = backup.packs = None
        backups[short_name(name)] = backup
    _descent(backups)
    return len(backups)


def verify_journal(repo):
    """Every journal object; holes are told, overlaps with different bytes are damage."""
    found = []
    for (stream, timeline), names in log.timelines(repo).items():
        ranges, overlaps = log.chains(repo, names)
        found.append(
            {
                "stream": stream,
                "timeline": int(timeline, 16),
                "objects": len(names),
                "overlaps": overlaps,
                "chains": ranges,
            }
        )
    histories = {}
    for name in repo.names("journal", "history"):
        data = log.read_history(repo, name)
        if histories.setdefault((name["stream"], name["timeline"]), data) != data:
            raise Damaged(name.path, "differs from another history of the same timeline")
    return found


def verify_plain(repo):
    """Sessions, fences, tombstones and all wraps: their bytes against their names; the number of unknown names."""
    unknown = 0
    for path in repo.paths("."):
        name = parse_name(path)
        unknown += name is None and path != "format"
        if name and name.kind in ("key", "session", "fence", "tombstone"):
            data = repo.read_named(name, PLAIN_OBJECT_LIMIT)
            if name.kind != "key":
                parse_json(data, name.path, "the object")
    return unknown


def verify(repo):
    """Checks everything; gives the counts that the command prints."""
    frames = Frames(repo)
    unknown = verify_plain(repo)
    packs = verify_packs(repo, frames)
    backups = verify_backups(repo, frames)
    return {"backups": backups, "packs": packs, "journal": verify_journal(repo), "unknown_names": unknown}
