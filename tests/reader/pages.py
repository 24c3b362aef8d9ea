"""Pages of kind postgresql-N: data checksums and the check of one segment's bytes (docs/format.md, sections 5 and 6).

What lives here: the checksum of PostgreSQL's storage/checksum_impl.h, computed for many pages at once in wide integers
(one 64-bit lane per 32-bit partial sum), and SegmentCheck, which takes a segment's bytes piece by piece and compares
digest and page checksums. Nothing here writes.
"""

import hashlib

from sealed import Damaged

PRIME = 16777619
SUMS = 32
ROW_BYTES = 4 * SUMS
BATCH_PAGES = 128
BAD_BLOCKS_LIMIT = 1024
BASE_OFFSETS = (
    0x5B1F36E9,
    0xB8525960,
    0x02AB50AA,
    0x1DE66D2A,
    0x79FF467A,
    0x9BB9F8A3,
    0x217E7CD2,
    0x83E13D2C,
    0xF8D4474F,
    0xE39EB970,
    0x42C6AE16,
    0x993216FA,
    0x7B093B5D,
    0x98DAFF3C,
    0xF718902A,
    0x0B1C9CDB,
    0xE58F764B,
    0x187636BC,
    0x5D7B3BB1,
    0xE73DE7DE,
    0x92BEC979,
    0xCCA6C0B2,
    0x304A0979,
    0x85AA43D4,
    0x783125BB,
    0x6CA8EAA2,
    0xE407EAC6,
    0x4B5CFC3E,
    0x9FBF8C76,
    0x15CA20BE,
    0xF2CA9FD3,
    0x959BD756,
)
_BASE = b"".join(value.to_bytes(8, "little") for value in BASE_OFFSETS)
_MASK = b"\xff\xff\xff\xff\0\0\0\0" * SUMS


def _batch(data, size, first_block):
    """Checksums of the pages in `data`, a whole number of them."""
    count = len(data) // size
    words = bytearray(data)
    words[8::size] = bytes(count)
    words[9::size] = bytes(count)
    spread = bytearray(2 * len(words))
    memoryview(spread).cast("I")[::2] = memoryview(words).cast("I")
    mask = int.from_bytes(_MASK * count, "little")
    sums = int.from_bytes(_BASE * count, "little")
    starts = range(0, len(spread), 2 * size)
    for row in range(0, 2 * size, 2 * ROW_BYTES):
        lanes = b"".join([spread[at + row : at + row + 2 * ROW_BYTES] for at in starts])
        mixed = sums ^ int.from_bytes(lanes, "little")
        sums = (mixed * PRIME ^ mixed >> 17) & mask
    for _ in range(2):
        sums = (sums * PRIME ^ sums >> 17) & mask
    folded = sums.to_bytes(2 * ROW_BYTES * count, "little")
    out = []
    for index in range(count):
        value = int.from_bytes(folded[index * 2 * ROW_BYTES : (index + 1) * 2 * ROW_BYTES], "little")
        for shift in (1024, 512, 256, 128, 64):
            value ^= value >> shift
        out.append(((value & 0xFFFFFFFF) ^ (first_block + index & 0xFFFFFFFF)) % 65535 + 1)
    return out


def page_checksums(data, size, first_block):
    """The data checksum of every page in `data`, whose first page has block number `first_block`."""
    out, step = [], BATCH_PAGES * size
    for at in range(0, len(data), step):
        out += _batch(data[at : at + step], size, first_block + at // size)
    return out


def wrong_pages(data, size, first_block):
    """Indexes of the pages whose checksum is wrong; pages of zero bytes are good."""
    if data.count(0) == len(data):
        return []
    wrong = []
    for index, value in enumerate(page_checksums(data, size, first_block)):
        at = index * size
        if int.from_bytes(data[at + 8 : at + 10], "little") != value and any(data[at : at + size]):
            wrong.append(index)
    return wrong


class SegmentCheck:
    """Takes the bytes of one segment in order and compares digest and page checksums at the end."""

    def __init__(self, name, entry, index, start):
        """`name` is the object to blame; `start` is the segment's offset within the file."""
        self.name, self.entry, self.index = name, entry, index
        self.pages = entry.pages
        self.digest = hashlib.sha256()
        self.rest = b""
        self.block = start // self.pages.size if self.pages else 0
        self.stamps = entry.digest_of == "stamps"
        self.exempt = set(entry.bad_blocks)
        full = len(self.exempt) >= BAD_BLOCKS_LIMIT
        self.exempt_after = max(self.exempt) if full else None

    def fail(self, what):
        raise Damaged(self.name, f"file {self.entry.path!r}, segment {self.index}: {what}")

    def feed(self, data):
        """The next bytes of the segment."""
        if not self.stamps:
            self.digest.update(data)
        if self.pages:
            data = self.rest + bytes(data) if self.rest else bytes(data)
            whole = len(data) // self.pages.size * self.pages.size
            self._pages(data[:whole])
            self.rest = data[whole:]

    def _pages(self, data):
        size, stamp = self.pages.size, self.pages.stamp
        if self.stamps:
            self.digest.update(b"".join([data[at : at + stamp] for at in range(0, len(data), size)]))
        if self.pages.checksums:
            for index in wrong_pages(data, size, self.pages.first_block + self.block):
                self._wrong(self.block + index)
        self.block += len(data) // size

    def _wrong(self, block):
        beyond = self.exempt_after is not None and block > self.exempt_after
        if block not in self.exempt and not beyond:
            self.fail(f"page checksum of block {block} is wrong")

    def finish(self, digest):
        """Compares; a page cut off by the end of the file counts with the stamp bytes that it has."""
        if self.stamps and self.rest:
            self.digest.update(self.rest[: self.pages.stamp])
        if self.digest.hexdigest() != digest:
            self.fail(f"digest of {self.entry.digest_of} is wrong")
