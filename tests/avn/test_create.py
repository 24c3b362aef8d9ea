"""Creating a service, and every way in which that is refused: the message helps, and nothing was made."""

from case import Case


class Create(Case):
    def test_a_service_is_created_waited_for_and_looks_like_what_was_asked_for(self):
        name = self.later_terminated(self.name("happy"))
        words = ["-t", "pg", "-p", "startup-4", "--cloud", "local-south", "-c", "backup_hour=4"]
        self.assertEqual(self.ok("service", "create", name, *words).out, "")
        self.assertIn(self.service(name)["state"], ("REBUILDING", "RUNNING"))
        ended = self.ok("service", "wait", name, "--timeout", "300")
        self.assertIn(f"Service(s) RUNNING: {name}", ended.errors)
        made = self.service(name)
        fields = ("service_type", "plan", "cloud_name", "node_count", "termination_protection")
        self.assertEqual([made[field] for field in fields], ["pg", "startup-4", "local-south", 1, False])
        self.assertEqual(made["user_config"]["backup_hour"], 4)
        self.ready(name)
        self.assertEqual(self.sql(name, "select current_user || '@' || current_database()"), "avnadmin@defaultdb")

    def test_the_name_of_a_service_is_given_once(self):
        name = self.shared()
        both = ["Service name is already in use in this project", "already exists"]
        self.refuses_to_create(409, name, "-t", "pg:startup-4", saying=both)
        ended = self.ok("service", "create", name, "-t", "pg:startup-4", "--no-fail-if-exists")
        self.assertIn(f"service 'main/{name}' already exists", ended.errors)

    def test_a_version_that_nears_its_end_is_read_by_the_client_and_runs_or_is_refused_in_words(self):
        """The client warns of versions near their end, and must be able to read when that is."""
        name = self.later_terminated(self.name("old"))
        ended = self.avn.run("service", "create", name, "-t", "pg:startup-4", "-c", "pg_version=15",
                             AIVEN_FORCE="yes")
        if ended.code == 0:
            self.assertEqual(self.service(name)["user_config"]["pg_version"], "15")
        else:
            self.assertIn("pg_version 15 cannot be run in region", ended.errors, str(ended))

    def test_the_administrator_has_the_name_that_was_given(self):
        name = self.create("named", "hobbyist", ["-c", "admin_username=ops.1"])
        self.assertEqual(self.sql(name, "select current_user || '@' || current_database()"), "ops.1@defaultdb")
        users = self.service(name)["users"]
        self.assertEqual([(one["username"], one["type"]) for one in users], [("ops.1", "primary")])

    def test_without_a_region_the_default_of_the_project_is_taken(self):
        name = self.later_terminated(self.name("where"))
        self.ok("service", "create", name, "-t", "pg:hobbyist")
        default = self.platform.call("GET", "/project/main")["project"]["default_cloud"]
        self.assertEqual(self.service(name)["cloud_name"], default)


class RefusedCreation(Case):
    def setUp(self):
        super().setUp()
        self.wanted = self.name("wrong")

    def refuses(self, status, *words, saying):
        self.refuses_to_create(status, self.wanted, *words, saying=saying)

    def refuses_body(self, saying, status=400, **changes):
        """The same, past the checks of avn."""
        body = {"service_name": self.wanted, "service_type": "pg", "plan": "startup-4", "cloud": None,
                "user_config": {}, **changes}
        before = self.service_names()
        self.refused(status, "POST", "/service", body, saying=saying)
        self.assertEqual(self.service_names(), before)

    def test_an_unknown_option_is_named(self):
        self.fails("service", "create", self.wanted, "-t", "pg:startup-4", "-c", "no_such=1",
                   saying="Unsupported option 'no_such', available options: ")
        self.refuses_body(user_config={"no_such": 1}, saying="no_such")

    def test_an_option_of_the_wrong_type_is_named(self):
        self.fails("service", "create", self.wanted, "-t", "pg:startup-4", "-c", "backup_hour=soon",
                   saying="Invalid value 'backup_hour=soon'")
        self.refuses_body(user_config={"backup_hour": "3"}, saying=("backup_hour", "integer"))
        self.refuses_body(user_config={"backup_hour": 3.5}, saying=("backup_hour", "integer"))
        self.refuses_body(user_config=[], saying="user_config")

    def test_an_option_out_of_range_is_named_with_its_bounds(self):
        for key, value, bound in (
            ("backup_hour", 24, "23"), ("backup_hour", -1, "0"), ("backup_minute", 60, "59"),
            ("backup_retention_days", 31, "30"), ("backup_retention_days", 0, "1"),
        ):
            self.refuses(400, "-t", "pg:startup-4", "-c", f"{key}={value}", saying=(key, bound))

    def test_an_unknown_region_is_named_with_those_that_exist(self):
        self.refuses(400, "-t", "pg:startup-4", "--cloud", "mars-1", saying=("mars-1", "local-north"))

    def test_an_unknown_plan_is_named_with_those_that_exist(self):
        self.refuses(400, "-t", "pg:gigantic-9", saying=("gigantic-9", "startup-4"))

    def test_a_plan_whose_standbys_do_not_exist_yet_says_so(self):
        for plan in ("business-4", "premium-4"):
            self.refuses(400, "-t", f"pg:{plan}", saying=(plan, "standby"))

    def test_a_type_that_cannot_be_created_yet_says_so(self):
        for kind in ("mysql", "redis", "kafka"):
            self.refuses(400, "-t", f"{kind}:startup-4", saying=(kind, "cannot be created yet"))

    def test_an_unknown_type_is_named_with_those_that_exist(self):
        ended = self.fails("service", "create", self.wanted, "-t", "oracle:startup-4",
                           saying=("Unknown service type 'oracle'", "available options: ", "pg"))
        self.assertNotIn("status", ended.errors)
        self.refuses_body(service_type="oracle", saying=("oracle", "pg"))

    def test_a_name_that_no_service_may_have_is_refused_with_what_is_allowed(self):
        for wrong in ("Upper", "9lives", "a_b", "x" * 65):
            before = self.service_names()
            self.fails_with(400, "service", "create", wrong, "-t", "pg:startup-4", saying="service_name")
            self.assertEqual(self.service_names(), before)

    def test_more_disk_than_the_plan_has_is_refused_with_the_bound(self):
        self.refuses(400, "-t", "pg:startup-4", "--disk-space-gib", "999999", saying="disk_space_mb")
