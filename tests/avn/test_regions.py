"""Backups in another region: asked for, seen, refused; then the first region is lost, and all goes on from there.

Losing a region takes time and harms every service in it, so that part is played once, with all clients at the same
time: each has a service, and does to it what its user would.
"""

import datetime
import os

import database
from case import MOMENT, WAIT_SECONDS, Case, moment
from client import Avn
from server import PROJECT, eventually

OPTION = "additional_backup_regions"
PERIODS = ("hour", "day", "week", "month", "year")
# What a platform that loses a region says to its operator.
ALARMS = ("a region does not answer", "the server has crashed and is started again", "the log of service", "is gone",
          "is tried again")


def typed(*regions):
    """The words that ask for regions, as every client's users type a list. The oldest client takes it apart wrongly."""
    return ["-c", f"{OPTION}={list(regions)}"]


class BackupRegions(Case):
    def tearDown(self):
        self.api("PUT", f"/service/{self.shared()}", {"user_config": {OPTION: []}})

    def update(self, *words):
        self.assertEqual(self.ok("service", "update", self.shared(), *words).out, "")

    def config(self):
        return self.ok("service", "get", self.shared(), "--json").json["user_config"]

    def held(self):
        """Of each further region of the newest backup: whether copying rests, and why."""
        newest = self.ok("service", "backup-list", self.shared(), "--json").json[-1]
        self.assertEqual(newest["storage_location"], "local-north")
        return {one["cloud"]: (one["paused"], one.get("pause_reason")) for one in newest["additional_regions"]}

    def test_it_is_added_changed_and_disabled(self):
        going = "no longer a backup region"
        self.update(*typed("local-south"))
        self.assertEqual(self.config()[OPTION], ["local-south"])
        eventually(lambda: self.held() == {"local-south": (False, None)}, WAIT_SECONDS, "a copy is in local-south")
        self.update(*typed("local-east"))
        self.assertEqual(self.config()[OPTION], ["local-east"])
        eventually(lambda: self.held().get("local-east") == (False, None), WAIT_SECONDS, "a copy is in local-east")
        paused, why = self.held()["local-south"]
        self.assertTrue(paused and going in why, why)
        self.update("-c", "backup_minute=30")
        self.assertEqual(self.config()[OPTION], ["local-east"], "what is not mentioned stays")
        self.update(*typed())
        self.assertEqual(self.config()[OPTION], [])
        self.assertTrue(all(paused and going in why for paused, why in self.held().values()), self.held())

    def test_regions_that_cannot_be_had_are_refused_with_those_that_can(self):
        for regions, saying in (
            (["mars-1"], ('cloud "mars-1" does not exist', "Use one of local-south, local-east")),
            (["local-north"], ("local-north is the region in which the service keeps its backups already",
                               "Use one of local-south, local-east")),
            (["far-west"], ("far-west is of provider far", "local-north is of local",
                            "Use one of local-south, local-east")),
            (["local-south", "local-east"], (OPTION, "at most 1")),
            ([""], OPTION),
        ):
            self.refuses_to_create(400, self.name("wrong"), "-t", "pg:startup-4", "--cloud", "local-north",
                                   *typed(*regions), saying=saying)
        beginning = f"command failed: UserError: Service '{PROJECT}/{self.shared()}' update failed: "
        self.fails("service", "update", self.shared(), *typed("local-north"),
                   saying=(beginning, "local-north is the region in which"))
        self.refuses_to_create(400, self.name("wrong"), "-t", "pg:startup-4", "--cloud", "far-west",
                               *typed("local-north"), saying="There is no other region of provider far")
        self.assertEqual(self.config()[OPTION], [])

    def test_a_service_that_runs_moves_and_its_backups_stay_where_they_are(self):
        name = self.shared()
        uri, rows = self.service(name)["service_uri"], self.write_rows(name, 10)
        beginning = f"command failed: UserError: Service '{PROJECT}/{name}' update failed: "
        self.fails("service", "update", name, "--cloud", "mars-1", saying=(beginning, "mars-1"))
        for cloud in ("local-south", "local-north"):
            self.update("--cloud", cloud)
            self.assertIn(self.service(name)["state"], ("REBALANCING", "REBUILDING"))
            self.ready(name)
            found = self.service(name)
            self.assertEqual((found["cloud_name"], found["service_uri"]), (cloud, uri))
            self.assertEqual(self.fingerprint(name), rows)
            places = {one["storage_location"] for one in self.ok("service", "backup-list", name, "--json").json}
            self.assertEqual(places, {"local-north"})
        events = self.ok("events", "--json", "-n", "100").json
        moves = [one for one in events if one["service_name"] == name and one["event_type"] == "service_region_move"]
        self.assertEqual(len(moves), 2)


class LostRegion(Case):
    for_all = True

    def setUp(self):
        super().setUp()
        self.platform.expected += [alarm for alarm in ALARMS if alarm not in self.platform.expected]
        self.clients = {}
        for version in self.versions:
            folder = os.path.join(self.folder, version)
            os.mkdir(folder)
            self.clients[version] = Avn(version, self.platform, folder)

    def each(self):
        """Every client in turn: what is run is run with it."""
        for version, client in self.clients.items():
            self.version, self.avn = version, client
            yield version

    # -- regions

    def state(self, region):
        (found,) = (one for one in self.api("GET", "/regions")["regions"] if one["region"] == region)
        return found["state"]

    def lose(self, region):
        """As `farshore region fail` asks for it."""
        path = os.path.join(self.platform.data, "drills", region)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write("errors and hangs\n")
        self.addCleanup(self.give_back, region)
        eventually(lambda: self.state(region) == "down", WAIT_SECONDS, f"{region} is down")

    def give_back(self, region):
        path = os.path.join(self.platform.data, "drills", region)
        if os.path.exists(path):
            os.remove(path)
        eventually(lambda: self.state(region) == "up", WAIT_SECONDS, f"{region} is up")

    # -- services

    def asked_for(self, what, *words):
        """A name for each client, which has asked for a service of that name; `words` are made for the client."""
        names = {}
        for version in self.each():
            names[version] = self.later_terminated(self.name(what))
            asked = [word for part in words for word in part()]
            self.ok("service", "create", names[version], "-t", "pg:startup-4", *asked)
        return names

    def all_ready(self, names):
        for version in self.each():
            self.ready(names[version])
        return names

    def copy(self, name):
        (found,) = self.api("GET", f"/service/{name}/copies")["copies"]
        return found

    def copied(self, name, time):
        """Waits until nothing that was committed before a moment is missing in the copy."""
        def reached():
            newest = self.copy(name).get("newest_moment")
            return newest is not None and moment(newest) > time
        eventually(reached, WAIT_SECONDS, lambda: f"the copy of {name} has reached {time}: {self.copy(name)}")

    def forks(self, sources, what, *words, time=None):
        """Asks for a fork in local-south with each client."""
        named = lambda: self.fork_words(sources[self.version], time=time and time[self.version])  # noqa: E731
        return self.asked_for(what, named, lambda: ["--cloud", "local-south", *words])

    def test_a_service_goes_on_elsewhere_when_its_region_is_lost(self):
        sources = self.asked_for("lost", lambda: ["--cloud", "local-north"], lambda: typed("local-south"))
        self.all_ready(sources)
        rows, times = {}, {}
        for version, name in sources.items():
            rows[version] = self.write_rows(name, 100)
            times[version] = self.engine_time(name).isoformat()
            self.write_rows(name, 10)
            self.copied(name, self.engine_time(name))
        for version in self.each():
            self.seen_and_measured(sources[version])
            self.refused_outside_the_copy(sources[version])
        newest = {version: self.fingerprint(name) for version, name in sources.items()}

        self.lose("local-north")
        for version in self.each():
            self.warned(sources[version])
        again = self.forks(sources, "again")
        before = self.forks(sources, "before", time=times)
        self.all_ready(again)
        for version in self.each():
            self.forked(again[version], newest[version])
            self.assertEqual(self.fingerprint(self.ready(before[version])), rows[version])
        self.a_fork_is_forked(again[self.version], newest[self.version])

        self.give_back("local-north")
        for version in self.each():
            self.unharmed(sources[version], newest[version])
        self.powered_on_elsewhere(sources, newest)
        uri = self.uri(self.shared())
        eventually(lambda: database.attempt(uri, "select 1")[0] == 0, WAIT_SECONDS, "the shared service answers again")

    def seen_and_measured(self, name):
        self.assertEqual(self.ok("service", "get", name, "--json").json["user_config"][OPTION], ["local-south"])
        for backup in self.ok("service", "backup-list", name, "--json").json:
            self.assertEqual(backup["storage_location"], "local-north")
            expected = [{"cloud": "local-south", "region": "local-south", "paused": False}]
            self.assertEqual(backup["additional_regions"], expected)
        for period in PERIODS:
            answer = self.api("POST", f"/service/{name}/backup_to_another_region/report", {"period": period})
            (series,) = answer["metrics"].values()
            self.assertIn("local-south", series["hints"]["title"])
            self.assertEqual([column["type"] for column in series["data"]["cols"]], ["date", "number"])
            for time, lag in series["data"]["rows"]:
                self.assertRegex(time, MOMENT)
                self.assertGreaterEqual(lag, 0)
        self.assertLess(self.copy(name)["lag_seconds"], 60)

    def refused_outside_the_copy(self, name):
        (there,) = self.backups(name)["pitr"]["additional_regions"]
        start, now = moment(there["pitr_range_start"]), datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        for wrong in (start - hour, now + hour):
            words = ["-t", "pg:startup-4", "--cloud", "local-south",
                     *self.fork_words(name, time=wrong.strftime("%Y-%m-%dT%H:%M:%SZ"))]
            ended = self.refuses_to_create(400, self.name("wrong"), *words, saying=there["pitr_range_start"][:19])
            ends = [text for text in MOMENT.findall(ended.refusal[1]) if text != wrong.strftime("%Y-%m-%dT%H:%M:%S")]
            self.assertGreaterEqual(len(ends), 2, f"one end of the window is missing: {ended}")

    def warned(self, name):
        told = self.ok("service", "get", name, "--json").json["service_notifications"]
        warnings = [one["message"] for one in told if one["level"] == "warning"]
        self.assertIn("Region local-north has not answered since ", warnings[0])
        self.assertIn(f"service {name} can be restored in local-south up to ", warnings[0])
        (there,) = self.ok("service", "backup-list", name, "--json").json[-1]["additional_regions"]
        self.assertTrue(there["paused"] and "local-north" in there["pause_reason"], there)
        words = ["-t", "pg:startup-4", "--cloud", "local-east", *self.fork_words(name)]
        self.refuses_to_create(409, self.name("wrong"), *words, saying=("local-north", "Copies are in local-south"))

    def forked(self, name, rows):
        self.assertEqual(self.fingerprint(name), rows)
        found = self.service(name)
        self.assertEqual(found["cloud_name"], "local-south")
        self.assertEqual(found["user_config"][OPTION], [])
        places = {one["storage_location"] for one in self.ok("service", "backup-list", name, "--json").json}
        self.assertEqual(places, {"local-south"})

    def a_fork_is_forked(self, name, rows):
        self.assertEqual(self.fingerprint(self.fork(name, "--cloud", "local-south")), rows)

    def unharmed(self, name, rows):
        uri = self.uri(name)
        eventually(lambda: database.attempt(uri, "select 1")[0] == 0, WAIT_SECONDS, f"{name} answers again")
        self.assertEqual(self.service(name)["state"], "RUNNING")
        self.assertEqual(self.fingerprint(name), rows)

        def goes_on():
            copy = self.copy(name)
            return copy["state"] == "complete" and copy["lag_seconds"] < 60
        eventually(goes_on, WAIT_SECONDS, lambda: f"the copy of {name} goes on: {self.copy(name)}")

        def told():
            return self.service(name)["service_notifications"]
        eventually(lambda: told() == [], WAIT_SECONDS, lambda: f"{name} has nothing to tell: {told()}")

    def powered_on_elsewhere(self, sources, rows):
        """Switched off where all is well; the region is lost; switched on where the copy is."""
        for version in self.each():
            self.ok("service", "update", sources[version], "--power-off")
        for name in sources.values():
            self.state_becomes(name, "POWEROFF")
            eventually(lambda: self.copy(name)["state"] == "complete", WAIT_SECONDS, f"the copy of {name} is whole")
        self.lose("local-north")
        for version in self.each():
            name = sources[version]
            beginning = f"command failed: UserError: Service '{PROJECT}/{name}' update failed: "
            self.fails("service", "update", name, "--power-on", saying=(beginning, "Copies are in local-south"))
            self.fails("service", "update", name, "--power-on", "--cloud", "local-east",
                       saying=(beginning, f"region local-east holds no copy of service {name}"))
            self.ok("service", "update", name, "--power-on", "--cloud", "local-south")
        self.all_ready(sources)
        for version in self.each():
            found = self.service(sources[version])
            self.assertEqual((found["cloud_name"], found["user_config"][OPTION]), ("local-south", ["local-north"]))
            self.assertEqual(self.fingerprint(sources[version]), rows[version])
            self.sql(sources[version], "insert into notes (text) values ('goes on')")
        self.give_back("local-north")
        for version in self.each():
            self.unharmed(sources[version], self.fingerprint(sources[version]))
