"""Power off and on: nothing that was committed is missing afterwards."""

import database
from case import Case


class Power(Case):
    def test_what_was_committed_before_power_off_is_there_after_power_on(self):
        name = self.create("power")
        before = self.write_rows(name)
        uri = self.uri(name)
        self.assertEqual(self.ok("service", "update", name, "--power-off").out, "")
        self.state_becomes(name, "POWEROFF")
        self.assertNotEqual(database.attempt(uri, "select 1")[0], 0, "the engine still answers")
        self.assertIn("POWEROFF", self.ok("service", "list", name).out)
        self.assertEqual(self.service(name)["node_states"], [])
        self.assertNotEqual(self.backups(name)["backups"], [], "no backup is left while off")
        self.ok("service", "backup-list", name)
        self.fails_with((400, 409), "service", "database-create", name, "--dbname", "late", saying="off")

        self.ok("service", "update", name, "--power-on")
        self.ok("service", "wait", name, "--timeout", "300")
        self.assertEqual(self.uri(name), uri, "its URI changed")
        self.assertEqual(self.fingerprint(name), before)
        self.sql(name, "insert into notes (text) values ('goes on')")

    def test_power_on_of_a_running_service_changes_nothing(self):
        name = self.shared()
        began = self.sql(name, "select pg_postmaster_start_time()")
        before = self.service(name)
        self.ok("service", "update", name, "--power-on")
        self.assertEqual(self.service(name)["state"], "RUNNING")
        self.assertEqual(self.sql(name, "select pg_postmaster_start_time()"), began)
        self.assertEqual(self.service(name)["user_config"], before["user_config"])

    def test_power_off_twice_is_one_power_off(self):
        name = self.create("twice", plan="hobbyist")
        for _ in range(2):
            self.ok("service", "update", name, "--power-off")
        self.state_becomes(name, "POWEROFF")
        self.ok("service", "update", name, "--power-off")
        self.assertEqual(self.service(name)["state"], "POWEROFF")
