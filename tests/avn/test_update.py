"""Changing a service: what is not mentioned stays, what is wrong changes nothing."""

from case import WAIT_SECONDS, Case
from server import PROJECT, eventually

PROTECTED = "Service is protected against termination and shutdown. Remove termination protection first."


class Update(Case):
    def tearDown(self):
        name = self.shared()
        cleared = {"backup_hour": None, "backup_minute": None, "backup_retention_days": None}
        self.api("PUT", f"/service/{name}", {"user_config": cleared, "termination_protection": False})

    def config(self):
        return self.service(self.shared())["user_config"]

    def update(self, *words):
        return self.ok("service", "update", self.shared(), *words)

    def update_fails(self, *words, saying):
        name = self.shared()
        beginning = f"command failed: UserError: Service '{PROJECT}/{name}' update failed: "
        texts = [saying] if isinstance(saying, str) else list(saying)
        return self.fails("service", "update", name, *words, saying=[beginning, *texts])

    def test_two_updates_of_different_options_keep_both(self):
        self.assertEqual(self.update("-c", "backup_hour=3").out, "")
        self.update("-c", "backup_minute=30")
        self.update()
        self.assertEqual((self.config()["backup_hour"], self.config()["backup_minute"]), (3, 30))

    def test_backup_hour_moves_the_schedule_and_removing_it_gives_it_back(self):
        name = self.shared()
        first = self.backups(name)["scheduled_backup_time"]["backup_hour"]
        other = (first + 7) % 24
        self.update("-c", f"backup_hour={other}", "-c", "backup_minute=5")

        def moved():
            planned = self.backups(name)["scheduled_backup_time"]
            return (planned["backup_hour"], planned["backup_minute"]) == (other, 5)
        eventually(moved, WAIT_SECONDS, "the schedule follows")
        self.update("--remove-option", "backup_hour")
        self.assertIsNone(self.config().get("backup_hour"))
        self.assertEqual(self.config()["backup_minute"], 5)
        self.assertEqual(self.backups(name)["scheduled_backup_time"]["backup_minute"], 5)

        def drawn():
            """A time that is drawn may be the one that was given, but not three times."""
            self.update("-c", f"backup_hour={other}", "-c", "backup_minute=5")
            self.update("--remove-option", "backup_hour", "--remove-option", "backup_minute")
            planned = self.backups(name)["scheduled_backup_time"]
            return planned["backup_hour"], planned["backup_minute"]
        self.assertTrue(any(drawn() != (other, 5) for _ in range(3)), "the schedule stays after the removal")

    def test_a_wrong_value_is_refused_with_its_bounds_and_changes_nothing(self):
        self.update("-c", "backup_hour=3")
        before = self.config()
        self.update_fails("-c", "backup_hour=99", "-c", "backup_minute=1", saying=("backup_hour", "23"))
        self.update_fails("-c", "backup_retention_days=0", saying=("backup_retention_days", "1"))
        self.refused(400, "PUT", f"/service/{self.shared()}", {"user_config": {"no_such": 1}}, saying="no_such")
        self.assertEqual(self.config(), before)

    def test_what_is_given_at_creation_alone_cannot_be_changed(self):
        saying = ("service_to_fork_from", "created")
        self.update_fails("-c", "service_to_fork_from=other", saying=saying)

    def test_an_unknown_plan_or_region_is_refused(self):
        self.update_fails("-p", "gigantic-9", saying="gigantic-9")
        self.update_fails("--cloud", "mars-1", saying="mars-1")

    def test_the_window_of_maintenance_is_set_and_never_is_accepted_from_older_clients(self):
        name = self.shared()
        self.update("--maintenance-dow", "sunday", "--maintenance-time", "03:04:05")
        self.assertEqual(self.service(name)["maintenance"]["dow"], "sunday")
        self.assertEqual(self.service(name)["maintenance"]["time"], "03:04:05")
        if self.avn.number < (4, 18):
            self.update("--maintenance-dow", "never")
        else:
            self.api("PUT", f"/service/{name}", {"plan": "startup-4", "maintenance": {"dow": "never"}})
        self.assertEqual(self.service(name)["maintenance"]["dow"], "never")

    def test_protection_stops_termination_and_power_off(self):
        name = self.shared()
        self.update("--enable-termination-protection")
        self.assertIs(self.service(name)["termination_protection"], True)
        ended = self.fails_with(403, "service", "terminate", "--force", name, saying=PROTECTED)
        self.assertEqual(ended.refusal[1], PROTECTED)
        self.update_fails("--power-off", saying=PROTECTED)
        self.refused(403, "PUT", f"/service/{name}", {"powered": False}, saying=PROTECTED)
        self.assertEqual(self.service(name)["state"], "RUNNING")
        self.update("--disable-termination-protection")
        self.assertIs(self.service(name)["termination_protection"], False)
