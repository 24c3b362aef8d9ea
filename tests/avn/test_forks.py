"""Forks: the newest state, an exact moment, a named backup, another region, a source that is off; and the refusals."""

import datetime

import database
from case import MOMENT, Case, moment
from server import eventually

SHAPES = {  # how each client's users write a time; all of them are accepted
    "4.18.0": "%Y-%m-%dT%H:%M:%S.%f+00:00",
    "4.0.0": "%Y-%m-%dT%H:%M:%S.%fZ",
    "2.14.8": "%Y-%m-%d %H:%M:%S.%f",
}


class Forks(Case):
    def test_a_fork_without_a_time_has_the_newest_row_the_users_and_the_databases_but_not_the_passwords(self):
        source = self.create("source", more=["-c", "backup_hour=5"])
        self.ok("service", "user-create", source, "--username", "clerk")
        self.ok("service", "database-create", source, "--dbname", "shop")
        rows = self.write_rows(source)
        began = self.sql(source, "select pg_postmaster_start_time()")
        self.restorable_until(source, self.engine_time(source))
        fork = self.fork(source)
        self.assertEqual(self.fingerprint(fork), rows)
        self.assertIn("shop", self.ok("service", "database-list", fork).out.split())
        self.assertIn("clerk", self.ok("service", "user-list", fork).out)
        self.assertEqual(self.service(fork)["user_config"]["backup_hour"], 5)
        self.assertEqual(self.service(fork)["user_config"]["service_to_fork_from"], source)
        for one, other in ((source, fork), (fork, source)):
            code, _, errors = database.attempt(
                self.uri(one, password=database.password_of(self.uri(other))), "select 1")
            self.assertNotEqual(code, 0, f"the password of {other} opens {one}")
            self.assertIn("password authentication failed", errors)
        self.sql(fork, "delete from notes")
        self.assertEqual(self.fingerprint(source), rows, "the source was touched")
        self.assertEqual(self.sql(source, "select pg_postmaster_start_time()"), began)
        self.ok("service", "backup-list", fork)

    def test_a_fork_to_a_time_ends_exactly_there(self):
        source = self.shared()
        self.sql(source, "create table if not exists clock (version text, what text)")
        self.sql(source, f"insert into clock values ('{self.version}', 'before')")
        time = self.engine_time(source)
        self.sql(source, f"insert into clock values ('{self.version}', 'after')")
        self.restorable_until(source, self.engine_time(source))
        written = time.strftime(SHAPES.get(self.version, SHAPES["4.18.0"]))
        fork = self.fork(source, time=written)
        seen = f"select string_agg(what, ',') from clock where version = '{self.version}'"
        self.assertEqual(self.sql(fork, seen), "before")
        self.assertEqual(self.sql(source, seen), "before,after")
        self.assertEqual(self.service(fork)["user_config"]["recovery_target_time"], written)

    def test_a_fork_of_a_named_backup_is_that_backup(self):
        source = self.create("named")
        self.write_rows(source, 10)
        known = {one["backup_name"] for one in self.backups(source)["backups"]}
        self.platform.command("backup", "create", source)
        fresh = eventually(lambda: {one["backup_name"] for one in self.backups(source)["backups"]} - known, 120,
                           "the backup that was asked for is listed")
        kept = self.fingerprint(source)
        self.write_rows(source, 5)
        fork = self.fork(source, backup=fresh.pop())
        self.assertEqual(self.fingerprint(fork), kept)

    def test_a_fork_in_another_region_keeps_its_own_backups_there(self):
        source = self.shared()
        fork = self.fork(source, "--cloud", "local-south")
        self.assertEqual(self.service(fork)["cloud_name"], "local-south")
        places = {one["storage_location"] for one in self.backups(fork)["backups"]}
        self.assertEqual(places, {"local-south"})
        self.assertEqual({one["storage_location"] for one in self.backups(source)["backups"]}, {"local-north"})

    def test_a_fork_of_a_source_that_is_off_has_its_last_row(self):
        source = self.create("off")
        rows = self.write_rows(source)
        self.ok("service", "update", source, "--power-off")
        self.state_becomes(source, "POWEROFF")
        fork = self.fork(source)
        self.assertEqual(self.fingerprint(fork), rows)
        self.assertEqual(self.service(source)["state"], "POWEROFF")


class RefusedForks(Case):
    def refuses(self, source, *more, status=400, saying, **how):
        words = ["-t", "pg:startup-4", *self.fork_words(source, **how), *more]
        return self.refuses_to_create(status, self.name("fork"), *words, saying=saying)

    def test_a_time_outside_the_window_is_refused_with_both_ends_of_it(self):
        source = self.shared()
        start = self.backups(source)["pitr"]["primary_region"]["pitr_range_start"]
        now = datetime.datetime.now(datetime.timezone.utc)
        for wrong in (moment(start) - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1)):
            ended = self.refuses(source, time=wrong.strftime("%Y-%m-%dT%H:%M:%SZ"), saying=start[:19])
            ends = [text for text in MOMENT.findall(ended.refusal[1]) if text != wrong.strftime("%Y-%m-%dT%H:%M:%S")]
            self.assertGreaterEqual(len(ends), 2, f"one end of the window is missing: {ended}")

    def test_a_time_that_is_none_is_refused(self):
        for wrong in ("yesterday", "2026-13-01T00:00:00Z"):
            self.refuses(self.shared(), time=wrong, saying="recovery_target_time")

    def test_a_source_that_does_not_exist_is_refused(self):
        self.shared()
        words = ["-t", "pg:startup-4", *self.fork_words("no-such")]
        ended = self.fails_with((400, 404), "service", "create", self.name("fork"), *words, saying="no-such")
        self.assertNotRegex(ended.refusal[1], r"Service \S+ does not exist", "others would retry this text")

    def test_a_backup_that_does_not_exist_is_refused(self):
        self.refuses(self.shared(), backup="no-such-backup", saying="no-such-backup")

    def test_a_hobbyist_cannot_be_forked(self):
        source = self.create("small", plan="hobbyist")
        self.refuses(source, saying=("hobbyist", "fork"))

    def test_another_type_cannot_be_forked_from(self):
        words = ["-t", "mysql:startup-4", "-c", f"service_to_fork_from={self.shared()}"]
        self.refuses_to_create(400, self.name("fork"), *words, saying="mysql")
