#!/usr/bin/env python3
"""An independent reader of the vault format, written from docs/format.md alone.

    reader.py list    --repository DIR --identity FILE
    reader.py restore --repository DIR --identity FILE [--backup PREFIX|newest] --to DIR
    reader.py journal --repository DIR --identity FILE --timeline N --from POS --to POS --out FILE [--stream NAME]
    reader.py verify  --repository DIR --identity FILE

DIR is the folder of one service (the one that holds `format`), copied from an object store as plain files.
Results are JSON on standard output. Exit code 0: everything that was read is good. Exit code 1: one line on standard
error that begins with the damaged object (or with what could not be done). Exit code 2: wrong arguments.
Needs Python 3.11, `cryptography` and `zstandard`.
The reader never writes into the repository.
"""

import argparse
import json
import re
import sys

import log
import restoring
import verifying
from repository import Backup, Refused, Repository
from sealed import Damaged


def position(text):
    """A log position: decimal, 0x…, or PostgreSQL's form `X/Y`."""
    match = re.fullmatch(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", text)
    if match:
        return int(match[1], 16) << 32 | int(match[2], 16)
    return int(text, 0)


def run_list(repo, _):
    backups = [Backup(repo, name).summary() for name in repo.backup_names()]
    return {"service": repo.service, "repository": repo.id.hex(), "backups": backups}


def run_restore(repo, arguments):
    return restoring.restore(repo, Backup(repo, repo.find(arguments.backup)), arguments.to)


def run_journal(repo, arguments):
    return log.join(repo, arguments.timeline, arguments.start, arguments.stop, arguments.out, arguments.stream)


def run_verify(repo, _):
    return verifying.verify(repo)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="reader.py", description="independent reader of the vault format")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, run, text in (
        ("list", run_list, "print the backups"),
        ("restore", run_restore, "write the files of a backup below an empty directory"),
        ("journal", run_journal, "join a range of the log into a file"),
        ("verify", run_verify, "decrypt and check everything"),
    ):
        sub = commands.add_parser(command, help=text)
        sub.set_defaults(run=run)
        sub.add_argument("--repository", required=True, metavar="DIR")
        sub.add_argument("--identity", required=True, metavar="FILE")
        if command == "restore":
            sub.add_argument("--backup", default="newest", metavar="PREFIX|newest")
            sub.add_argument("--to", required=True, metavar="DIR")
        if command == "journal":
            sub.add_argument("--timeline", required=True, type=int, metavar="N")
            sub.add_argument("--from", required=True, type=position, dest="start", metavar="POS")
            sub.add_argument("--to", required=True, type=position, dest="stop", metavar="POS")
            sub.add_argument("--out", required=True, metavar="FILE")
            sub.add_argument("--stream", metavar="NAME")
    return parser.parse_args(argv)


def main(argv=None):
    arguments = parse_arguments(argv)
    try:
        print(json.dumps(arguments.run(Repository(arguments.repository, arguments.identity), arguments), indent=1))
    except (Damaged, Refused) as error:
        print(f"reader: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"reader: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
