"""The last cases of one version: a server that stops and comes back, the story that the events tell, and the end of
the shared service."""

import subprocess

import database
import server
from case import Case


class Restart(Case):
    def test_services_go_on_while_the_server_is_stopped_and_are_known_when_it_is_back(self):
        name = self.shared()
        uri = self.uri(name)
        began = database.query(uri, "select pg_postmaster_start_time()")
        before = self.service(name)
        self.assertEqual(self.platform.stop(), 0)
        try:
            self.assertEqual(database.query(uri, "select pg_postmaster_start_time()"), began)
        finally:
            self.platform.start()
        self.ok("service", "wait", name, "--timeout", "60")
        self.assertEqual(database.query(uri, "select pg_postmaster_start_time()"), began)
        after = self.service(name)
        for field in ("service_id", "service_uri", "user_config", "backups", "create_time"):
            self.assertEqual(after[field], before[field], field)

    def test_a_second_server_on_the_same_folder_is_refused(self):
        ended = subprocess.run(
            [server.binary(), "up", "--data", self.platform.data, "--listen", f"127.0.0.1:{server.free_port()}"],
            env=server.clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(self.platform.data, ended.stderr)
        self.assertTrue(self.platform.answers())


class TheEnd(Case):
    def test_events_tell_what_became_of_a_service_and_the_shared_one_ends(self):
        name = self.shared()
        self.ok("service", "terminate", "--force", name)
        del Case.shared_services[self.version]
        everything = self.ok("events", "-n", "1000", "--json").json
        about = [one for one in everything if one["service_name"] == name]
        for word in ("create", "delete"):
            self.assertTrue(any(word in one["event_type"] for one in about), (word, about))
        user = self.platform.call("GET", "/me")["user"]["user"]
        self.assertTrue(all(one["actor"] and one["event_desc"] for one in about), about)
        self.assertTrue(any(user in one["actor"] for one in about), about)
        times = [one["time"] for one in everything]
        self.assertEqual(times, sorted(times, reverse=True), "not newest first")
        shown = self.ok("events", "-n", "1000")
        self.table(shown, "time", "actor", "event_type", "service_name", "event_desc")
        for secret in self.platform.secrets:
            self.assertNotIn(secret, shown.out, "an event shows a secret")
