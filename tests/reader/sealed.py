"""Sealed objects of a vault (docs/format.md, sections 1 and 4): names, headers, keys, frames.

What lives here: the grammar of object names, the 128-byte header with its comparisons, key derivation with the
commitment, decryption and decompression of single frames, and the walk over all frames of an object.
It promises that bytes come out only after every check of section 4 has passed. Nothing here writes.
"""

import hashlib
import hmac
import io
import json
import re
import struct
from dataclasses import dataclass

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agefile import hkdf

MIB = 1024 * 1024
FORMAT_VERSION = 1
HEADER = struct.Struct(">8sHBBIQ16s16s8s32s32s")
FRAME = struct.Struct(">IIBBBBI")
PACK, MANIFEST, JOURNAL, HISTORY = 1, 2, 3, 4
CONTENT, MAP, CATALOG, INDEX, BODY, LOG = 1, 2, 3, 4, 5, 6
FRAME_KINDS = {PACK: (CONTENT, MAP, CATALOG, INDEX), MANIFEST: (BODY,), JOURNAL: (LOG,), HISTORY: (LOG,)}
OBJECT_LIMIT = {PACK: 20 * MIB, MANIFEST: 64 * MIB, JOURNAL: 20 * MIB, HISTORY: 20 * MIB}
FRAME_RAW_LIMIT = 4 * MIB
FRAME_COUNT_LIMIT = 1 << 20
TAG_BYTES = 16
SIGNATURE_BYTES = 64

_GRAMMAR = {
    "key": "keys/{key:16}-{recipient:16}-{sha256:64}",
    "pack": "packs/{aa:2}/{generation:16}-{session:32}-{number:8}-{sha256:64}",
    "manifest": "backups/{generation:16}-{sequence:8}-{session:32}-{writer:32}-{sha256:64}",
    "journal": "journal/{stream}/{timeline:8}/{block:10}/"
    "{from:16}-{to:16}-{moment:16}-{generation:16}-{session:32}-{sha256:64}",
    "history": "journal/{stream}/{timeline:8}/history-{generation:16}-{session:32}-{sha256:64}",
    "session": "sessions/{generation:16}-{session:32}-{sha256:64}",
    "fence": "fences/{session:32}-{sha256:64}",
    "tombstone": "tombstones/{generation:16}-{session:32}-{sha256:64}",
}


def _pattern(template):
    text = re.sub(r"\{(\w+):(\d+)\}", lambda m: f"(?P<{m[1]}_>[0-9a-f]{{{m[2]}}})", template)
    return re.compile(text.replace("{stream}", "(?P<stream_>[a-z]{1,16})"))


PATTERNS = {kind: _pattern(template) for kind, template in _GRAMMAR.items()}


class Damaged(Exception):
    """An object is not what the document says; the text begins with the object's name."""

    def __init__(self, name, what):
        super().__init__(f"{name}: {what}")


class ObjectName:
    """A parsed object name: `path` below the repository, `kind`, and the name's parts as text."""

    def __init__(self, path, kind, parts):
        self.path, self.kind, self.parts = path, kind, parts

    def __getitem__(self, part):
        return self.parts[part]

    def number(self, part):
        """A part that is a number, as integer."""
        return int(self.parts[part], 16)


def parse_name(path):
    """The ObjectName of a path, or None when no rule of section 1 fits."""
    for kind, pattern in PATTERNS.items():
        match = pattern.fullmatch(path)
        if match:
            parts = {part[:-1]: text for part, text in match.groupdict().items()}
            if kind == "pack" and not parts["sha256"].startswith(parts["aa"]):
                return None
            if kind == "journal" and not parts["from"].startswith(parts["block"]):
                return None
            return ObjectName(path, kind, parts)
    return None


def parse_json(data, name, what):
    """A JSON object (UTF-8), or the object `name` is damaged."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged(name, f"{what} is no JSON") from error
    if not isinstance(value, dict):
        raise Damaged(name, f"{what} is no JSON object")
    return value


def member(value, key, types, name, what):
    """A required member of a JSON object with one of `types`; a boolean is no integer."""
    types = types if isinstance(types, tuple) else (types,)
    present = isinstance(value, dict) and key in value
    found = value[key] if present else None
    if not present or not isinstance(found, types) or (isinstance(found, bool) and bool not in types):
        raise Damaged(name, f"{what} has no proper member {key!r}")
    return found


def natural(value, key, name, what):
    """A required member that is an integer from 0 to 2^64 - 1."""
    found = member(value, key, int, name, what)
    if not 0 <= found < 1 << 64:
        raise Damaged(name, f"member {key!r} of {what} is out of range")
    return found


@dataclass
class FrameHeader:
    """The 16 bytes before the sealed bytes of a frame."""

    stored: int
    raw: int
    kind: int
    compression: int
    flags: int
    zero: int
    number: int
    data: bytes

    @property
    def last(self):
        return bool(self.flags & 1)


class Head:
    """Header and plain part of one sealed object, checked against its name, with the key ready to open frames."""

    def __init__(self, data, name, kind, repository, keys):
        """`data` holds at least header and plain part; `keys` maps key ids to root keys."""
        if len(data) < HEADER.size + 4:
            raise Damaged(name.path, "shorter than its header")
        self.name, self.kind = name.path, kind
        magic, version, kind_, suite, number, generation, session, repo, key, salt, commitment = HEADER.unpack_from(
            data
        )
        if magic != b"FARSHORE" or kind_ != kind or suite != 1:
            raise Damaged(name.path, "header has another magic, kind or suite")
        if not 1 <= version <= FORMAT_VERSION:
            raise Damaged(name.path, f"has format version {version}, this reader knows {FORMAT_VERSION}")
        in_name = {PACK: "number", MANIFEST: "sequence"}.get(kind)
        expected = (name.number(in_name) if in_name else 0, name.number("generation"), name["session"])
        if (number, generation, session.hex()) != expected:
            raise Damaged(name.path, "header differs from the name")
        if repo != repository:
            raise Damaged(name.path, "belongs to another repository")
        root = keys.get(key)
        if root is None:
            raise Damaged(name.path, f"is sealed with key {key.hex()}, which no identity opens")
        derived = hkdf(root, salt, b"farshore object" + data[:64], 64)
        if not hmac.compare_digest(derived[32:], commitment):
            raise Damaged(name.path, "commitment is wrong")
        self.aead = AESGCM(derived[:32])
        self._read_plain(data)

    def _read_plain(self, data):
        """Takes the plain part and the additional data's first half."""
        length = int.from_bytes(data[HEADER.size : HEADER.size + 4], "big")
        self.first_frame = HEADER.size + 4 + length
        self.plain = data[HEADER.size + 4 : self.first_frame]
        if self.kind == PACK and length:
            raise Damaged(self.name, "a pack's plain part is not empty")
        if len(self.plain) != length:
            raise Damaged(self.name, "ends within its plain part")
        self.bound = hashlib.sha256(data[: self.first_frame]).digest()

    def frame_header(self, data, offset):
        """Parses and checks the frame header in `data` (which starts at `offset` of the object)."""
        if len(data) < FRAME.size:
            raise Damaged(self.name, f"ends within a frame header at offset {offset}")
        frame = FrameHeader(*FRAME.unpack_from(data), data=bytes(data[: FRAME.size]))
        wrong = frame.kind not in FRAME_KINDS[self.kind] or frame.compression > 1 or frame.flags > 1 or frame.zero
        if wrong or frame.stored < TAG_BYTES or frame.raw > FRAME_RAW_LIMIT or frame.number >= FRAME_COUNT_LIMIT:
            raise Damaged(self.name, f"frame header at offset {offset} is malformed")
        return frame

    def open_frame(self, frame, sealed):
        """The raw bytes of a frame."""
        nonce = bytes(7) + bytes([frame.flags]) + frame.number.to_bytes(4, "big")
        if len(sealed) != frame.stored:
            raise Damaged(self.name, f"ends within frame {frame.number}")
        try:
            data = self.aead.decrypt(nonce, bytes(sealed), self.bound + frame.data)
        except InvalidTag as error:
            raise Damaged(self.name, f"frame {frame.number} does not authenticate") from error
        if frame.compression:
            data = self._decompress(data, frame)
        if len(data) != frame.raw:
            raise Damaged(self.name, f"frame {frame.number} has another raw length than its header says")
        return data

    def _decompress(self, data, frame):
        """Zstandard, never producing more than one byte above the raw length."""
        out = bytearray()
        try:
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as stream:
                while len(out) <= frame.raw:
                    part = stream.read(frame.raw + 1 - len(out))
                    if not part:
                        break
                    out += part
        except zstandard.ZstdError as error:
            raise Damaged(self.name, f"frame {frame.number} does not decompress") from error
        return bytes(out)

    def frames(self, data):
        """All frames of the whole object `data`, in order: (offset, frame header, raw bytes)."""
        end = len(data) - (SIGNATURE_BYTES if self.kind == MANIFEST else 0)
        view, at, number, last = memoryview(data), self.first_frame, 0, False
        while not last:
            frame = self.frame_header(view[at : min(at + FRAME.size, end)], at)
            if frame.number != number:
                raise Damaged(self.name, f"frame {number} carries number {frame.number}")
            stop = at + FRAME.size + frame.stored
            yield at, frame, self.open_frame(frame, view[at + FRAME.size : min(stop, end)])
            at, number, last = stop, number + 1, frame.last
        if at != end:
            raise Damaged(self.name, "bytes follow the last frame")
