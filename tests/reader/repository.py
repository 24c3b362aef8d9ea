"""A repository: format, keys, which backups exist, manifests and single frames (docs/format.md, sections 1 to 4 and 7).

What lives here: Repository (one service's folder and the root keys that an identity opens), Backup (a checked manifest)
and Frames (frames by reference, with a bounded cache of decoded frames). Everything only reads.
"""

import hashlib
import os
import re
from collections import OrderedDict

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

import agefile
import sealed
from sealed import Damaged, member, natural, parse_json, parse_name

FRAME_CACHE_BYTES = 64 * sealed.MIB
OPEN_PACKS = 512
FORMAT_LIMIT = 64 * 1024
PLAIN_OBJECT_LIMIT = 64 * sealed.MIB
BACKUP_FORM = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{32}")
PACK_FORM = re.compile(r"[0-9a-f]{16}-[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{64}")


class Refused(Exception):
    """What was asked for cannot be done; nothing is damaged."""


class Lru:
    """A map that forgets the values used longest ago when the sum of their costs exceeds the budget."""

    def __init__(self, budget):
        self.budget, self.used, self.items = budget, 0, OrderedDict()

    def get(self, key, make, cost=len):
        """The value of `key`, made by `make()` when it is not remembered."""
        if key in self.items:
            self.items.move_to_end(key)
            return self.items[key]
        value = make()
        self.items[key] = value
        self.used += cost(value)
        while self.used > self.budget and len(self.items) > 1:
            self.used -= cost(self.items.popitem(last=False)[1])
        return value


class Repository:
    """One service's folder, opened with an identity file."""

    def __init__(self, root, identity_path):
        self.root = root
        self._read_format()
        self._read_keys(identity_path)

    def read(self, path, limit):
        """The stored bytes of one object, unchecked."""
        try:
            with open(os.path.join(self.root, path), "rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError as error:
            raise Damaged(path, "is missing") from error
        if len(data) > limit:
            raise Damaged(path, f"is larger than {limit} bytes")
        return data

    def read_named(self, name, limit):
        """The stored bytes of an object whose name carries their hash."""
        data = self.read(name.path, limit)
        if hashlib.sha256(data).hexdigest() != name["sha256"]:
            raise Damaged(name.path, "bytes differ from the hash in the name")
        return data

    def paths(self, folder):
        """All object paths below a folder, in order."""
        found = []
        for place, _, files in os.walk(os.path.join(self.root, folder)):
            found += [os.path.relpath(os.path.join(place, file), self.root) for file in files]
        return sorted(found)

    def names(self, folder, kind):
        """The parsed names of one kind below a folder; other names are skipped."""
        parsed = [parse_name(path) for path in self.paths(folder)]
        return [name for name in parsed if name and name.kind == kind]

    def _read_format(self):
        if not os.path.isfile(os.path.join(self.root, "format")):
            raise Refused(f"{self.root}: no repository here: no object 'format' (name the service's folder)")
        lines = self.read("format", FORMAT_LIMIT).split(b"\n")
        if len(lines) != 3 or lines[2] or hashlib.sha256(lines[0]).hexdigest().encode() != lines[1]:
            raise Damaged("format", "does not have two lines of which the second is the hash of the first")
        value = parse_json(lines[0], "format", "the first line")
        if value.get("farshore") != "vault":
            raise Damaged("format", "is not of a farshore vault")
        version = natural(value, "version", "format", "the first line")
        if version > sealed.FORMAT_VERSION:
            raise Refused(f"format: version {version} is newer than this reader, which knows {sealed.FORMAT_VERSION}")
        self.service = member(value, "service", str, "format", "the first line")
        self.id = self._digits(value, "repository", 16)
        self.signing_key = self._digits(value, "signing_key", 32)

    def _digits(self, value, key, size):
        text = member(value, key, str, "format", "the first line")
        if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
            raise Damaged("format", f"member {key!r} is not {2 * size} hexadecimal digits")
        return bytes.fromhex(text)

    def _read_keys(self, identity_path):
        """Opens every wrap that is made for one of the identities."""
        try:
            identities = agefile.read_identities(identity_path)
        except (agefile.AgeError, UnicodeDecodeError) as error:
            raise Refused(f"{identity_path}: {error}") from error
        mine = {identity.recipient_id(): identity for identity in identities}
        wraps = self.names("keys", "key")
        self.keys = {}
        for name in wraps:
            if name["recipient"] in mine:
                self.keys[bytes.fromhex(name["key"])] = self._open_wrap(name, mine[name["recipient"]])
        if not self.keys:
            raise Refused("keys: no root key is wrapped for this identity")
        if {name["key"] for name in wraps} == {key.hex() for key in self.keys}:
            self._check_signing_key()

    def _open_wrap(self, name, identity):
        try:
            plain = agefile.decrypt(self.read_named(name, FORMAT_LIMIT), [identity])
        except agefile.AgeError as error:
            raise Damaged(name.path, str(error)) from error
        value = parse_json(plain, name.path, "the wrap")
        if value.get("repository") != self.id.hex():
            raise Damaged(name.path, "wraps a key of another repository")
        text = member(value, "root_key", str, name.path, "the wrap")
        if not re.fullmatch("[0-9a-f]{64}", text):
            raise Damaged(name.path, "root key is not 64 hexadecimal digits")
        root = bytes.fromhex(text)
        if hashlib.sha256(b"farshore key id" + root).digest()[:8].hex() != name["key"]:
            raise Damaged(name.path, "root key does not have the id in the name")
        return root

    def _check_signing_key(self):
        """With every root key at hand one of them must give the public key of `format`."""
        raw, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        for root in self.keys.values():
            seed = agefile.hkdf(root, b"", b"farshore signing", 32)
            if Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(raw, form) == self.signing_key:
                return
        raise Damaged("format", "signing key belongs to none of the root keys")

    def manifests(self):
        """Names of all existing manifests in order: listed, and their writer not fenced."""
        fenced = {name["session"] for name in self.names("fences", "fence")}
        found = [name for name in self.names("backups", "manifest") if name["writer"] not in fenced]
        return sorted(found, key=lambda name: (name["generation"], name["sequence"], name.path))

    def backup_names(self):
        """One manifest name per existing backup, in order (copies by several writers are one backup)."""
        seen = {}
        for name in self.manifests():
            short = short_name(name)
            first = seen.setdefault(short, name)
            if first["sha256"] != name["sha256"]:
                raise Damaged(name.path, f"differs from {first.path}, which names the same backup")
        return list(seen.values())

    def find(self, wanted):
        """The manifest name of the newest backup, or of the only one whose name starts with `wanted`."""
        names = self.backup_names()
        if wanted != "newest":
            names = [name for name in names if short_name(name).startswith(wanted)]
        if not names:
            raise Refused(f"backups: no backup {wanted!r} (see: reader.py list)")
        if wanted != "newest" and len(names) > 1:
            raise Refused(f"backups: {len(names)} backups start with {wanted!r}: give more digits")
        return names[-1]

    def open_whole(self, name, kind):
        """Reads a whole sealed object: (checked head, stored bytes)."""
        data = self.read_named(name, sealed.OBJECT_LIMIT[kind])
        return sealed.Head(data, name, kind, self.id, self.keys), data


def short_name(name):
    """The name of a backup: from the first digit of the manifest's name up to its session."""
    return f"{name['generation']}-{name['sequence']}-{name['session']}"


class Backup:
    """A manifest whose hash, header, commitment, frames, signature and custody have been checked."""

    def __init__(self, repo, name):
        self.repo, self.object, self.name = repo, name.path, short_name(name)
        head, data = repo.open_whole(name, sealed.MANIFEST)
        self._check_signature(data)
        self.custody = parse_json(head.plain, self.object, "the custody")
        self._read_custody()
        body = b"".join([raw for _, _, raw in head.frames(data)])
        self.body = parse_json(body, self.object, "the body")
        self.sessions = read_sessions(self.body, self.object, "the body")
        self.engine = member(self.body, "engine", dict, self.object, "the body")

    def _check_signature(self, data):
        covered, signature = data[: -sealed.SIGNATURE_BYTES], data[-sealed.SIGNATURE_BYTES :]
        message = b"farshore manifest" + hashlib.sha256(covered).digest()
        try:
            Ed25519PublicKey.from_public_bytes(self.repo.signing_key).verify(signature, message)
        except InvalidSignature as error:
            raise Damaged(self.object, "signature is wrong") from error

    def need(self, key, types):
        return member(self.custody, key, types, self.object, "the custody")

    def _read_custody(self):
        if self.need("service", str) != self.repo.service:
            raise Damaged(self.object, "custody names another service")
        self.need("engine", str)
        self.kind, self.full, self.parent = (
            self.need("kind", str),
            self.need("full", str),
            self.need("parent", (str, type(None))),
        )
        self.depth = natural(self.custody, "depth", self.object, "the custody")
        self.started, self.finished = self.need("started", int), self.need("finished", int)
        self.sizes = self.need("sizes", dict)
        for key in ("raw", "stored", "new", "files"):
            natural(self.sizes, key, self.object, "sizes")
        self.needs, self.flags = self.need("needs", (dict, type(None))), self.need("flags", list)
        self._check_descent()
        self._read_packs()

    def _check_descent(self):
        full = self.kind == "full"
        wrong = (
            self.kind not in ("full", "incremental") or full != (self.depth == 0) or full != (self.full == self.name)
        )
        for text in (self.parent, self.full):
            wrong = wrong or text is not None and not BACKUP_FORM.fullmatch(text)
        if wrong or (not full and self.parent is None):
            raise Damaged(self.object, "kind, parent, full and depth of the custody contradict each other")

    def _read_packs(self):
        """Fills `packs`: (generation, session, number) to (name, size)."""
        self.packs = {}
        for pair in self.need("packs", list):
            text, size = self.sized(pair)
            if not PACK_FORM.fullmatch(text):
                raise Damaged(self.object, "custody lists a pack whose name is malformed")
            generation, session, number, digest = text.split("-")
            name = parse_name(f"packs/{digest[:2]}/{text}")
            if self.packs.setdefault((generation, session, int(number, 16)), (name, size))[0] is not name:
                raise Damaged(self.object, f"custody lists pack {generation}-{session}-{number} twice")

    def sized(self, pair):
        """A custody's pair of name and size."""
        proper = isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and type(pair[1]) is int
        if not proper or pair[1] < 0:
            raise Damaged(self.object, "custody has a list whose items are not pairs of name and size")
        return pair

    def summary(self):
        """What `list` prints."""
        return {
            "name": self.name,
            "kind": self.kind,
            "parent": self.parent,
            "started": self.started,
            "finished": self.finished,
            "files": self.sizes["files"],
            "raw": self.sizes["raw"],
        }


def read_sessions(value, name, what):
    """A sessions table of JSON: list of (generation, session) in hexadecimal."""
    table = member(value, "sessions", list, name, what)
    for pair in table:
        proper = isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        if not proper or not re.fullmatch("[0-9a-f]{16}-[0-9a-f]{32}", "-".join(pair)):
            raise Damaged(name, f"sessions table of {what} is malformed")
    return [tuple(pair) for pair in table]


class Frames:
    """Frames of packs by reference. A pack is hashed as a whole when first touched; `used` collects their paths."""

    def __init__(self, repo):
        self.repo, self.hashed, self.used = repo, set(), set()
        self.heads, self.decoded = Lru(OPEN_PACKS), Lru(FRAME_CACHE_BYTES)

    def mark_hashed(self, name):
        """Tells that the pack's bytes have been compared with its name already."""
        self.hashed.add(name.path)

    def resolve(self, backup, sessions, reference, user):
        """The (name, size) of the pack that `reference` (in `user`, for error texts) points into."""
        if len(reference) != 6 or any(type(part) is not int or part < 0 for part in reference):
            raise Damaged(backup.object, f"frame reference in {user} is malformed")
        session, number = reference[:2]
        if session >= len(sessions):
            raise Damaged(backup.object, f"frame reference in {user} leaves its sessions table")
        found = backup.packs.get((*sessions[session], number))
        if found is None:
            raise Damaged(backup.object, f"{user} refers to a pack that the custody does not list")
        self.used.add(found[0].path)
        return found

    def get(self, backup, sessions, reference, kind, user):
        """The raw bytes of the frame that `reference` points at."""
        found = self.resolve(backup, sessions, reference, user)
        key = (found[0].path, *reference[2:], kind)
        return self.decoded.get(key, lambda: self._read(*found, reference, kind, user))

    def _head(self, name, size):
        if name.path not in self.hashed:
            head, data = self.repo.open_whole(name, sealed.PACK)
            found = len(data)
            self.mark_hashed(name)
        else:
            path = os.path.join(self.repo.root, name.path)
            with open(path, "rb") as file:
                head = sealed.Head(file.read(sealed.HEADER.size + 4), name, sealed.PACK, self.repo.id, self.repo.keys)
            found = os.path.getsize(path)
        if found != size:
            raise Damaged(name.path, "has another size than the custody says")
        return head

    def _read(self, name, size, reference, kind, user):
        _, _, offset, stored, raw, number = reference
        head = self.heads.get((name.path, size), lambda: self._head(name, size), lambda head: 1)
        if offset < head.first_frame or stored < sealed.FRAME.size or offset + stored > size:
            raise Damaged(name.path, f"frame reference in {user} leaves the pack")
        with open(os.path.join(self.repo.root, name.path), "rb") as file:
            file.seek(offset)
            data = file.read(stored)
        frame = head.frame_header(data, offset)
        if (frame.stored + sealed.FRAME.size, frame.raw, frame.kind, frame.number) != (stored, raw, kind, number):
            raise Damaged(name.path, f"frame at offset {offset} is not the one that {user} refers to")
        return head.open_frame(frame, data[sealed.FRAME.size :])
