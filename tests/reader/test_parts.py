"""Tests of the reader's parts: the log, page checksums, age files, the program itself. test_reader.py runs them, too.

What lives here: the log's ranges with holes and overlaps, checksums against numbers made by PostgreSQL's own code, and
age files against the programs `age` and `age-keygen` where they are installed.
"""

import os
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import agefile  # noqa: E402
import pages  # noqa: E402
from fixture import LOG, LOG_START, ONE, PAGE, Case, flip  # noqa: E402
from writer import age_encrypt, good_page, raw_public, slow_checksum  # noqa: E402


class Journal(Case):
    def join(self, fixture, start, stop, *more):
        return fixture.run("journal", "--timeline", 1, "--from", start, "--to", stop, "--out", self.path("out"), *more)

    def test_any_range_joins_to_the_bytes_of_the_log(self):
        fixture = self.fixture().build()
        for start, stop in ((0, 300_000), (5, 6), (89_999, 90_001), (95_000, 299_999), (99_999, 100_001)):
            code, _, errors = self.join(fixture, LOG_START + start, f"0/{LOG_START + stop:X}")
            self.assertEqual((code, errors), (0, ""))
            with open(self.path("out"), "rb") as file:
                self.assertEqual(file.read(), LOG[start:stop])

    def test_holes_ends_and_overlaps_with_different_bytes_are_damage(self):
        fixture = self.fixture().build()
        self.assertIn("hole", self.join(fixture, LOG_START - 1, LOG_START + 5)[2])
        self.assertIn("ends at", self.join(fixture, LOG_START, LOG_START + 300_001)[2])
        self.assertIn(
            "no log of timeline 7",
            fixture.run("journal", "--timeline", 7, "--from", 0, "--to", 1, "--out", self.path("o"))[2],
        )
        path, _ = fixture.writer.journal(ONE, LOG_START + 95_000, b"different", 11)
        self.assertIn(path, self.join(fixture, LOG_START, LOG_START + 100_000)[2])
        self.assert_fails(fixture, path)
        self.assertFalse(os.path.exists(self.path("out")) or os.path.exists(self.path("out.part")))

    def test_ranges_and_histories_that_lie_are_damage(self):
        cases = (
            (lambda w: w.journal(ONE, 0, b"12345", 1, length=6), "as many bytes"),
            (lambda w: w.journal(ONE, (16 << 20) - 2, b"12345", 1), "crosses a multiple of 16 MiB"),
            (lambda w: w.journal(ONE, 10, b"", 1, length=-1), "ends before it starts"),
            (lambda w: [w.history(ONE, 3, b"a"), w.history(ONE, 3, b"b")], "another history"),
        )
        for change, text in cases:
            fixture = self.fixture().build()
            change(fixture.writer)
            self.assert_fails(fixture, text)
        self.assertIn("must be below", self.join(fixture, 5, 5)[2])
        fixture.writer.write(fixture.journal[0][0].replace("/wal/", "/other/"), b"")
        self.assertIn("several streams (other, wal)", self.join(fixture, LOG_START, LOG_START + 1)[2])
        self.assertEqual(self.join(fixture, LOG_START, LOG_START + 1, "--stream", "wal")[0], 0)

    def test_a_hole_is_told_by_verify_as_two_chains(self):
        fixture = self.fixture().build()
        fixture.writer.journal(ONE, LOG_START + 400_000, b"later", 99)
        chains = fixture.run("verify")[1]["journal"][0]["chains"]
        self.assertEqual(
            [(c["from"] - LOG_START, c["to"] - LOG_START, c["moment"]) for c in chains],
            [(0, 300_000, 30), (400_000, 400_005, 99)],
        )

    def test_a_plain_part_that_differs_from_the_name_is_damage(self):
        for change in ({"from": 1}, {"timeline": 2}, {"stream": "x"}, {"to": 6}, {"moment": 2}):
            fixture = self.fixture().build()
            path, _ = fixture.writer.journal(ONE, 0, b"bytes", 1, plain=change)
            self.assert_fails(fixture, f"{path}: plain part differs")


class Parts(Case):
    def test_page_checksums_are_those_of_postgresql(self):
        """The two numbers come from storage/checksum_impl.h compiled with BLCKSZ 8192."""
        page = bytes((i * 7 + i // 256) & 255 for i in range(PAGE))
        self.assertEqual(pages.page_checksums(page, PAGE, 0) + pages.page_checksums(page, PAGE, 131077), [15923, 15928])
        many = b"".join(good_page(b"%d" % n, n + 9) for n in range(300))
        self.assertEqual(pages.wrong_pages(many, PAGE, 9), [])
        self.assertEqual(pages.wrong_pages(flip(200 * PAGE + 50)(many), PAGE, 9), [200])
        for size in (4096, 32768):
            self.assertEqual(pages.page_checksums(many[:size], size, 3), [slow_checksum(many[:size], 3)])

    def test_age_files_of_several_chunks_open_and_their_damage_is_detected(self):
        fixture = self.fixture()
        mine, public = agefile.read_identities(fixture.identity), raw_public(fixture.writer.identity)
        for size in (0, 1, 65535, 65536, 65537, 200_000):
            self.assertEqual(agefile.decrypt(age_encrypt(bytes(size), public), mine), bytes(size))
        sealed = age_encrypt(b"secret", public)
        for at in range(len(sealed)):
            with self.assertRaises(agefile.AgeError, msg=f"byte {at}"):
                agefile.decrypt(flip(at)(sealed), mine)
        for cut in (sealed[:-1], age_encrypt(bytes(70_000), public)[: -70_000 + 65536 - 16]):
            with self.assertRaises(agefile.AgeError):
                agefile.decrypt(cut, mine)

    def test_identity_files_that_are_none_are_refused(self):
        fixture = self.fixture().build()
        with open(fixture.identity, encoding="utf-8") as file:
            good = file.read().strip().splitlines()[-1]
        short = agefile.bech32_encode("age-secret-key-", b"short").upper()
        cases = (
            ("", "holds no identity"),
            (good[:-1] + ("Q" if good[-1] != "Q" else "P"), "checksum"),
            ("hello", "no AGE-SECRET"),
            (good[:-1] + "q", "mixes"),
            (good + "B", "not a bech32"),
            (short, "not 32 bytes"),
        )
        for text, expected in cases:
            with open(fixture.identity, "w", encoding="utf-8") as file:
                file.write(text + "\n")
            self.assert_fails(fixture, expected, "list")
        os.unlink(fixture.identity)
        self.assert_fails(fixture, "No such file", "list")

    @unittest.skipUnless(shutil.which("age") and shutil.which("age-keygen"), "needs the programs age and age-keygen")
    def test_the_programs_age_and_age_keygen_agree_with_this_reader(self):
        key = self.path("key")
        subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
        text = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True).stdout.strip()
        mine = agefile.read_identities(key)
        self.assertEqual(mine[0].recipient, text)
        for size in (0, 100, 65536, 131_073):
            data = os.urandom(size)
            sealed = subprocess.run(["age", "-r", text], input=data, check=True, capture_output=True).stdout
            self.assertEqual(agefile.decrypt(sealed, mine), data)
            back = subprocess.run(
                ["age", "-d", "-i", key], input=age_encrypt(data, mine[0].public), check=True, capture_output=True
            )
            self.assertEqual(back.stdout, data)

    def test_the_program_runs_as_its_own_process(self):
        fixture = self.fixture().build()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reader.py")
        command = [sys.executable, "-B", program, "verify", "--identity", fixture.identity, "--repository"]
        good = subprocess.run([*command, fixture.root], capture_output=True, text=True, check=False)
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        bad = subprocess.run([*command, self.folder], capture_output=True, text=True, check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("no repository here", bad.stderr)


if __name__ == "__main__":
    unittest.main()
