"""What the cases share: the server, the client of one version, services, and the ways to say what is expected.

A class of cases is run once per version of avn (run.py makes the classes). `self.shared()` is one startup service
per version that cases may read and change in ways that others do not notice; whatever a case makes for itself it
names with `self.name()` and it is terminated when the case ends.
"""

import datetime
import os
import re
import shutil
import tempfile
import unittest

import database
import server
from client import Avn
from server import PROJECT, Refused, eventually

WAIT_SECONDS = int(os.environ.get("FARSHORE_TEST_WAIT", "300"))
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
STATES = {"POWEROFF", "REBALANCING", "REBUILDING", "RUNNING"}


def moment(text):
    """A time of the API, with its zone."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00")))


class Case(unittest.TestCase):
    version = None  # set by run.py
    versions = ()  # all that are run; set by run.py
    for_all = False  # whether one run of the class drives all versions
    maxDiff = None
    shared_services = {}  # version -> name, or the error that making it ended with
    counter = 0

    def setUp(self):
        self.platform = self.find_platform()
        self.folder = tempfile.mkdtemp(prefix="avn-", dir=self.platform.base)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.avn = Avn(self.version, self.platform, self.folder)

    def find_platform(self):
        return server.the()

    # -- running avn

    def ok(self, *words, **environment):
        """avn that succeeds; what it printed."""
        ended = self.avn.run(*words, **environment)
        self.assertEqual(ended.code, 0, str(ended))
        return ended

    def fails(self, *words, saying, code=1, **environment):
        """avn that fails, with every one of the texts in what it says."""
        ended = self.avn.run(*words, **environment)
        self.assertEqual(ended.code, code, str(ended))
        for text in [saying] if isinstance(saying, str) else saying:
            self.assertIn(text, ended.errors, str(ended))
        return ended

    def fails_with(self, statuses, *words, saying, **environment):
        """avn that prints the server's refusal, with one of the statuses and every one of the texts."""
        ended = self.fails(*words, saying="command failed: Error: ", **environment)
        status, message = ended.refusal
        self.assertIn(status, [statuses] if isinstance(statuses, int) else statuses, str(ended))
        for text in [saying] if isinstance(saying, str) else saying:
            self.assertIn(text, message, str(ended))
        return ended

    def table(self, ended, *columns):
        """Asserts that the printed table has the columns; its lines of data."""
        lines = ended.out.splitlines()
        self.assertGreater(len(lines), 2, str(ended))
        for column in columns:
            self.assertIn(column.upper(), lines[0].upper().split(), str(ended))
        return lines[2:]

    # -- plain calls

    def api(self, method, path, body=None, **more):
        return self.platform.call(method, f"/project/{PROJECT}{path}", body, **more)

    def refused(self, status, method, path, body=None, saying=(), **more):
        """A refused call with the shape that every client decodes; its message."""
        with self.assertRaises(Refused) as caught:
            self.api(method, path, body, **more)
        refusal = caught.exception
        self.assertEqual(refusal.status, status, refusal.body)
        self.assertEqual(refusal.body["errors"][0]["message"], refusal.message)
        self.assertEqual(refusal.body["errors"][0]["status"], status)
        for text in [saying] if isinstance(saying, str) else saying:
            self.assertIn(text, refusal.message)
        return refusal.message

    def service(self, name):
        return self.api("GET", f"/service/{name}")["service"]

    def backups(self, name):
        return self.api("GET", f"/service/{name}/backups")

    def service_names(self):
        return sorted(one["service_name"] for one in self.api("GET", "/service")["services"])

    # -- services

    def name(self, what):
        """A name that no other case uses."""
        Case.counter += 1
        return f"{what}-{self.version.replace('.', '-')}-{Case.counter}"

    def later_terminated(self, name):
        """Terminates the service when the case is over, whatever became of it."""
        def terminate():
            try:
                self.api("PUT", f"/service/{name}", {"termination_protection": False})
                self.api("DELETE", f"/service/{name}")
            except Refused as refusal:
                if refusal.status != 404:
                    raise
        self.addCleanup(terminate)
        return name

    def create(self, what="pg", plan="startup-4", more=()):
        """A running service with a first backup that ends with the case."""
        name = self.later_terminated(self.name(what))
        self.ok("service", "create", name, "-t", "pg", "-p", plan, *more)
        return self.ready(name)

    def ready(self, name):
        self.ok("service", "wait", name, "--timeout", str(WAIT_SECONDS))
        eventually(lambda: self.backups(name)["backups"], WAIT_SECONDS, f"{name} has a first backup")
        return name

    def state_becomes(self, name, state):
        def look():
            seen = self.service(name)["state"]
            self.assertIn(seen, STATES)
            return seen == state
        eventually(look, WAIT_SECONDS, f"{name} is {state}")

    def shared(self):
        """The service that the cases of one version share."""
        known = Case.shared_services.get(self.version)
        if known is None:
            name = f"shared-{self.version.replace('.', '-')}"
            try:
                self.ok("service", "create", name, "-t", "pg:startup-4", "--cloud", "local-north")
                known = self.ready(name)
            except BaseException as error:
                Case.shared_services[self.version] = error
                raise
            Case.shared_services[self.version] = known
        if isinstance(known, BaseException):
            self.skipTest(f"the shared service could not be made: {known}")
        return known

    def fork_words(self, source, time=None, backup=None):
        """The words that fork; the oldest client has no flags for it, and no client has one for a named backup."""
        words = ["-c", f"recovery_basebackup_name={backup}"] if backup else []
        if self.avn.number < (4,):
            words += ["-c", f"service_to_fork_from={source}"]
            return words + (["-c", f"recovery_target_time={time}"] if time else [])
        words += ["--service-to-fork-from", source]
        return words + (["--recovery-target-time", time] if time else [])

    def fork(self, source, *words, plan="startup-4", **how):
        """A running fork with a first backup that ends with the case."""
        return self.create("fork", plan, [*self.fork_words(source, **how), *words])

    def refuses_to_create(self, status, name, *words, saying):
        """`service create` is refused by the server and nothing was made of it."""
        before = self.service_names()
        ended = self.fails_with(status, "service", "create", name, *words, saying=saying)
        self.assertIn(f"<Response [{status}]>", ended.out, str(ended))
        self.assertEqual(self.service_names(), before, "something was made")
        return ended

    # -- data

    def ca(self):
        path = os.path.join(self.folder, "ca.pem")
        if not os.path.exists(path):
            self.ok("project", "ca-get", "--target-filepath", path)
        return path

    def uri(self, name, **changes):
        """The service's URI with verify-ca, changed where asked."""
        plain = self.service(name)["service_uri"]
        self.platform.secrets.add(database.password_of(plain))
        return database.verified(plain, self.ca(), **changes)

    def sql(self, name, statement, **changes):
        return database.query(self.uri(name, **changes), statement)

    def write_rows(self, name, rows=1000):
        """A table with rows; its fingerprint."""
        self.sql(name, "create table if not exists notes (id bigserial primary key, text text)")
        self.sql(name, f"insert into notes (text) select md5(i::text) from generate_series(1, {rows}) i")
        return self.fingerprint(name)

    def fingerprint(self, name):
        return self.sql(name, "select count(*), md5(string_agg(id || text, ',' order by id)) from notes")

    def engine_time(self, name):
        """A moment after everything that is committed and before everything that will be, to the microsecond."""
        return moment(self.sql(name, """select to_char(clock_timestamp() at time zone 'utc',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""))

    def restorable_until(self, name, time):
        """Waits until the window of the primary region reaches the time (an end of null means now)."""
        def reached():
            end = self.backups(name)["pitr"]["primary_region"]["pitr_range_end"]
            return end is None or moment(end) >= time
        eventually(reached, WAIT_SECONDS, f"{name} restores to {time}")
