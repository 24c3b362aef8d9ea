"""Runs the acceptance suite of the API: every case once per version of `avn`, all against one server.

`python3 tests/avn/run.py --help`; README.md beside this file says more. The exit code is 0 when everything passed.
Stopped by Ctrl-C or SIGTERM it still stops the server and the engines that it started.
"""

import argparse
import os
import signal
import sys
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


def per_version(version, versions, names):
    """Every class of cases, made for one version of those that are run; what is for all at once, for the last."""
    loader = unittest.TestLoader()
    if names:
        loader.testNamePatterns = [f"*{name}*" for name in names]
    suite = unittest.TestSuite()
    for module in MODULES:
        for name, found in vars(module).items():
            if isinstance(found, type) and issubclass(found, Case) and found.__module__ == module.__name__:
                if found.for_all and version != versions[-1]:
                    continue
                title = f"{name}[{'all' if found.for_all else version}]"
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
    return parser.parse_args()


def stopped(number, _frame):
    raise KeyboardInterrupt(f"signal {number}")


def main():
    wanted = asked()
    there = client.versions()
    versions = wanted.avn or there
    missing = [version for version in versions if version not in there]
    if missing or not versions:
        sys.exit(f"error: no avn {' '.join(missing)} in {client.home()} (run: scripts/install.sh test)")
    if not wanted.list and not os.access(server.binary(), os.X_OK):
        sys.exit(f"error: no program {server.binary()} (run: cargo build -p farshore, or set FARSHORE_TEST_BIN)")
    suite = unittest.TestSuite(per_version(version, versions, wanted.names) for version in versions)
    if wanted.list:
        print("\n".join(case.id() for part in suite for case in part))
        return 0
    if not suite.countTestCases():
        sys.exit(f"error: no case is called like {' or '.join(wanted.names)} (see --list)")
    signal.signal(signal.SIGTERM, stopped)
    try:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(closing.TheServerItself))
        result = unittest.TextTestRunner(verbosity=2, failfast=wanted.failfast).run(suite)
    finally:
        closing.leave_nothing(wanted.keep)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
