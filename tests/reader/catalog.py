"""Catalogs, maps and the bytes of files (docs/format.md, sections 5, 6 and 10).

What lives here: the checked entries of a backup's catalogs in order, the closing files, and `segment_pieces`, which
gives the bytes of one segment piece by piece. It promises safe paths: relative, strictly ascending, no component that
climbs. Nothing here writes.
"""

import base64
import re
from dataclasses import dataclass, field

import sealed
from pages import SegmentCheck
from repository import read_sessions
from sealed import Damaged, member, natural, parse_json

SEGMENT_BYTES = 128 * sealed.MIB
ZERO_PIECE = bytes(sealed.MIB)
MODE_LIMIT = 0o7777
MTIME_LIMIT_S = 1 << 33
PAGE_KIND = re.compile(r"postgresql-(\d+)")


@dataclass
class Pages:
    """The page description of a file."""

    size: int
    stamp: int
    first_block: int
    checksums: bool


@dataclass
class Entry:
    """One path of a catalog."""

    path: str
    kind: str
    mode: int
    mtime: int
    target: str = ""
    size: int = 0
    segments: list = field(default_factory=list)
    digest_of: str = "content"
    pages: Pages | None = None
    bad_blocks: list = field(default_factory=list)
    sessions: list = field(default_factory=list)


def _encoded(text, name):
    """A path or target as bytes."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Damaged(name, f"path {text!r} is no UTF-8") from error
    if not data or b"\0" in data:
        raise Damaged(name, f"path {text!r} is not safe")
    return data


def check_path(path, name):
    """The path's components as bytes; paths that could leave the restore folder are damage."""
    parts = _encoded(path, name).split(b"/")
    if any(part in (b"", b".", b"..") for part in parts):
        raise Damaged(name, f"path {path!r} is not safe")
    return parts


def _check_mode(mode, name, path):
    if mode > MODE_LIMIT:
        raise Damaged(name, f"mode of {path!r} has more than permission bits")
    return mode


def _read_pages(value, entry, name, what):
    """Members `pages`, `digest_of` and `bad_blocks` of a file."""
    entry.digest_of = value.get("digest_of", "content")
    if "pages" in value:
        given = member(value, "pages", dict, name, what)
        kind = PAGE_KIND.fullmatch(member(given, "kind", str, name, what))
        size, stamp = natural(given, "size", name, what), natural(given, "stamp", name, what)
        if not (size % 128 == 0 and 512 <= size <= 65536 and 1 <= stamp <= size):
            raise Damaged(name, f"{what} has a page size or stamp outside the limits")
        if kind and (int(kind[1]) != size or stamp != 10):
            raise Damaged(name, f"{what} has a page kind that contradicts itself")
        first = natural(given, "first_block", name, what)
        # The checksum of a page kind that is not known cannot be checked; sizes and stamps stand in the entry.
        checkable = bool(kind) and member(given, "checksums", bool, name, what)
        entry.pages = Pages(size, stamp, first, checkable)
    if entry.digest_of not in ("content", "stamps") or (entry.digest_of == "stamps" and not entry.pages):
        raise Damaged(name, f"{what} has a digest_of that does not fit")
    blocks = value.get("bad_blocks", [])
    if not isinstance(blocks, list) or any(type(block) is not int or block < 0 for block in blocks):
        raise Damaged(name, f"{what} has malformed bad_blocks")
    entry.bad_blocks = blocks


def _read_entry(value, name):
    """One checked entry."""
    path = member(value, "path", str, name, "a catalog entry")
    what = f"catalog entry {path!r}"
    kind = member(value, "kind", str, name, what)
    if kind not in ("directory", "link", "file"):
        raise Damaged(name, f"{what} has unknown kind {kind!r}")
    mode = _check_mode(natural(value, "mode", name, what), name, path)
    entry = Entry(path, kind, mode, member(value, "mtime", int, name, what))
    if abs(entry.mtime) > MTIME_LIMIT_S:
        raise Damaged(name, f"{what} has an mtime that no file can have")
    if kind == "link":
        entry.target = member(value, "target", str, name, what)
        _encoded(entry.target, name)
    if kind == "file":
        entry.size = natural(value, "size", name, what)
        entry.segments = member(value, "segments", list, name, what) if "segments" in value else []
        if len(entry.segments) != -(-entry.size // SEGMENT_BYTES):
            raise Damaged(name, f"{what} has {len(entry.segments)} segments for {entry.size} bytes")
        _read_pages(value, entry, name, what)
    return entry


def entries(backup, frames):
    """All entries of a backup in order; the order is checked."""
    before = None
    for reference in member(backup.body, "catalogs", list, backup.object, "the body"):
        if not isinstance(reference, list):
            raise Damaged(backup.object, "catalogs of the body are no frame references")
        data = frames.get(backup, backup.sessions, reference, sealed.CATALOG, "the body")
        path, offset = frames.resolve(backup, backup.sessions, reference, "the body")[0].path, reference[2]
        catalog = parse_json(data, path, f"catalog frame at {offset}")
        sessions = read_sessions(catalog, path, "a catalog")
        for value in member(catalog, "entries", list, path, "a catalog"):
            entry = _read_entry(value if isinstance(value, dict) else {}, path)
            parts = check_path(entry.path, path)
            if before is not None and parts <= before:
                raise Damaged(path, f"catalog entry {entry.path!r} is out of order")
            before, entry.sessions = parts, sessions
            yield entry


def closing_files(backup):
    """The closing files in order: (path, mode, bytes)."""
    for value in member(backup.body, "closing", list, backup.object, "the body"):
        path = member(value if isinstance(value, dict) else {}, "path", str, backup.object, "a closing file")
        what = f"closing file {path!r}"
        check_path(path, backup.object)
        mode = _check_mode(natural(value, "mode", backup.object, what), backup.object, path)
        try:
            content = base64.b64decode(member(value, "content", str, backup.object, what), validate=True)
        except ValueError as error:
            raise Damaged(backup.object, f"{what} is no base64") from error
        yield path, mode, content


def tablespaces(backup):
    """The paths `pg_tblspc/<oid>` of the engine's tablespaces."""
    listed = backup.engine.get("tablespaces", [])
    if not isinstance(listed, list):
        raise Damaged(backup.object, "tablespaces of the engine are malformed")
    return {f"pg_tblspc/{natural(space, 'oid', backup.object, 'a tablespace of the engine')}" for space in listed}


class MapReader:
    """Takes varints and fixed bytes off a map's raw bytes."""

    def __init__(self, data, name, offset):
        self.data, self.at, self.name, self.what = data, 0, name, f"map frame at {offset}"

    def fail(self, what):
        raise Damaged(self.name, f"{self.what} {what}")

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            if self.at >= len(self.data):
                self.fail("ends early")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            self.fail("has a number of more than 10 bytes")
        if value >= 1 << 64:
            self.fail("has a number of more than 64 bits")
        return value

    def take(self, size):
        self.at += size
        if self.at > len(self.data):
            self.fail("ends early")
        return self.data[self.at - size : self.at]


def _map_pieces(backup, entry, frames, reference, length):
    """The pieces that a map tells: (length, frame getter arguments or None)."""
    user = f"file {entry.path!r}"
    data = frames.get(backup, entry.sessions, reference, sealed.MAP, user)
    reader = MapReader(data, frames.resolve(backup, entry.sessions, reference, user)[0].path, reference[2])
    unit, covered = reader.varint(), 0
    if unit != 1 and not (entry.pages and unit == entry.pages.size):
        reader.fail("has a unit that is neither 1 nor the page size")
    sessions = [(reader.take(8).hex(), reader.take(16).hex()) for _ in range(reader.varint())]
    references = [[reader.varint() for _ in range(6)] for _ in range(reader.varint())]
    for _ in range(reader.varint()):
        size, source = reader.varint() * unit, reader.varint()
        covered += size
        if covered > length or not size:
            reader.fail("has runs that do not cover the segment exactly")
        if not source:
            yield size, None, 0
            continue
        if source > len(references):
            reader.fail("has a run from a frame that it does not list")
        start, target = reader.varint() * unit, references[source - 1]
        if start + size > target[4]:
            reader.fail("has a run that leaves its frame")
        yield size, (sessions, target), start
    if covered != length or reader.at != len(data):
        reader.fail("has runs that do not cover the segment exactly")


def _pieces(backup, entry, frames, segment, length):
    if "map" in segment:
        yield from _map_pieces(backup, entry, frames, segment["map"], length)
        return
    *reference, start, size = segment["data"]
    if size != length or start + size > reference[4]:
        raise Damaged(backup.object, f"file {entry.path!r}: a segment leaves its frame or has the wrong length")
    yield size, (entry.sessions, reference), start


def _check_segment(backup, entry, segment):
    """A segment is an object with a digest and either six integers (map) or eight (data)."""
    proper = isinstance(segment, dict) and isinstance(segment.get("digest"), str)
    proper = proper and ("map" in segment) != ("data" in segment)
    if proper:
        numbers, count = (segment["map"], 6) if "map" in segment else (segment["data"], 8)
        proper = isinstance(numbers, list) and len(numbers) == count
        proper = proper and all(type(number) is int and number >= 0 for number in numbers)
    if not proper:
        raise Damaged(backup.object, f"file {entry.path!r} has a malformed segment")


def segment_length(entry, index):
    """Length of a segment in bytes."""
    return min(SEGMENT_BYTES, entry.size - index * SEGMENT_BYTES)


def segment_pieces(backup, entry, frames, index):
    """The bytes of one segment: (length, bytes or None for zeros). Digest and checksums are compared at the end."""
    segment = entry.segments[index]
    _check_segment(backup, entry, segment)
    check = SegmentCheck(backup.object, entry, index, index * SEGMENT_BYTES)
    for size, source, start in _pieces(backup, entry, frames, segment, segment_length(entry, index)):
        if source is None:
            for at in range(0, size, len(ZERO_PIECE)):
                check.feed(ZERO_PIECE[: size - at])
            yield size, None
        else:
            raw = frames.get(backup, *source, sealed.CONTENT, f"file {entry.path!r}")
            data = memoryview(raw)[start : start + size]
            check.feed(data)
            yield size, data
    check.finish(segment["digest"])


def segment_mark(backup, entry, frames, index):
    """Tells a segment from all others, so that one shared by many backups is verified once."""
    segment = entry.segments[index]
    _check_segment(backup, entry, segment)
    _, _, *rest = numbers = segment.get("map") or segment["data"]
    place = frames.resolve(backup, entry.sessions, numbers[:6], f"file {entry.path!r}")[0].path
    pages = (entry.pages.size, entry.pages.first_block, entry.pages.checksums) if entry.pages else None
    length = segment_length(entry, index)
    return (
        place,
        *rest,
        "map" in segment,
        length,
        segment["digest"],
        entry.digest_of,
        pages,
        tuple(entry.bad_blocks),
        index,
    )
