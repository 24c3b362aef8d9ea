"""The continuous log: journal and history objects (docs/format.md, section 8).

What lives here: reading and checking single journal objects, the walk along a timeline that finds holes and overlaps,
and join(), which writes a range of the log to a file. join() writes to `<out>.part` and renames at the end: after a
crash or an error the file under its final name is whole or absent.
"""

import os

import sealed
from repository import Refused
from sealed import Damaged, member, natural, parse_json

BLOCK_BYTES = 16 << 20


def timelines(repo):
    """(stream, timeline digits) to the journal object names, in order of their ranges."""
    found = {}
    for name in repo.names("journal", "journal"):
        found.setdefault((name["stream"], name["timeline"]), []).append(name)
    for names in found.values():
        names.sort(key=lambda name: (name["from"], name["to"], name["generation"], name.path))
    return found


def _check_plain(name, head, keys):
    """The plain part's members `keys` must be the integers in the name."""
    plain = parse_json(head.plain, name.path, "the plain part")
    agrees = member(plain, "stream", str, name.path, "the plain part") == name["stream"]
    for key in keys:
        agrees = agrees and natural(plain, key, name.path, "the plain part") == name.number(key)
    if not agrees:
        raise Damaged(name.path, "plain part differs from the name")
    return plain


def read_range(repo, name):
    """One journal object: (bytes of the log, moment)."""
    start, stop = name.number("from"), name.number("to")
    if stop < start:
        raise Damaged(name.path, "range ends before it starts")
    if stop > start and start // BLOCK_BYTES != (stop - 1) // BLOCK_BYTES:
        raise Damaged(name.path, "range crosses a multiple of 16 MiB")
    head, data = repo.open_whole(name, sealed.JOURNAL)
    plain = _check_plain(name, head, ("timeline", "from", "to", "moment"))
    moment = member(plain, "moment", int, name.path, "the plain part")
    parts = [raw for _, _, raw in head.frames(data)]
    if sum(map(len, parts)) != stop - start:
        raise Damaged(name.path, "does not hold as many bytes as its range")
    if start == stop and len(parts) != 1:
        raise Damaged(name.path, "an empty range has more than one frame")
    return b"".join(parts), moment


def read_history(repo, name):
    """The bytes of a history file."""
    head, data = repo.open_whole(name, sealed.HISTORY)
    _check_plain(name, head, ("timeline",))
    parts = [raw for _, _, raw in head.frames(data)]
    if len(parts) != 1:
        raise Damaged(name.path, "a history object has more than one frame")
    return parts[0]


class Walk:
    """Follows journal objects in order of their ranges; overlapping bytes must be equal."""

    def __init__(self, repo):
        self.repo, self.overlaps = repo, 0
        self.name, self.start, self.data = None, 0, b""

    def step(self, name):
        """Reads the next object: (start, bytes, moment)."""
        data, moment = read_range(self.repo, name)
        start, end = name.number("from"), self.start + len(self.data)
        if self.name is not None and data and start < end:
            self.overlaps += 1
            stop = min(end, start + len(data))
            if self.data[start - self.start : stop - self.start] != data[: stop - start]:
                raise Damaged(name.path, f"overlaps {self.name.path} with different bytes")
        if self.name is None or start + len(data) > end:
            self.name, self.start, self.data = name, start, data
        return start, data, moment


def chains(repo, names):
    """Decrypts all objects of one timeline: (list of unbroken ranges with their newest moments, overlaps)."""
    walk, found = Walk(repo), []
    for name in names:
        start, data, moment = walk.step(name)
        stop = start + len(data)
        if not found or start > found[-1]["to"]:
            found.append({"from": start, "to": stop, "moment": moment})
        elif stop > found[-1]["to"]:
            found[-1].update(to=stop, moment=moment)
        elif stop == found[-1]["to"]:
            found[-1]["moment"] = max(moment, found[-1]["moment"])
    return found, walk.overlaps


def covers(names, start, stop):
    """The first position from `start` to `stop` that no name covers, or None."""
    at = start
    for name in sorted(names, key=lambda name: name["from"]):
        if name.number("from") <= at:
            at = max(at, name.number("to"))
    return at if at < stop else None


def _pick_stream(found, timeline, stream):
    streams = sorted({s for s, t in found if t == timeline and stream in (None, s)})
    if not streams:
        raise Refused(f"journal: there is no log of timeline {int(timeline, 16)}")
    if len(streams) > 1:
        raise Refused(
            f"journal: timeline {int(timeline, 16)} is in several streams ({', '.join(streams)}): give --stream"
        )
    return streams[0]


def _copy_range(repo, names, start, stop, file):
    """Writes the range to `file`; a hole is damage at its place."""
    walk, at, moment, folder = Walk(repo), start, None, os.path.dirname(names[0].path)
    for name in names:
        if name.number("to") <= start or name.number("from") >= stop:
            continue
        if name.number("from") > at:
            raise Damaged(name.path, f"hole in the log before it: {at} to {name.number('from')} is missing")
        begin, data, moment = walk.step(name)
        piece = data[at - begin : stop - begin]
        file.write(piece)
        at += len(piece)
    if at < stop:
        raise Damaged(folder, f"the log ends at {at}, before {stop}")
    return walk.overlaps, moment


def join(repo, timeline, start, stop, out, stream=None):
    """Writes the log of `timeline` from `start` to `stop` (exclusive) to the file `out`."""
    if start >= stop:
        raise Refused("--from must be below --to")
    found, digits = timelines(repo), f"{timeline:08x}"
    stream = _pick_stream(found, digits, stream)
    part = out + ".part"
    try:
        with open(part, "wb") as file:
            overlaps, moment = _copy_range(repo, found[stream, digits], start, stop, file)
        os.replace(part, out)
    finally:
        if os.path.exists(part):
            os.unlink(part)
    return {"stream": stream, "timeline": timeline, "from": start, "to": stop, "overlaps": overlaps, "moment": moment}
