"""Projects and what they offer: regions, types, plans, versions."""

import json

from case import MOMENT, Case

SEED_PLANS = {  # type -> backup_config of startup: interval, max_count, recovery_mode
    "pg": (24, 2, "pitr"), "mysql": (24, 2, "pitr"), "cassandra": (24, 1, "basic"), "redis": (12, 2, "basic"),
    "influxdb": (12, 5, "basic"), "flink": (1, 2, "basic"), "grafana": (1, 24, "basic"), "clickhouse": (24, 2, "basic"),
}


class Projects(Case):
    def test_list_and_details_show_the_first_project(self):
        rows = self.table(self.ok("project", "list"), "project_name", "default_cloud", "credit_card")
        self.assertTrue(any(row.startswith("main ") for row in rows), rows)
        self.assertIn("main", self.ok("project", "list", "-v").out)
        self.assertIn("local-north", self.ok("project", "details").out)
        self.assertEqual(self.ok("project", "details", "--json").json[0]["project_name"], "main")

    def test_a_project_is_created_switched_to_updated_and_deleted(self):
        name = self.name("project")
        account = self.platform.call("GET", "/project/main")["project"]["account_id"]
        parent = ["--parent-id", account] if self.avn.number >= (4,) else ["--account-id", account]
        contacts = ("--tech-email", "Ops@example.org", "--tech-email", "b@example.org")
        ended = self.ok("project", "create", name, "--cloud", "local-south", *contacts, *parent)
        self.assertIn(name, ended.out)
        self.assertIn("successfully created and set as default project", ended.errors)
        self.fails_with(409, "project", "create", name, *parent, saying="already exists")
        self.ok("project", "create", name, "--no-fail-if-exists", *parent)
        self.assertIn(f"Set project '{name}' as the default project", self.ok("project", "switch", name).errors)
        ended = self.ok("project", "details", AIVEN_PROJECT=None)
        self.assertIn(name, ended.out)
        self.assertIn("local-south", ended.out)
        details = ("project", "details", "--json", "--project", name)
        told = [one["email"] for one in self.ok(*details).json[0]["tech_emails"]]
        self.assertEqual(told, ["Ops@example.org", "b@example.org"])
        changes = ("--cloud", "local-east", "--tech-email", "a@example.org")
        ended = self.ok("project", "update", "--project", name, *changes)
        self.assertIn("local-east", ended.out)
        self.assertEqual(self.ok(*details).json[0]["tech_emails"], [{"email": "a@example.org"}])
        self.assertEqual(self.ok("service", "list", "--project", name).out, "")
        self.ok("project", "delete", name)
        self.assertNotIn(name, self.ok("project", "list").out)

    def test_the_account_and_its_organization_are_listed(self):
        project = self.platform.call("GET", "/project/main")["project"]
        self.assertIn(project["account_id"], self.ok("account", "list", "--json").out)
        if self.avn.number >= (4,):
            rows = self.table(self.ok("organization", "list"), "organization_name", "organization_id", "account_id", "tier")
            self.assertTrue(any(project["organization_id"] in row for row in rows), rows)

    def test_an_unknown_project_is_said_to_be_unknown(self):
        self.fails("project", "switch", "no-such", saying="Project 'no-such' does not exist, available projects: ")
        self.fails_with(404, "service", "list", "--project", "no-such", saying="no-such")

    def test_tags_of_a_project_are_added_removed_and_replaced(self):
        self.assertNotEqual(self.ok("project", "tags", "replace", "--tag", "team=a", "--tag", "cost=b").out.strip(), "")
        self.ok("project", "tags", "update", "--add-tag", "team=c", "--remove-tag", "cost")
        self.assertEqual(self.ok("project", "tags", "list", "--json").json, [{"key": "team", "value": "c"}])
        self.ok("project", "tags", "replace")
        self.assertEqual(self.ok("project", "tags", "list").out, "")

    def test_the_ca_is_a_certificate(self):
        with open(self.ca(), encoding="utf-8") as file:
            self.assertTrue(file.read().startswith("-----BEGIN CERTIFICATE-----\n"))

    def test_users_of_the_project_are_listed(self):
        user = self.platform.call("GET", "/me")["user"]["user"]
        rows = self.table(self.ok("project", "user-list"), "user_email", "member_type", "create_time")
        self.assertTrue(any(user in row for row in rows), rows)
        self.assertEqual(self.ok("project", "invite-list").out, "")

    def test_people_are_invited_become_members_get_another_role_and_are_removed(self):
        email = f"{self.name('dora')}@example.org"

        def members():
            listed = self.ok("project", "user-list", "--json").json
            return {one["user_email"]: one["member_type"] for one in listed}

        self.ok("project", "user-invite", email, "--role", "operator")
        rows = self.table(self.ok("project", "invite-list"), "invited_user_email", "inviting_user_email", "member_type",
                          "invite_time")
        self.assertTrue(any(email in row and "operator" in row for row in rows), rows)
        self.assertNotIn(email, members())
        made = json.loads(self.platform.command("person", "create", "--data", self.platform.data, "--email", email, "--json"))
        self.platform.secrets.add(made["password"])
        self.assertEqual(self.ok("project", "invite-list").out, "")
        self.assertEqual(members()[email], "operator")
        alone = {"AIVEN_AUTH_TOKEN": None, "AIVEN_PROJECT": None}
        self.ok("user", "login", email, AIVEN_PASSWORD=made["password"], **alone)
        self.ok("service", "list", **alone)
        self.fails("project", "user-invite", "other@example.org", saying="failed", **alone)
        self.ok("project", "user-invite", email, "--role", "developer")
        self.assertEqual(members()[email], "developer")
        self.ok("project", "user-remove", email)
        self.assertNotIn(email, members())
        self.fails("service", "list", saying="main", **alone)
        self.ok("user", "logout", **alone)

    def test_static_addresses_and_networks_are_empty_lists(self):
        self.assertEqual(self.ok("static-ip", "list").out, "")
        self.assertEqual(self.ok("vpc", "list").out, "")


class Offer(Case):
    def test_clouds_are_the_three_local_regions(self):
        columns = ("cloud_name", "cloud_description", "geo_region", "geo_latitude", "geo_longitude", "provider")
        self.table(self.ok("cloud", "list"), *columns)
        names = {one["cloud_name"] for one in self.ok("cloud", "list", "--json").json}
        self.assertTrue({"local-north", "local-south", "local-east"} <= names, names)
        self.assertTrue(names <= {one["cloud_name"] for one in self.platform.call("GET", "/clouds")["clouds"]})

    def test_types_and_their_options_are_listed(self):
        self.table(self.ok("service", "types"), "service_type", "description")
        shown = self.ok("service", "types", "-v").out
        for text in ("Service type 'pg' options:", "backup_hour", "recovery_basebackup_name", "backup_retention_days",
                     "=> -c backup_hour=<integer>", "service_to_fork_from", "Service type 'kafka' options:"):
            self.assertIn(text, shown)

    def test_plans_are_listed_with_memory_disk_and_price_where_the_region_is_known(self):
        shown = self.ok("service", "plans", "--cloud", "local-north", "-t", "pg").out
        for plan in ("hobbyist", "startup-4", "business-4", "premium-4"):
            self.assertRegex(shown, rf"pg:{plan} +\$[0-9.]+/h +\S.*RAM.*disk")
        self.assertIn("high availability", shown)
        self.assertIn("Used cloud not defined, only showing service types!", self.ok("service", "plans").out)
        self.assertIn("/mo", self.ok("service", "plans", "--cloud", "local-east", "--monthly").out)

    def test_plans_say_how_long_backups_are_kept(self):
        types = self.ok("service", "types", "--json").json
        for kind, expected in SEED_PLANS.items():
            found = {plan["service_plan"]: plan["backup_config"] for plan in types[kind]["service_plans"]}
            config = found["startup-4"]
            self.assertEqual((config["interval"], config["max_count"], config["recovery_mode"]), expected, kind)

    def test_versions_are_listed_and_one_of_them_can_be_asked_for(self):
        columns = ("service_type", "major_version", "state", "availability_start_time", "aiven_end_of_life_time")
        rows = self.table(self.ok("service", "versions"), *columns)
        self.assertTrue(any(row.startswith("pg ") for row in rows), rows)
        self.fails("service", "create", self.name("old"), "-t", "pg:startup-4", "-c", "pg_version=8",
                   saying="pg v8 is not available")

    def test_integration_types_are_listed(self):
        rows = self.table(self.ok("service", "integration-types-list"), "integration_type", "dest_description",
                          "dest_service_type", "source_description", "source_service_types")
        self.assertTrue(rows)


class Events(Case):
    def test_events_have_a_time_an_actor_and_a_description(self):
        self.shared()
        rows = self.table(self.ok("events", "-n", "5"), "time", "actor", "event_type", "service_name", "event_desc")
        self.assertTrue(0 < len(rows) <= 5, rows)
        found = self.ok("events", "-n", "2", "--json").json
        self.assertRegex(found[0]["time"], MOMENT)
        self.assertGreaterEqual(found[0]["time"], found[-1]["time"], "newest first")
