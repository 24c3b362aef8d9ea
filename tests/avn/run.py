"""Runs the acceptance suite of the API: every case once per version of `avn`.

The cases of each version, and those that are for all versions at once, are a part with a server of its own; the parts
run at the same time, because a case waits most of its time. `python3 tests/avn/run.py --help`; README.md beside this
file says more. The exit code is 0 when everything passed. Stopped by Ctrl-C or SIGTERM it still stops the servers and
the engines that it started.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import client  # noqa: E402
import closing  # noqa: E402
import server  # noqa: E402
import test_access  # noqa: E402
import test_backups  # noqa: E402
import test_catalogue  # noqa: E402
import test_create  # noqa: E402
import test_data  # noqa: E402
import test_end  # noqa: E402
import test_forks  # noqa: E402
import test_power  # noqa: E402
import test_regions  # noqa: E402
import test_service  # noqa: E402
import test_terminate  # noqa: E402
import test_update  # noqa: E402
from case import Case  # noqa: E402

# In this order: what is cheap first, and the last one looks at what the others left behind.
MODULES = (
    test_access, test_catalogue, test_create, test_service, test_data, test_backups, test_update, test_power,
    test_forks, test_regions, test_terminate, test_end,
)


# The part of the cases that are for all versions at once.
ALL = "all"
# A part that takes longer is stopped; the longest takes some five minutes on a quiet machine.
PART_SECONDS_MAX = 2400
# How long one that was stopped may take to tidy up.
ENDING_SECONDS_MAX = 300


def of_part(part, versions, names):
    """Every class of cases of one part: made for one version, or for all at once."""
    loader = unittest.TestLoader()
    if names:
        loader.testNamePatterns = [f"*{name}*" for name in names]
    suite = unittest.TestSuite()
    for module in MODULES:
        for name, found in vars(module).items():
            if isinstance(found, type) and issubclass(found, Case) and found.__module__ == module.__name__:
                if found.for_all != (part == ALL):
                    continue
                version = versions[-1] if found.for_all else part
                title = f"{name}[{part}]"
                made = type(title, (found,), {"version": version, "versions": versions, "__module__": module.__name__})
                suite.addTests(loader.loadTestsFromTestCase(made))
    return suite


def asked():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", dest="names", action="append", help="only cases whose name contains this (repeatable)")
    parser.add_argument("--avn", action="append", metavar="VERSION", help="only this version (repeatable)")
    parser.add_argument("-f", "--failfast", action="store_true", help="stop at the first failure")
    parser.add_argument("--keep", action="store_true", help="keep the data folder and the log")
    parser.add_argument("--list", action="store_true", help="list the cases and run nothing")
    parser.add_argument("--part", help=f"only this part: a version, or {ALL} for the cases that are for all at once")
    return parser.parse_args()


def stopped(number, _frame):
    raise KeyboardInterrupt(f"signal {number}")


def run_part(part, versions, wanted):
    suite = of_part(part, versions, wanted.names)
    if not suite.countTestCases():
        return 0
    try:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(closing.TheServerItself))
        result = unittest.TextTestRunner(verbosity=2, failfast=wanted.failfast).run(suite)
    finally:
        closing.leave_nothing(wanted.keep)
    return 0 if result.wasSuccessful() else 1


def ended(process):
    """The exit code of one that has ended or was told to."""
    try:
        return process.wait(ENDING_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def run_parts(parts):
    """All parts at the same time, each a process whose output is shown when it has ended; how many failed."""
    began, left, failed = time.monotonic(), {}, []
    try:
        for part in parts:
            output = tempfile.TemporaryFile()
            words = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--part", part]
            left[part] = (subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output), output)
        for part, (process, output) in list(left.items()):
            try:
                process.wait(max(1, began + PART_SECONDS_MAX - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.terminate()
            if ended(process):
                failed.append(part)
            output.seek(0)
            sys.stdout.write(f"---- {part}\n{output.read().decode(errors='replace')}")
            sys.stdout.flush()
            del left[part]
    finally:
        for process, _ in left.values():
            process.terminate()
        for process, _ in left.values():
            ended(process)
    ending = f"FAILED: {', '.join(failed)}" if failed else "OK"
    print(f"---- {len(parts)} parts in {time.monotonic() - began:.0f} s: {ending}")
    return len(failed)


def main():
    wanted = asked()
    there = client.versions()
    versions = wanted.avn or there
    missing = [version for version in versions if version not in there]
    if missing or not versions:
        sys.exit(f"error: no avn {' '.join(missing)} in {client.home()} (run: scripts/install.sh test)")
    if not wanted.list and not os.access(server.binary(), os.X_OK):
        sys.exit(f"error: no program {server.binary()} (run: cargo build -p farshore, or set FARSHORE_TEST_BIN)")
    if wanted.part not in (None, ALL, *versions):
        sys.exit(f"error: there is no part {wanted.part} (allowed: {', '.join(versions)}, {ALL})")
    found = {part: list(of_part(part, versions, wanted.names)) for part in (*versions, ALL)}
    parts = [part for part, cases in found.items() if cases and wanted.part in (None, part)]
    if not parts:
        sys.exit(f"error: no case is called like {' or '.join(wanted.names or [wanted.part])} (see --list)")
    if wanted.list:
        print("\n".join(case.id() for part in parts for case in found[part]))
        return 0
    signal.signal(signal.SIGTERM, stopped)
    if len(parts) == 1:
        return run_part(parts[0], versions, wanted)
    return 1 if run_parts(parts) else 0


if __name__ == "__main__":
    sys.exit(main())
