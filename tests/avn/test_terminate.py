"""Termination, reuse of the name, and taking it back."""

import database
from case import Case


class Terminate(Case):
    def test_a_terminated_name_is_free_and_the_service_comes_back_with_its_data(self):
        name = self.create("gone")
        rows = self.write_rows(name)
        self.restorable_until(name, self.engine_time(name))
        first = self.service(name)
        uri = self.uri(name)
        ended = self.ok("service", "terminate", "--force", name)
        self.assertIn(f"{name}: terminated", ended.errors)
        self.fails_with(404, "service", "get", name, saying=name)
        self.assertNotIn(name, self.ok("service", "list").out)
        self.fails_with(404, "service", "terminate", "--force", name, saying=name)

        self.ok("service", "create", name, "-t", "pg:startup-4")
        self.ready(name)
        second = self.service(name)
        self.assertNotEqual(first["service_id"], second["service_id"])
        self.assertEqual(self.sql(name, "select to_regclass('notes') is null"), "t", "data of the old service")
        self.assertNotEqual(database.attempt(uri, "select 1")[0], 0, "the old password opens the new service")
        self.ok("service", "terminate", name, AIVEN_FORCE="true")

        self.platform.command("service", "undelete", first["service_id"])
        self.ready(name)
        self.assertEqual(self.service(name)["service_id"], first["service_id"])
        self.assertEqual(self.fingerprint(name), rows)

    def test_nothing_is_taken_back_under_a_name_that_is_in_use(self):
        name = self.create("used", plan="hobbyist")
        gone = self.service(name)["service_id"]
        self.ok("service", "terminate", "--force", name)
        self.ok("service", "create", name, "-t", "pg:hobbyist")
        with self.assertRaises(AssertionError) as caught:
            self.platform.command("service", "undelete", gone)
        self.assertIn(name, str(caught.exception))
        self.assertNotEqual(self.service(name)["service_id"], gone)
