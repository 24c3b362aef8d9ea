"""Backups of a running service as the API shows them."""

import datetime

from case import MOMENT, WAIT_SECONDS, Case, moment
from server import eventually


class Backups(Case):
    def test_the_first_backup_is_listed_with_its_place_and_size(self):
        name = self.shared()
        rows = self.table(self.ok("service", "backup-list", name),
                          "backup_name", "backup_time", "data_size", "storage_location")
        self.assertIn("local-north", rows[0])
        found = self.ok("service", "backup-list", name, "--json").json
        for backup in found:
            self.assertGreater(backup["data_size"], 1_000_000)
            self.assertRegex(backup["backup_time"], MOMENT)
            self.assertEqual(backup["storage_location"], "local-north")
            self.assertRegex(backup["backup_name"], r"^[a-zA-Z0-9-_:.]{1,128}$")
        self.assertEqual(len({backup["backup_name"] for backup in found}), len(found))
        self.assertEqual(found, self.service(name)["backups"])

    def test_the_window_of_exact_moments_begins_at_a_backup_and_is_younger_than_the_service(self):
        name = self.shared()
        answer = self.backups(name)
        window = answer["pitr"]["primary_region"]
        begin = moment(window["pitr_range_start"])
        self.assertGreaterEqual(begin, moment(self.service(name)["create_time"]))
        self.assertLessEqual(begin, datetime.datetime.now(datetime.timezone.utc))
        if window["pitr_range_end"] is not None:
            self.assertGreaterEqual(moment(window["pitr_range_end"]), begin)
        planned = answer["scheduled_backup_time"]
        self.assertTrue(0 <= planned["backup_hour"] <= 23 and 0 <= planned["backup_minute"] <= 59, planned)
        self.assertEqual(planned["backup_interval_hours"], 24)

    def test_a_backup_can_be_asked_for_at_once(self):
        name = self.shared()
        before = {backup["backup_name"] for backup in self.backups(name)["backups"]}
        self.platform.command("backup", "create", name)
        eventually(lambda: {one["backup_name"] for one in self.backups(name)["backups"]} - before, WAIT_SECONDS,
                   "another backup is listed")
