"""A small repository for the reader's tests, with every kind of object, and what the tests share.

What lives here: Fixture, which writes two backups (full, incremental), a log with an overlap of equal bytes, a
history, a session, a fence with a fenced manifest and a tombstone, and runs the reader on them; Case, a test with a
folder of its own; and flip().
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
import unittest

import reader
from writer import Writer, good_page, sha, varint

CONTENT, MAP, CATALOG = 1, 2, 3
PAGE = 8192
ONE, TWO, FENCED, COPIER = (bytes([n]) * 16 for n in (0xA1, 0xB2, 0xC3, 0xD4))
LOG_START, LOG = 0x1000000, hashlib.shake_128(b"log").digest(300_000)


def stamps(pages):
    return hashlib.sha256(b"".join(page[:10] for page in pages)).hexdigest()


def page_map(sessions, frames, runs, unit=PAGE):
    """The raw bytes of a map frame."""
    out = varint(unit) + varint(len(sessions))
    for generation, session in sessions:
        out += bytes.fromhex(generation) + bytes.fromhex(session)
    out += varint(len(frames)) + b"".join(varint(part) for frame in frames for part in frame)
    return out + varint(len(runs)) + b"".join(varint(part) for run in runs for part in run)


class Fixture:
    """The repository's parts; tests change `custody`, `later` (the incremental's) and so on, or the writer."""

    def __init__(self, folder):
        self.root, self.identity = os.path.join(folder, "repo"), os.path.join(folder, "identity")
        os.mkdir(self.root)
        self.writer = Writer(self.root, self.identity)
        self.generation = f"{1:016x}"
        self.sessions = [(self.generation, ONE.hex())]
        self.pages = [good_page(b"%d" % n, 131072 + n) for n in range(5)] + [bytes(PAGE)] * 3
        self.pages[3] = self.pages[3][:100] + b"torn" + self.pages[3][104:]
        self.small = b"15\n"
        self.custody, self.later, self.body = {}, {}, {}
        self.runs, self.forget, self.drop_pack, self.index = [(3, 1, 0), (2, 2, 0), (3, 0)], 0, False, True
        self.unit, self.map_tail, self.more_sizes = PAGE, b"", []
        self.edit_entries = lambda entries: entries

    def build(self):
        w = self.writer
        self.journal = [
            w.journal(ONE, LOG_START, LOG[:100_000], 10),
            w.journal(TWO, LOG_START + 90_000, LOG[90_000:], 20),
            w.journal(TWO, LOG_START + 300_000, b"", 30),
        ]
        w.history(ONE, 2, b"1\t0/1000000\tno reason\n")
        announced = {"purpose": "backup", "pins": None, "needs": [], "deadline_s": 60}
        w.plain(f"sessions/{self.generation}-{ONE.hex()}", announced)
        w.plain(f"fences/{FENCED.hex()}", {"session": FENCED.hex(), "reason": "test"})
        named = {"manifests": [], "packs": [], "journal": [], "custody": {}}
        w.plain(f"tombstones/{self.generation}-{ONE.hex()}", named)
        packs, catalog = self._full_packs()
        _, self.full = w.manifest(1, ONE, self._custody(packs, {**self.custody}), self._body([catalog]))
        w.manifest(2, FENCED, self._custody(packs, {}), self._body([catalog]), FENCED)
        self.packs, self.catalog_ref = packs, catalog
        return self

    def _full_packs(self):
        w = self.writer
        frames = [
            (CONTENT, self.small + b"hello", True),
            (CONTENT, b"".join(self.pages[:3]), False),
            (CONTENT, b"".join(self.pages[3:5]), True),
        ]
        first, refs = w.pack(ONE, 0, frames, self.index)
        raw = page_map(self.sessions, refs[1:3], self.runs, self.unit) + self.map_tail
        second, refs2 = w.pack(ONE, 1, [(MAP, raw, True)])
        self.refs, self.map_ref = refs, refs2[0]
        entries = self.edit_entries(self._entries())
        value = {"sessions": self.sessions, "entries": entries, "unknown": 1}
        third, refs3 = w.pack(ONE, 2, [(CATALOG, json.dumps(value).encode(), True)])
        self.files = sum(entry["kind"] == "file" for entry in entries)
        self.raw = sum(entry.get("size", 0) for entry in entries)
        return [first, second, third][self.drop_pack :], refs3[0]

    def _entries(self):
        other = {"mode": 0o700, "mtime": 1_600_000_000}
        paged = {"kind": "postgresql-8192", "size": PAGE, "stamp": 10, "first_block": 131072, "checksums": True}
        return [
            {
                "path": "PG_VERSION",
                "kind": "file",
                "mode": 0o640,
                "mtime": 1_600_000_001,
                "size": 3,
                "digest_of": "content",
                "identity": [1, 2],
                "segments": [{"data": [*self.refs[0], 0, 3], "digest": sha(self.small)}],
            },
            {"path": "base", "kind": "directory", **other},
            {
                "path": "base/5",
                "kind": "file",
                "mode": 0o600,
                "mtime": -5,
                "size": 8 * PAGE,
                "identity": [1, 3],
                "digest_of": "stamps",
                "pages": paged,
                "bad_blocks": [3],
                "segments": [{"map": self.map_ref, "digest": stamps(self.pages)}],
            },
            {"path": "base/empty", "kind": "file", "mode": 0o600, "mtime": 7, "size": 0, "digest_of": "content"},
            {"path": "base-link", "kind": "link", "mode": 0o777, "mtime": 9, "target": "/nowhere/else"},
            {"path": "global", "kind": "directory", **other},
            {"path": "pg_tblspc", "kind": "directory", **other},
            {
                "path": "pg_tblspc/777/x",
                "kind": "file",
                "mode": 0o600,
                "mtime": 8,
                "size": 5,
                "digest_of": "content",
                "segments": [{"data": [*self.refs[0], 3, 5], "digest": sha(b"hello")}],
            },
        ]

    def _custody(self, packs, more):
        stored = sum(size for _, size in packs)
        sizes = {"raw": self.raw, "stored": stored, "new": stored, "files": self.files}
        sizes |= {key: sizes[key] + 1 for key in self.more_sizes}
        return {
            "packs": packs,
            "journal": self.journal,
            "flags": ["bad_pages"],
            "needs": {"stream": "wal", "timeline": 1, "from": LOG_START + 10, "to": LOG_START + 200_000},
            "sizes": sizes,
            **more,
        }

    def _body(self, catalogs):
        closing = [("backup_label", b"START WAL"), ("global/pg_control", b"control")]
        listed = [{"path": path, "mode": 0o600, "content": base64.b64encode(data).decode()} for path, data in closing]
        return {
            "sessions": self.sessions,
            "catalogs": catalogs,
            "closing": listed,
            "bad_pages": [["base/5", 3]],
            "engine": {"facts": {}, "tablespaces": [{"oid": 777, "target": "/elsewhere"}]},
            **self.body,
        }

    def add_incremental(self):
        """A second backup: page 1 is new, everything else comes from the first; also a copy by another writer."""
        w, page = self.writer, good_page(b"new", 131073)
        sessions = [*self.sessions, (self.generation, TWO.hex())]
        first, refs = w.pack(TWO, 0, [(CONTENT, page, True)])
        new = [1, *refs[0][1:]]
        self.pages[1] = page
        runs = [(1, 1, 0), (1, 3, 0), (1, 1, 2), (2, 2, 0), (3, 0)]
        second, refs2 = w.pack(TWO, 1, [(MAP, page_map(sessions, [*self.refs[1:3], new], runs), True)])
        self.map_ref = [1, *refs2[0][1:]]
        value = {"sessions": sessions, "entries": self._entries()}
        third, refs3 = w.pack(TWO, 2, [(CATALOG, json.dumps(value).encode(), True)])
        name = f"{self.generation}-{1:08x}-{ONE.hex()}"
        custody = self._custody([*self.packs[self.forget :], first, second, third], {})
        custody |= {"kind": "incremental", "parent": name, "full": name, "depth": 1, **self.later}
        body = self._body([[1, *refs3[0][1:]]]) | {"sessions": sessions}
        _, data = w.manifest(2, TWO, custody, body)
        w.write(f"backups/{self.generation}-{2:08x}-{TWO.hex()}-{COPIER.hex()}-{sha(data)}", data)
        return self

    def run(self, command, *more):
        """Runs the reader: (exit code, JSON or None, text on standard error)."""
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = reader.main([command, "--repository", self.root, "--identity", self.identity, *map(str, more)])
        return code, json.loads(out.getvalue()) if code == 0 else None, errors.getvalue()


def flip(at):
    """A function that flips the lowest bit of one byte."""

    def change(data):
        position = at % len(data)
        return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]

    return change


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="reader-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.count = 0

    def fixture(self):
        self.count += 1
        folder = os.path.join(self.folder, str(self.count))
        os.mkdir(folder)
        return Fixture(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def assert_fails(self, fixture, text, command="verify", *more):
        """The command fails with one line that starts with the object and contains `text`."""
        code, _, errors = fixture.run(command, *more)
        self.assertEqual(code, 1, f"expected a failure: {text}")
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertIn(text, errors)
