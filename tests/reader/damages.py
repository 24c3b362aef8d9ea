"""What can be wrong within a backup although every object has the right name, tag and signature.

What lives here: CONTRADICTIONS, rows of (what, a step that changes a Fixture before it is built, a part of the text
that the reader must print).
"""

from fixture import PAGE


def edited(change):
    """A step that lets `change` edit the list of catalog entries in place."""

    def edit(entries):
        change(entries)
        return entries

    return lambda fixture: setattr(fixture, "edit_entries", edit)


def entry(index, **members):
    return edited(lambda entries: entries[index].update(members))


def digest(index):
    return edited(lambda entries: entries[index]["segments"][0].update(digest="0" * 64))


def segment(index, key, at, value):
    def change(entries):
        numbers = list(entries[index]["segments"][0][key])
        numbers[at] = value
        entries[index]["segments"][0][key] = numbers

    return edited(change)


def runs(*given):
    return lambda fixture: setattr(fixture, "runs", list(given))


def custody(**members):
    return lambda fixture: fixture.custody.update(members)


def sizes(key):
    """A custody in which one of the sizes is one too much."""
    return lambda fixture: fixture.more_sizes.append(key)


def closing(path, content):
    return lambda fixture: fixture.body.update(closing=[{"path": path, "mode": 0o600, "content": content}])


PAGED = {"kind": "postgresql-8192", "size": PAGE, "stamp": 10, "first_block": 131073, "checksums": True}
PACK_TWICE = [["0" * 16 + "-" + "1" * 32 + "-00000000-" + c * 64, 1] for c in "ab"]
CONTRADICTIONS = (
    ("a block that is bad but not listed", entry(2, bad_blocks=[]), "block 3 is wrong"),
    ("a wrong first block", entry(2, pages=PAGED), "page checksum of block 0"),
    ("a wrong digest", digest(0), "digest of content"),
    ("a wrong digest of stamps", digest(2), "digest of stamps"),
    ("a session outside of the table", segment(0, "data", 0, 1), "sessions table"),
    ("a pack outside of the custody", segment(0, "data", 1, 9), "custody does not list"),
    ("a wrong offset", segment(0, "data", 2, 133), "PG_VERSION"),
    ("an offset outside", segment(0, "data", 2, 1 << 40), "leaves the pack"),
    ("a wrong stored length", segment(0, "data", 3, 20), "not the one"),
    ("a wrong raw length", segment(0, "data", 4, 9), "not the one"),
    ("a wrong frame number", segment(0, "data", 5, 1), "not the one"),
    ("a start outside of the frame", segment(0, "data", 6, 6), "leaves its frame"),
    ("other bytes of the frame", segment(0, "data", 6, 1), "digest of content"),
    ("a wrong segment length", segment(0, "data", 7, 2), "wrong length"),
    ("a map that is none", segment(2, "map", 1, 2), "base/5"),
    ("a wrong size", entry(2, size=7 * PAGE), "do not cover"),
    ("a missing segment", entry(2, segments=[]), "0 segments"),
    ("paths out of order", entry(3, path="aaa"), "out of order"),
    ("an unknown kind", entry(3, kind="door"), "unknown kind"),
    ("too much mode", entry(3, mode=0o100600), "permission bits"),
    ("a short map", runs((3, 1, 0), (2, 2, 0)), "do not cover"),
    ("a long map", runs((3, 1, 0), (2, 2, 0), (4, 0)), "do not cover"),
    ("pages in the wrong order", runs((2, 2, 0), (3, 1, 0), (3, 0)), "block 0 is wrong"),
    ("a run outside", runs((3, 1, 1), (2, 2, 0), (3, 0)), "leaves its frame"),
    ("a run from no frame", runs((3, 3, 0), (2, 2, 0), (3, 0)), "does not list"),
    ("no index", lambda f: setattr(f, "index", False), "must be the index"),
    ("a custody without a pack", lambda f: setattr(f, "drop_pack", True), "custody does not list"),
    ("a pack twice", custody(packs=PACK_TWICE), "twice"),
    ("a full with depth", custody(depth=1), "contradict"),
    ("another service", custody(service="x"), "another service"),
    ("a range that is not covered", custody(journal=[]), "do not cover the needed range"),
    ("a flag that is missing", custody(flags=[]), "contradict each other"),
    ("a closing file that is no base64", closing("x", "?"), "no base64"),
    ("a page kind of tomorrow", entry(2, pages={**PAGED, "kind": "postgresql-9"}), "page kind"),
    ("stamps without pages", entry(0, digest_of="stamps"), "does not fit"),
    ("malformed bad blocks", entry(2, bad_blocks=["3"]), "malformed bad_blocks"),
    ("a segment that is none", entry(0, segments=[{"digest": ""}]), "malformed segment"),
    ("an mtime beyond all times", entry(0, mtime=1 << 70), "mtime"),
    ("a unit that is neither byte nor page", lambda f: setattr(f, "unit", 4096), "unit"),
    ("bytes after a map", lambda f: setattr(f, "map_tail", b"x"), "do not cover"),
    ("a map that ends early", runs((3,)), "ends early"),
    ("a number without an end", runs((1 << 90, 0)), "more than 10 bytes"),
    ("a number of 65 bits", runs((1 << 65, 0)), "more than 64 bits"),
    ("wrong sums of sizes", sizes("stored"), "sizes of the custody"),
    ("wrong totals", sizes("raw"), "catalogs say"),
    ("a float where an integer belongs", custody(depth=0.0), "no proper member 'depth'"),
    ("a negative number", custody(depth=-1), "out of range"),
    ("a pack with a plain part", lambda f: setattr(f.writer, "pack_plain", b"{}"), "plain part is not empty"),
    ("a raw length that lies", lambda f: setattr(f.writer, "raw_lie", 1), "another raw length"),
    ("a custody with a malformed pack", custody(packs=[["x", 1]]), "malformed"),
    ("a custody with a pack without size", custody(packs=[["x"]]), "pairs"),
    ("a custody with a malformed journal name", custody(journal=[["x", 1]]), "no name of a journal object"),
    ("a malformed sessions table", lambda f: f.body.update(sessions=[["1", "2"]]), "sessions table"),
    ("catalogs that are none", lambda f: f.body.update(catalogs=[1]), "no frame references"),
    ("a frame reference of five numbers", lambda f: f.body.update(catalogs=[[0, 0, 0, 0, 0]]), "malformed"),
    ("malformed tablespaces", lambda f: f.body.update(engine={"tablespaces": 1}), "tablespaces"),
    ("a tablespace without oid", lambda f: f.body.update(engine={"tablespaces": [[777, "/x"]]}), "'oid'"),
)
