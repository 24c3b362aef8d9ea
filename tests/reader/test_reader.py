"""Tests of the reader: run `python3 tests/reader/test_reader.py`.

What lives here: round trips through the tiny writer, damages at the surface (a byte flipped in the stored object),
damages below it (an object that is wrong but carries the right name), and path safety. The log, age and page checksums
are tested in test_parts.py, which runs with these.
"""

import hashlib
import os
import stat
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import catalog  # noqa: E402
from damages import CONTRADICTIONS, edited  # noqa: E402
from fixture import COPIER, FENCED, LOG_START, ONE, PAGE, TWO, Case, flip, page_map, sha  # noqa: E402
from test_parts import Journal, Parts  # noqa: E402, F401


class GoodRepository(Case):
    def test_list_shows_existing_backups_once_and_in_order(self):
        code, result, errors = self.fixture().build().add_incremental().run("list")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual([b["kind"] for b in result["backups"]], ["full", "incremental"])
        self.assertEqual(result["backups"][1]["parent"], result["backups"][0]["name"])
        self.assertEqual(result["backups"][0]["raw"], 3 + 8 * PAGE + 5)
        self.assertEqual(result["backups"][0]["files"], 4)

    def test_restore_writes_every_file_bit_identical(self):
        fixture = self.fixture().build()
        before = list(fixture.pages)
        fixture.add_incremental()
        for wanted, expected in (("0000000000000001-00000001", before), ("newest", fixture.pages)):
            to = self.path(wanted)
            code, result, errors = fixture.run("restore", "--backup", wanted, "--to", to)
            self.assertEqual((code, errors), (0, ""))
            self.assertEqual((result["files"], result["links"], result["closing"], result["bad_blocks"]), (4, 1, 2, 1))
            self._check_tree(to, expected)

    def _check_tree(self, to, expected):
        content = {
            "PG_VERSION": b"15\n",
            "base/5": b"".join(expected),
            "base/empty": b"",
            "pg_tblspc/777/x": b"hello",
            "backup_label": b"START WAL",
            "global/pg_control": b"control",
        }
        for path, data in content.items():
            with open(os.path.join(to, path), "rb") as file:
                self.assertEqual(file.read(), data, path)
        self.assertEqual(os.readlink(os.path.join(to, "base-link")), "/nowhere/else")
        self.assertTrue(stat.S_ISDIR(os.lstat(os.path.join(to, "pg_tblspc/777")).st_mode))
        for path, mode, mtime in (
            ("PG_VERSION", 0o640, 1_600_000_001),
            ("base/5", 0o600, -5),
            ("base", 0o700, 1_600_000_000),
        ):
            found = os.stat(os.path.join(to, path))
            self.assertEqual((stat.S_IMODE(found.st_mode), found.st_mtime), (mode, mtime), path)

    def test_verify_counts_everything(self):
        code, result, errors = self.fixture().build().add_incremental().run("verify")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual((result["backups"], result["packs"], result["unknown_names"]), (2, 6, 0))
        chain = {"from": LOG_START, "to": LOG_START + 300_000, "moment": 30}
        self.assertEqual(
            result["journal"], [{"stream": "wal", "timeline": 1, "objects": 3, "overlaps": 1, "chains": [chain]}]
        )

    def test_restore_refuses_a_directory_that_is_not_empty_and_an_unknown_or_ambiguous_backup(self):
        fixture = self.fixture().build().add_incremental()
        self.assert_fails(fixture, "not empty", "restore", "--to", self.folder)
        for wanted, text in (("0000", "give more digits"), ("ffff", "no backup")):
            self.assert_fails(fixture, text, "restore", "--backup", wanted, "--to", self.path("x"))

    def test_pages_of_a_kind_of_tomorrow_restore_without_checksums(self):
        fixture = self.fixture()
        tomorrow = {"kind": "other-1", "size": PAGE, "stamp": 10, "first_block": 0, "checksums": True}
        edited(lambda entries: entries[2].update(pages=tomorrow))(fixture)
        self.assertEqual(fixture.build().run("restore", "--to", self.path("x"))[0], 0)

    def test_a_fence_hides_exactly_the_manifests_of_its_writer(self):
        fixture = self.fixture().build().add_incremental()
        fixture.writer.plain(f"fences/{TWO.hex()}", {})
        self.assertEqual(len(fixture.run("list")[1]["backups"]), 2)
        fixture.writer.plain(f"fences/{COPIER.hex()}", {})
        self.assertEqual(len(fixture.run("list")[1]["backups"]), 1)

    def test_files_of_several_segments_and_maps_in_bytes_restore(self):
        fixture, end = self.fixture(), catalog.SEGMENT_BYTES + 5

        def edit(entries):
            w = fixture.writer
            raw = page_map(
                fixture.sessions, [fixture.refs[0]], [(3, 1, 0), (catalog.SEGMENT_BYTES - 7, 0), (4, 1, 4)], unit=1
            )
            zeros = hashlib.sha256(fixture.small + bytes(catalog.SEGMENT_BYTES - 7) + b"ello").hexdigest()
            fixture.extra, refs = w.pack(ONE, 7, [(2, raw, True)])
            entries.insert(
                0,
                {
                    "path": "A",
                    "kind": "file",
                    "mode": 0o600,
                    "mtime": 1,
                    "size": end,
                    "segments": [
                        {"map": refs[0], "digest": zeros},
                        {"data": [*fixture.refs[0], 3, 5], "digest": sha(b"hello")},
                    ],
                },
            )

        edited(edit)(fixture)
        original = fixture._custody
        fixture._custody = lambda packs, more: original([*packs, fixture.extra], more)
        code, _, errors = fixture.build().run("restore", "--to", self.path("big"))
        self.assertEqual((code, errors), (0, ""))
        with open(self.path("big/A"), "rb") as file:
            self.assertEqual(
                (file.read(4), file.seek(-10, os.SEEK_END), file.read()), (b"15\n\0", end - 10, b"\0ellohello")
            )
        self.assertEqual(fixture.run("verify")[0], 0)


class SurfaceDamage(Case):
    def test_a_flipped_byte_in_any_object_is_detected_and_the_object_is_named(self):
        fixture = self.fixture().build().add_incremental()
        objects = [os.path.join(place, file) for place, _, files in os.walk(fixture.root) for file in files]
        self.assertEqual(
            {os.path.relpath(o, fixture.root).split("/")[0] for o in objects},
            {"format", "keys", "packs", "backups", "journal", "sessions", "fences", "tombstones"},
        )
        for full in objects:
            path = os.path.relpath(full, fixture.root)
            if "-" + FENCED.hex() + "-" in path:
                continue  # the fenced manifest does not exist
            with open(full, "rb") as file:
                good = file.read()
            for at in (0, len(good) // 2, len(good) - 1):
                fixture.writer.write(path, flip(at)(good))
                self.assert_fails(fixture, path)
            fixture.writer.write(path, good)
        self.assertEqual(fixture.run("verify")[0], 0)

    def test_a_missing_or_truncated_object_is_detected_and_named(self):
        fixture = self.fixture().build().add_incremental()
        for folder in ("packs", "journal/wal/00000001"):
            objects = [os.path.join(p, f) for p, _, files in os.walk(os.path.join(fixture.root, folder)) for f in files]
            for full in objects:
                with open(full, "rb") as file:
                    good = file.read()
                os.unlink(full)
                self.assert_fails(fixture, os.path.basename(full))
                fixture.writer.write(full, good[:-1])
                self.assert_fails(fixture, os.path.basename(full))
                fixture.writer.write(full, good)

    def test_restore_names_a_flipped_pack_and_leaves_no_control_file(self):
        fixture = self.fixture().build()
        pack = fixture.packs[0][0]
        full = os.path.join(fixture.root, "packs", pack[-64:-62], pack)
        with open(full, "rb") as file:
            good = file.read()
        fixture.writer.write(full, flip(200)(good))
        self.assert_fails(fixture, pack, "restore", "--to", self.path("x"))
        self.assertFalse(os.path.exists(self.path("x/global/pg_control")))


class DamageBelowTheName(Case):
    """The object's name carries the right hash, yet its bytes are wrong."""

    def test_each_layer_of_a_sealed_object_is_checked(self):
        where = {
            "magic": (0, "magic"),
            "version": (9, "version"),
            "suite": (11, "suite"),
            "number": (15, "differs from the name"),
            "generation": (23, "differs from the name"),
            "session": (24, "differs from the name"),
            "repository": (40, "another repository"),
            "key": (56, "no identity opens"),
            "salt": (64, "commitment"),
            "commitment": (96, "commitment"),
        }
        for kind, folder in (
            ("pack", "packs/"),
            ("manifest", "backups/"),
            ("journal", "journal/"),
            ("history", "journal/"),
        ):
            for what, (at, text) in where.items():
                with self.subTest(kind=kind, what=what):
                    fixture = self.fixture()
                    fixture.writer.mangle[kind] = flip(at)
                    code, _, errors = fixture.build().run("verify")
                    self.assertEqual(code, 1)
                    self.assertIn(text, errors)
                    self.assertTrue(errors.startswith(f"reader: {folder}"), errors)

    def test_frames_and_signature_are_checked(self):
        cases = (
            ("pack", 132, "frame"),
            ("pack", 140, "frame"),
            ("pack", 142, "frame 0"),
            ("pack", 143, "malformed"),
            ("pack", 147, "number"),
            ("pack", 150, "authenticate"),
            ("pack", -1, "authenticate"),
            ("manifest", 140, "signature"),
            ("manifest", -70, "signature"),
            ("manifest", -1, "signature"),
            ("journal", -1, "authenticate"),
            ("history", -1, "authenticate"),
            ("history", 140, "plain part is no JSON"),
        )
        for kind, at, text in cases:
            with self.subTest(kind=kind, at=at):
                fixture = self.fixture()
                fixture.writer.mangle[kind] = flip(at)
                self.assert_fails(fixture.build(), text)

    def test_bytes_after_the_last_frame_and_a_missing_last_frame_are_damage(self):
        for kind in ("pack", "journal", "history"):
            for change, text in ((lambda data: data + b"x", "follow"), (lambda data: data[:-20], "ends within")):
                with self.subTest(kind=kind, text=text):
                    fixture = self.fixture()
                    fixture.writer.mangle[kind] = change
                    self.assert_fails(fixture.build(), text)

    def test_a_manifest_signed_by_somebody_else_is_refused(self):
        fixture, other = self.fixture(), self.fixture()
        fixture.writer.signer = other.writer.signer
        self.assert_fails(fixture.build(), "signature is wrong", "list")

    def test_a_wrap_with_another_key_or_repository_or_a_wrong_mac_is_refused(self):
        fixture = self.fixture()
        good = {"repository": fixture.writer.repository.hex(), "root_key": fixture.writer.root_key.hex()}
        for value, text in (
            ({**good, "root_key": "11" * 32}, "does not have the id"),
            ({**good, "repository": "22" * 16}, "another"),
        ):
            path = fixture.writer.wrap(value)
            self.assert_fails(fixture, text, "list")
            os.unlink(os.path.join(fixture.root, path))
        fixture.writer.mangle["key"] = lambda data: data.replace(b"X25519", b"X25520")
        fixture.writer.wrap(good)
        self.assert_fails(fixture, "exactly one X25519", "list")

    def test_a_stranger_opens_nothing(self):
        fixture, other = self.fixture().build(), self.fixture()
        fixture.identity = other.identity
        self.assert_fails(fixture, "no root key is wrapped for this identity", "list")

    def test_contradictions_within_a_backup_are_damage(self):
        for what, change, text in CONTRADICTIONS:
            with self.subTest(what):
                fixture = self.fixture()
                change(fixture)
                self.assert_fails(fixture.build(), text)

    def test_a_format_that_this_reader_must_not_trust_is_refused(self):
        for members, text in (
            ({"version": 2}, "newer than this reader"),
            ({"farshore": "x"}, "not of a farshore vault"),
            ({"signing_key": "ab"}, "64 hexadecimal"),
            ({"signing_key": "ab" * 32}, "none of the root keys"),
            ({"repository": "ab" * 16}, "another repository"),
        ):
            fixture = self.fixture().build()
            fixture.writer.format(**members)
            self.assert_fails(fixture, text, "list")

    def test_one_backup_has_one_manifest(self):
        fixture = self.fixture().build()
        fixture.writer.manifest(1, ONE, {}, {}, COPIER)
        self.assert_fails(fixture, "names the same backup", "list")

    def test_sizes_in_the_custody_are_those_of_the_objects(self):
        for what in ("packs", "journal"):
            fixture = self.fixture().build()
            name, size = getattr(fixture, what)[0]
            listed = [[name, size + 1], *getattr(fixture, what)[1:]]
            fixture.later = {what: listed}
            if what == "packs":
                fixture.later["sizes"] = fixture._custody(listed, {})["sizes"]
            self.assert_fails(fixture.add_incremental(), f"{name}: has another size")
        fixture = self.fixture().build()
        (name, size), *rest = fixture.packs
        custody = fixture._custody([[name, size + 1], *rest], {})
        fixture.writer.manifest(3, TWO, custody, fixture._body([fixture.catalog_ref]))
        self.assert_fails(fixture, f"{name}: has another size", "restore", "--to", self.path("x"))

    def test_an_incremental_stands_by_itself_and_follows_from_its_parent(self):
        fixture = self.fixture().build()
        fixture.forget = 1
        self.assert_fails(fixture.add_incremental(), "custody")
        self.assert_fails(fixture, "custody does not list", "restore", "--to", self.path("x"))
        for later in ({"depth": 2}, {"full": "0" * 16 + "-00000000-" + "0" * 32}):
            fixture = self.fixture().build()
            fixture.later = later
            self.assert_fails(fixture.add_incremental(), "does not follow from the parent")

    def test_a_segment_that_was_good_in_one_backup_still_needs_its_packs_in_the_next(self):
        fixture = self.fixture()
        edited(lambda entries: (entries.pop(0), entries.pop()))(fixture)
        fixture.build()
        self.assertEqual(fixture.run("verify")[0], 0)
        custody, body = fixture._custody(fixture.packs[1:], {}), fixture._body([fixture.catalog_ref])
        fixture.writer.manifest(3, TWO, custody, body)
        self.assert_fails(fixture, "custody lacks a pack of file 'base/5'")

    def test_paths_that_are_there_twice_are_refused(self):
        for path, text in (("PG_VERSION", "twice"), ("base", "twice"), ("PG_VERSION/x", "PG_VERSION")):
            fixture = self.fixture()
            fixture.body = {"closing": [{"path": path, "mode": 0o600, "content": ""}]}
            self.assert_fails(fixture.build(), text, "restore", "--to", self.path(f"t{self.count}"))

    def test_paths_never_leave_the_target(self):
        other = {"mode": 0o600, "mtime": 0}
        link = {"path": "l", "kind": "link", "target": "/tmp", **other}
        for path in ("/x", "../x", "a/../x", "a//x", "", "a/.", "a\0b", "\ud800", "l/x"):
            with self.subTest(path=path):
                fixture = self.fixture()
                entries = [link, {"path": path, "kind": "file", "size": 0, **other}]
                fixture.edit_entries = lambda _, e=entries: sorted(e, key=lambda entry: entry["path"])
                self.assert_fails(
                    fixture.build(),
                    repr(path) if path != "l/x" else "link 'l'",
                    "restore",
                    "--to",
                    self.path(f"t{self.count}"),
                )
        fixture = self.fixture()
        fixture.body = {"closing": [{"path": "base-link/x", "mode": 0o600, "content": ""}]}
        fixture.build()
        code, _, _ = fixture.run("restore", "--to", self.path("closing"))
        self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()
