"""A tiny writer of the vault format for the reader's tests, written from docs/format.md.

What lives here: Writer, which puts objects into a folder. It shares only hkdf, bech32 and the checksum's constants with
the reader; sealing, age encryption and page checksums are written a second time, in the plainest way. `mangle` maps an
object kind to a function over its bytes, applied before they are named: a damaged object can still have the right name.
"""

import base64
import hashlib
import hmac
import json
import os
import struct

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from agefile import bech32_encode, hkdf
from pages import BASE_OFFSETS

KINDS = {"pack": 1, "manifest": 2, "journal": 3, "history": 4}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def age_encrypt(plain, public):
    """An age file for one X25519 recipient."""
    file_key, ephemeral = os.urandom(16), X25519PrivateKey.generate()
    share = raw_public(ephemeral)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    wrap = hkdf(shared, share + public, b"age-encryption.org/v1/X25519", 32)
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    lines = [b"age-encryption.org/v1", b"-> X25519 " + unpadded(share), unpadded(body), b"---"]
    header = b"\n".join(lines)
    mac = hmac.digest(hkdf(file_key, b"", b"header", 32), header, "sha256")
    nonce = os.urandom(16)
    aead, out = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload", 32)), b""
    chunks = [plain[at : at + 65536] for at in range(0, len(plain), 65536)] or [b""]
    for counter, chunk in enumerate(chunks):
        out += aead.encrypt(counter.to_bytes(11, "big") + bytes([counter == len(chunks) - 1]), chunk, None)
    return header + b" " + unpadded(mac) + b"\n" + nonce + out


def unpadded(data):
    return base64.b64encode(data).rstrip(b"=")


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def slow_checksum(page, block):
    """The page checksum, one sum after the other."""
    page = page[:8] + b"\0\0" + page[10:]
    sums, words = list(BASE_OFFSETS), struct.unpack(f"<{len(page) // 4}I", page)
    for at, word in enumerate(words + (0,) * 64):
        mixed = sums[at % 32] ^ word
        sums[at % 32] = (mixed * 16777619 ^ mixed >> 17) & 0xFFFFFFFF
    folded = 0
    for value in sums:
        folded ^= value
    return (folded ^ block) % 65535 + 1


def good_page(seed, block, size=8192):
    """A page with made-up content and the right checksum."""
    page = bytearray(hashlib.shake_128(seed).digest(size))
    page[8:10] = slow_checksum(bytes(page), block).to_bytes(2, "little")
    return bytes(page)


class Writer:
    """Puts objects of one service into a folder."""

    def __init__(self, root, identity_path, service="pg-1"):
        self.root, self.service, self.mangle = root, service, {}
        self.raw_lie, self.pack_plain = 0, b""
        self.repository, self.root_key, self.generation = os.urandom(16), os.urandom(32), 1
        self.key_id = hashlib.sha256(b"farshore key id" + self.root_key).digest()[:8]
        self.signer = Ed25519PrivateKey.from_private_bytes(hkdf(self.root_key, b"", b"farshore signing", 32))
        self.identity = X25519PrivateKey.generate()
        self.write_identity(identity_path)
        self.format()
        self.wrap({"repository": self.repository.hex(), "root_key": self.root_key.hex()})

    def format(self, **members):
        """Puts `format`, with other members where given."""
        value = {
            "farshore": "vault",
            "version": 1,
            "service": self.service,
            "repository": self.repository.hex(),
            "signing_key": raw_public(self.signer).hex(),
            **members,
        }
        line = json.dumps(value).encode()
        self.write("format", line + b"\n" + sha(line).encode() + b"\n")

    def write_identity(self, path):
        secret = self.identity.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        with open(path, "w", encoding="utf-8") as file:
            file.write("# a comment\n\n" + bech32_encode("age-secret-key-", secret).upper() + "\n")

    def wrap(self, value):
        public = raw_public(self.identity)
        recipient = sha(bech32_encode("age", public).encode())[:16]
        data = self.changed("key", age_encrypt(json.dumps(value).encode(), public))
        return self.write(f"keys/{self.key_id.hex()}-{recipient}-{sha(data)}", data)

    def changed(self, kind, data):
        return self.mangle[kind](data) if kind in self.mangle else data

    def write(self, path, data):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        return path

    def seal(self, kind, number, session, plain, frames):
        """The bytes of a sealed object and the frames' references; a frame is (kind, raw, compress)."""
        salt = os.urandom(32)
        start = b"FARSHORE" + struct.pack(">HBBIQ", 1, KINDS[kind], 1, number, self.generation)
        start += session + self.repository + self.key_id
        derived = hkdf(self.root_key, salt, b"farshore object" + start, 64)
        out = start + salt + derived[32:] + struct.pack(">I", len(plain)) + plain
        bound, aead, places = hashlib.sha256(out).digest(), AESGCM(derived[:32]), []
        for index, (frame_kind, raw, compress) in enumerate(frames):
            data = zstandard.ZstdCompressor().compress(raw) if compress else raw
            flags = int(index == len(frames) - 1)
            header = struct.pack(
                ">IIBBBBI", len(data) + 16, len(raw) + self.raw_lie, frame_kind, int(compress), flags, 0, index
            )
            sealed = aead.encrypt(bytes(7) + bytes([flags]) + struct.pack(">I", index), data, bound + header)
            places.append([len(out), 16 + len(sealed), len(raw), index])
            out += header + sealed
        if kind == "manifest":
            out += self.signer.sign(b"farshore manifest" + hashlib.sha256(out).digest())
        return self.changed(kind, out), places

    def pack(self, session, number, frames, index=True):
        """Puts a pack: (custody pair, references with session index 0)."""
        frames = list(frames) + ([(4, b'{"start":0,"sessions":[],"entries":[]}', True)] if index else [])
        data, places = self.seal("pack", number, session, self.pack_plain, frames)
        name = f"{self.generation:016x}-{session.hex()}-{number:08x}-{sha(data)}"
        self.write(f"packs/{sha(data)[:2]}/{name}", data)
        return [name, len(data)], [[0, number, *place] for place in places]

    def manifest(self, sequence, session, custody, body, writer=None):
        """Puts a manifest; the body is cut into two frames to show that they are joined."""
        name = f"{self.generation:016x}-{sequence:08x}-{session.hex()}"
        base = {
            "service": self.service,
            "engine": "postgresql",
            "kind": "full",
            "parent": None,
            "full": name,
            "depth": 0,
            "started": 1_700_000_000_000_000,
            "finished": 1_700_000_001_000_000,
            "packs": [],
            "journal": [],
            "needs": None,
            "sizes": {"raw": 0, "stored": 0, "new": 0, "files": 0},
            "flags": [],
        }
        base.update(custody)
        inner = {"sessions": [], "catalogs": [], "closing": [], "engine": {}, "bad_pages": []}
        inner.update(body)
        text = json.dumps(inner).encode()
        frames = [(5, text[:50], False), (5, text[50:], True)]
        data, _ = self.seal("manifest", sequence, session, json.dumps(base).encode(), frames)
        return self.write(f"backups/{name}-{(writer or session).hex()}-{sha(data)}", data), data

    def journal(self, session, start, data, moment, timeline=1, plain=None, length=None):
        """Puts a journal object of two frames (one, if empty); `length` is what it claims to hold."""
        stop = start + (len(data) if length is None else length)
        value = {"stream": "wal", "timeline": timeline, "from": start, "to": stop, "moment": moment, **(plain or {})}
        half = len(data) // 2
        frames = [(6, data[:half], True), (6, data[half:], False)] if data else [(6, b"", False)]
        out, _ = self.seal("journal", 0, session, json.dumps(value).encode(), frames)
        name = f"{start:016x}-{stop:016x}-{moment:016x}-{self.generation:016x}-{session.hex()}-{sha(out)}"
        return [self.write(f"journal/wal/{timeline:08x}/{start >> 24:010x}/{name}", out), len(out)]

    def history(self, session, timeline, data):
        value = json.dumps({"stream": "wal", "timeline": timeline}).encode()
        out, _ = self.seal("history", 0, session, value, [(6, data, False)])
        name = f"history-{self.generation:016x}-{session.hex()}-{sha(out)}"
        return self.write(f"journal/wal/{timeline:08x}/{name}", out)

    def plain(self, prefix, value):
        data = json.dumps(value).encode()
        return self.write(f"{prefix}-{sha(data)}", data)
