"""Looking at a running service: everything here leaves the shared service as it was."""

import database
from case import MOMENT, WAIT_SECONDS, Case
from server import eventually

PERIODS = ("hour", "day", "week", "month", "year")
LAYOUT = ("service_name", "service_type", "state", "cloud_name", "plan", "create_time", "update_time")


class Look(Case):
    def test_the_service_is_listed_with_and_without_details(self):
        name = self.shared()
        rows = self.table(self.ok("service", "list"), *LAYOUT)
        self.assertTrue(any(row.startswith(f"{name} ") for row in rows), rows)
        shown = self.ok("service", "list", name, "-v", "-t", "pg").out
        for text in ("service_uri", "disk_space_mb", "databases", "users", name):
            self.assertIn(text, shown)
        self.assertEqual(self.ok("service", "list", "no-such").out, "")
        self.assertEqual(self.ok("service", "list", name, "--json").json[0]["service_name"], name)

    def test_the_service_is_shown_with_its_nodes(self):
        name = self.shared()
        self.assertIn("RUNNING", self.table(self.ok("service", "get", name), *LAYOUT)[0])
        shown = self.ok("service", "get", name, "-v").out
        self.assertIn("Service node states", shown)
        self.assertIn("running", shown)
        self.assertIn("pg", self.ok("service", "get", name, "--format", "{service_type}").out)

    def test_json_has_every_field_that_strict_clients_decode(self):
        found = self.ok("service", "get", self.shared(), "--json").json
        kinds = {
            "backups": list, "cloud_description": str, "components": list, "connection_info": dict, "databases": list,
            "connection_pools": list, "disk_space_mb": int, "features": dict, "group_list": list, "maintenance": dict,
            "metadata": dict, "node_count": int, "node_cpu_count": int, "node_memory_mb": int, "node_states": list,
            "service_integrations": list, "service_notifications": list, "service_type_description": str,
            "service_uri": str, "service_uri_params": dict, "termination_protection": bool, "user_config": dict,
            "users": list, "create_time": str, "update_time": str,
        }
        for field, kind in kinds.items():
            self.assertIsInstance(found[field], kind, field)
        for field in ("access_cert", "access_key", "password", "type", "username"):
            self.assertIn(field, found["users"][0])
        for field in ("dow", "time", "updates"):
            self.assertIn(field, found["maintenance"])
        for part in found["components"]:
            self.assertIsInstance(part["port"], int)
            self.assertTrue({"component", "host", "route", "usage"} <= set(part), part)

    def test_a_service_that_does_not_exist_is_not_found(self):
        self.shared()
        self.fails_with(404, "service", "get", "no-such", saying="no-such")
        self.fails_with(404, "service", "backup-list", "no-such", saying="no-such")

    def test_connection_info_leads_to_the_engine(self):
        name = self.shared()
        plain = self.ok("service", "connection-info", "pg", "uri", name).out.strip()
        self.assertEqual(database.query(database.verified(plain, self.ca()), "select 1 + 1"), "2")
        self.assertIn("dbname='defaultdb'", self.ok("service", "connection-info", "pg", "string", name).out)
        self.assertTrue(self.ok("service", "connection-info", "psql", name).out.startswith("psql postgres://avnadmin:"))

    def test_psql_goes_through_service_uri_with_verify_ca_and_a_wrong_ca_is_refused(self):
        name = self.shared()
        self.assertEqual(self.sql(name, "select ssl from pg_stat_ssl where pid = pg_backend_pid()"), "t")
        wrong = database.verified(self.service(name)["service_uri"], "/etc/ssl/certs/ca-certificates.crt")
        code, _, errors = database.attempt(wrong, "select 1")
        self.assertNotEqual(code, 0)
        self.assertIn("certificate verify failed", errors)

    def test_without_encryption_nobody_comes_in(self):
        plain = self.uri(self.shared()).replace("sslmode=verify-ca", "sslmode=disable")
        code, _, errors = database.attempt(plain, "select 1")
        self.assertNotEqual(code, 0, "an unencrypted connection was accepted")
        self.assertIn("no encryption", errors)

    def test_avnadmin_is_no_superuser_and_reads_no_file_of_the_server(self):
        name = self.shared()
        self.assertEqual(self.sql(name, "select rolsuper from pg_roles where rolname = current_user"), "f")
        for statement in ("select pg_read_file('postgresql.conf')", "copy (select 1) to program 'true'"):
            code, _, errors = database.attempt(self.uri(name), statement)
            self.assertNotEqual(code, 0, statement)
            self.assertRegex(errors, "permission denied|must be superuser")


class Observe(Case):
    def test_logs_are_lines_of_the_engine_and_of_the_agent(self):
        name = self.shared()
        shown = self.ok("service", "logs", name, "-n", "500").out
        self.assertIn("database system is ready to accept connections", shown)
        lines = self.ok("service", "logs", name, "-n", "3", "-S", "desc", "--json").json
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertRegex(line["time"], MOMENT)
            self.assertTrue(line["hostname"] and line["unit"] and "msg" in line, line)
        self.assertGreaterEqual(lines[0]["time"], lines[-1]["time"])
        units = {line["unit"] for line in self.ok("service", "logs", name, "-n", "500", "--json").json}
        self.assertGreaterEqual(len(units), 2, units)

    def test_metrics_are_at_least_five_series_over_every_period(self):
        name = self.shared()
        for period in PERIODS:
            def filled():
                found = self.ok("service", "metrics", name, "--period", period).json
                self.assertGreaterEqual(len(found), 5, period)
                for series in found.values():
                    self.assertGreaterEqual(len(series["data"]["cols"]), 2)
                    self.assertIn("hints", series)
                return all(series["data"]["rows"] for series in found.values())
            eventually(filled, WAIT_SECONDS, f"{period} has samples in every series")

    def test_running_queries_are_shown(self):
        name = self.shared()
        sleeper = database.begin(self.uri(name), "select pg_sleep(120)")
        try:
            def seen():
                return "pg_sleep(120)" in self.ok("service", "current-queries", name).out
            eventually(seen, 30, "the sleeping query is listed")
            self.assertIn("usename", self.ok("service", "current-queries", name, "-v").out.lower())
        finally:
            sleeper.kill()
            sleeper.wait()

    def test_queries_that_were_run_are_counted_until_they_are_counted_anew(self):
        name = self.shared()
        self.ok("service", "queries-reset", name)
        for number in range(3):
            self.sql(name, f"select {number} as counted_here")
        columns = ("query", "max_time", "stddev_time", "min_time", "mean_time", "rows", "calls", "total_time")
        rows = self.table(self.ok("service", "queries", name), *columns)
        self.assertTrue(any("counted_here" in row for row in rows), rows)
        self.assertIn("shared_blks_hit", self.ok("service", "queries", name, "-v").out.lower())

        def mine():
            return [one for one in self.ok("service", "queries", name, "--json").json if "counted_here" in one["query"]]
        (found,) = mine()
        self.assertEqual(found["query"], "select $1 as counted_here")
        told = tuple(found[key] for key in ("calls", "rows", "database_name", "user_name"))
        self.assertEqual(told, (3, 3, "defaultdb", "avnadmin"))
        self.ok("service", "queries-reset", name)
        self.assertEqual(mine(), [])
        self.refused(400, "POST", f"/service/{name}/pg/query/stats", {"order_by": "colour:desc"},
                     saying=("colour:desc", "total_time"))

    def test_tags_of_a_service_are_added_removed_and_replaced(self):
        name = self.shared()
        self.ok("service", "tags", "replace", name, "--tag", "team=a", "--tag", "cost=b")
        ended = self.ok("service", "tags", "update", name, "--add-tag", "team=c", "--remove-tag", "cost")
        self.assertNotEqual(ended.out.strip(), "")
        self.assertEqual(self.ok("service", "tags", "list", name, "--json").json, [{"key": "team", "value": "c"}])
        self.assertEqual(self.table(self.ok("service", "tags", "list", name), "key", "value"), ["team  c"])
        self.ok("service", "tags", "replace", name)
        self.assertEqual(self.ok("service", "tags", "list", name).out, "")

    def test_creation_is_among_the_events(self):
        name = self.shared()
        events = [one for one in self.ok("events", "-n", "1000", "--json").json if one["service_name"] == name]
        self.assertTrue(any("create" in one["event_type"] for one in events), events)

    def test_maintenance_can_be_started(self):
        self.assertNotEqual(self.ok("service", "maintenance-start", self.shared()).out.strip(), "")

    def test_migration_status_answers_without_a_migration(self):
        self.table(self.ok("service", "migration-status", self.shared()), "status", "method", "error")

    def test_an_upgrade_check_is_a_task_that_ends(self):
        name = self.shared()
        newest = max(int(one["major_version"]) for one in self.platform.call("GET", "/service_versions")
                     ["service_versions"] if one["service_type"] == "pg")
        words = ("service", "task-create", name, "--operation", "upgrade_check", "--target-version", str(newest))
        self.table(self.ok(*words), "task_type", "success", "task_id")
        task = self.ok(*words, "--format", "{task_id}").out.split()[0]  # it prints the result, too
        rows = self.table(self.ok("service", "task-get", name, "--task-id", task), "task_type", "success", "result")
        self.assertIn("upgrade_check", rows[0])

        def over():
            return self.ok("service", "task-get", name, "--task-id", task, "--json").json[0]["success"] is not None
        eventually(over, WAIT_SECONDS, "the check ended")

    def test_no_integrations_are_an_empty_list(self):
        self.assertEqual(self.ok("service", "integration-list", self.shared()).out, "")
