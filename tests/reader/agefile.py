"""Opens files in the format "age-encryption.org/v1" (C2SP, The age file encryption format).

What lives here: bech32 for identities and recipients, X25519 stanzas, the header's MAC and the STREAM payload.
Only what a vault's wraps need is understood: X25519 identities and binary (not armoured) files.
Stanzas of other types are skipped, as the age specification asks. Nothing here writes, so a crash loses nothing.
"""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
VERSION_LINE = b"age-encryption.org/v1"
X25519_LABEL = b"age-encryption.org/v1/X25519"
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
STANZA_COLUMNS = 64


class AgeError(Exception):
    """The file or the identity is not what the age format allows, or does not open."""


def hkdf(secret, salt, info, length):
    """HKDF-SHA-256 (RFC 5869); an empty salt is the RFC's default salt."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt or None, info=info).derive(secret)


def _polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                check ^= generator
    return check


def _expand(prefix):
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _regroup(values, have, want, pad):
    """Regroups `have`-bit numbers into `want`-bit ones; without `pad` the rest must be fewer than `have` zero bits."""
    store, bits, out = 0, 0, []
    for value in values:
        store, bits = store << have | value, bits + have
        while bits >= want:
            bits -= want
            out.append(store >> bits & (1 << want) - 1)
        store &= (1 << bits) - 1
    if pad and bits:
        out.append(store << want - bits & (1 << want) - 1)
    if not pad and (bits >= have or store):
        raise AgeError("bech32 text has wrong padding")
    return out


def bech32_encode(prefix, data):
    """Bech32 (BIP 173, without its length limit) of `data`, lower case."""
    values = _regroup(data, 8, 5, True)
    check = _polymod(_expand(prefix) + values + [0] * 6) ^ 1
    values += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(BECH32_ALPHABET[v] for v in values)


def bech32_decode(prefix, text):
    """The bytes of a bech32 text with that prefix; mixed case is refused."""
    if text not in (text.lower(), text.upper()):
        raise AgeError("bech32 text mixes upper and lower case")
    text = text.lower()
    head, _, tail = text.rpartition("1")
    if head != prefix or len(tail) < 6 or any(c not in BECH32_ALPHABET for c in tail):
        raise AgeError(f"not a bech32 text that starts with {prefix}1")
    values = [BECH32_ALPHABET.index(c) for c in tail]
    if _polymod(_expand(head) + values) != 1:
        raise AgeError("bech32 checksum is wrong")
    return bytes(_regroup(values[:-6], 5, 8, False))


class Identity:
    """One X25519 secret key and the recipient text that belongs to it."""

    def __init__(self, text):
        if not text.startswith("AGE-SECRET-KEY-1"):
            raise AgeError("a line of the identity file is no AGE-SECRET-KEY-1")
        secret = bech32_decode("age-secret-key-", text)
        if len(secret) != 32:
            raise AgeError("an identity is not 32 bytes long")
        self.secret = X25519PrivateKey.from_private_bytes(secret)
        raw, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self.public = self.secret.public_key().public_bytes(raw, form)
        self.recipient = bech32_encode("age", self.public)

    def recipient_id(self):
        """The 16 digits by which names of wraps tell the recipient."""
        return hashlib.sha256(self.recipient.encode()).hexdigest()[:16]


def read_identities(path):
    """All identities of an identity file."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    identities = [Identity(line) for line in lines if line and not line.startswith("#")]
    if not identities:
        raise AgeError("the identity file holds no identity")
    return identities


def _unbase64(text):
    """Canonical base64 without padding."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise AgeError("the age header has wrong base64") from error
    if base64.b64encode(data).rstrip(b"=") != text:
        raise AgeError("the age header has base64 that is not canonical")
    return data


def _line(data, at):
    end = data.find(b"\n", at)
    if end < 0:
        raise AgeError("the age header ends early")
    return data[at:end], end + 1


def parse_header(data):
    """(stanzas, MAC, bytes under the MAC, offset of the payload); a stanza is (arguments, body)."""
    line, at = _line(data, 0)
    if line != VERSION_LINE:
        raise AgeError("not a file of age-encryption.org/v1")
    stanzas = []
    while True:
        start = at
        line, at = _line(data, at)
        if line.startswith(b"--- "):
            return stanzas, _unbase64(line[4:]), data[: start + 3], at
        if not line.startswith(b"-> "):
            raise AgeError("the age header has a line that starts no stanza")
        arguments, body = line[3:].split(b" "), b""
        while True:
            part, at = _line(data, at)
            if len(part) > STANZA_COLUMNS:
                raise AgeError("the age header has a stanza line that is too long")
            body += part
            if len(part) < STANZA_COLUMNS:
                break
        stanzas.append((arguments, _unbase64(body)))


def _unwrap(arguments, body, identity):
    """The file key of an X25519 stanza, or None when it is for somebody else."""
    if len(arguments) != 2 or len(body) != 16 + TAG_BYTES:
        raise AgeError("the X25519 stanza is malformed")
    share = _unbase64(arguments[1])
    if len(share) != 32:
        raise AgeError("the X25519 stanza's share is not 32 bytes long")
    try:
        shared = identity.secret.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError as error:
        raise AgeError("the X25519 stanza's share is a weak point") from error
    key = hkdf(shared, share + identity.public, X25519_LABEL, 32)
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
    except InvalidTag:
        return None


def _payload(file_key, data):
    """Decrypts nonce and STREAM chunks."""
    if len(data) < 16 + TAG_BYTES:
        raise AgeError("the age payload ends early")
    aead = ChaCha20Poly1305(hkdf(file_key, data[:16], b"payload", 32))
    sealed, out, counter, at = data[16:], [], 0, 0
    while True:
        chunk = sealed[at : at + CHUNK_BYTES + TAG_BYTES]
        at += len(chunk)
        last = at == len(sealed)
        try:
            out.append(aead.decrypt(counter.to_bytes(11, "big") + bytes([last]), chunk, None))
        except (InvalidTag, ValueError) as error:
            raise AgeError("the age payload does not decrypt") from error
        if last:
            if not out[-1] and counter:
                raise AgeError("the age payload ends with an empty chunk")
            return b"".join(out)
        counter += 1


def decrypt(data, identities):
    """The plaintext of an age file with exactly one X25519 stanza, opened by the first identity that fits."""
    stanzas, mac, covered, at = parse_header(data)
    mine = [stanza for stanza in stanzas if stanza[0][0] == b"X25519"]
    if len(mine) != 1 or any(arguments[0] == b"scrypt" for arguments, _ in stanzas):
        raise AgeError("the age file does not have exactly one X25519 stanza")
    for identity in identities:
        file_key = _unwrap(*mine[0], identity)
        if file_key is None:
            continue
        expected = hmac.digest(hkdf(file_key, b"", b"header", 32), covered, "sha256")
        if not hmac.compare_digest(expected, mac):
            raise AgeError("the age header's MAC is wrong")
        return _payload(file_key, data[at:])
    raise AgeError("none of the identities opens the age file")
