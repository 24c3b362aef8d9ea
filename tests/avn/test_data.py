"""Databases, users and passwords of a running service, through its engine."""

import database
from case import Case


class Databases(Case):
    def test_a_database_is_created_listed_used_and_deleted(self):
        name = self.shared()
        self.ok("service", "database-create", name, "--dbname", "shop")
        self.assertIn("shop", self.ok("service", "database-list", name).out.split())
        self.assertIn("defaultdb", self.ok("service", "database-list", name, "--json").json)
        self.assertIn("shop", self.service(name)["databases"])
        self.sql(name, "create table goods (id int); insert into goods values (7)", database="shop")
        self.assertEqual(self.sql(name, "select id from goods", database="shop"), "7")
        self.fails_with(409, "service", "database-create", name, "--dbname", "shop", saying=("shop", "already exists"))
        self.ok("service", "database-delete", name, "--dbname", "shop")
        self.assertNotIn("shop", self.ok("service", "database-list", name).out.split())
        self.fails_with(404, "service", "database-delete", name, "--dbname", "shop", saying="shop")

    def test_a_database_that_was_made_by_sql_is_listed_too(self):
        name = self.shared()
        self.sql(name, "create database by_sql")
        try:
            self.assertIn("by_sql", self.ok("service", "database-list", name).out.split())
        finally:
            self.sql(name, "drop database by_sql")

    def test_a_database_has_the_order_of_texts_that_was_asked_for_if_the_host_has_it(self):
        name = self.shared()
        # avn has no option for it; other clients of the API do.
        self.api("POST", f"/service/{name}/db", {"database": "sorted", "lc_collate": "C", "lc_ctype": "C"})
        try:
            (made,) = [one for one in self.api("GET", f"/service/{name}/db")["databases"] if one["database_name"] == "sorted"]
            self.assertEqual((made["lc_collate"], made["lc_ctype"]), ("C", "C"))
            self.assertEqual(self.sql(name, "select datcollate from pg_database where datname = 'sorted'"), "C")
            self.refused(400, "POST", f"/service/{name}/db", {"database": "never", "lc_collate": "xx_XX.UTF-8"},
                         saying=("lc_collate", "xx_XX.UTF-8", "no such locale", "Use one of C", "locale -a"))
        finally:
            self.ok("service", "database-delete", name, "--dbname", "sorted")

    def test_an_extension_that_is_offered_can_be_made_by_the_administrator(self):
        name = self.shared()
        offered = self.api("GET", f"/service/{name}/pg/available-extensions")["extensions"]
        (hstore,) = [one for one in offered if one["name"] == "hstore"]
        self.ok("service", "database-create", name, "--dbname", "extended")
        try:
            self.sql(name, f"create extension hstore version '{hstore['versions'][-1]}'", database="extended")
        finally:
            self.ok("service", "database-delete", name, "--dbname", "extended")
        versions = {one["version"]: one["extensions"] for one in self.api("GET", "/pg/available-extensions")["pg"]}
        self.assertIn(offered, list(versions.values()))

    def test_a_name_with_quotes_is_a_name_and_nothing_more(self):
        name, odd = self.shared(), 'odd"; drop database defaultdb; --'
        ended = self.avn.run("service", "database-create", name, "--dbname", odd)
        listed = self.ok("service", "database-list", name, "--json").json
        self.assertIn("defaultdb", listed)
        if ended.code == 0:
            self.assertIn(odd, listed)
            self.ok("service", "database-delete", name, "--dbname", odd)
        else:
            self.assertEqual(ended.refusal[0], 400)


class Users(Case):
    def password(self, name, user):
        found = self.ok("service", "user-get", name, "--username", user, "--json").json
        self.platform.secrets.add(found["password"])
        return found["password"]

    def enters(self, name, user, password):
        uri = self.uri(name, user=user, password=password)
        return database.attempt(uri, "select current_user")[:2] == (0, user)

    def test_a_user_is_created_shown_given_a_new_password_and_deleted(self):
        name = self.shared()
        self.ok("service", "user-create", name, "--username", "clerk")
        rows = self.table(self.ok("service", "user-list", name), "username", "type")
        self.assertTrue(any(row.startswith("clerk ") for row in rows), rows)
        self.assertIn("clerk", self.ok("service", "user-get", name, "--username", "clerk").out)
        first = self.password(name, "clerk")
        self.assertTrue(self.enters(name, "clerk", first))
        self.fails_with(409, "service", "user-create", name, "--username", "clerk", saying=("clerk", "already exists"))

        self.ok("service", "user-password-reset", name, "--username", "clerk")
        second = self.password(name, "clerk")
        self.assertNotEqual(first, second)
        self.assertTrue(self.enters(name, "clerk", second))
        self.assertFalse(self.enters(name, "clerk", first), "the old password still works")

        chosen = "chosen 'by\" the \\ user $1"
        self.ok("service", "user-password-reset", name, "--username", "clerk", "--new-password", chosen)
        self.assertEqual(self.password(name, "clerk"), chosen)
        self.assertTrue(self.enters(name, "clerk", chosen))

        self.ok("service", "user-delete", name, "--username", "clerk")
        self.assertFalse(self.enters(name, "clerk", chosen))
        self.fails_with(404, "service", "user-get", name, "--username", "clerk", saying="clerk")

    def test_avnadmin_cannot_be_deleted(self):
        name = self.shared()
        self.fails_with((400, 403), "service", "user-delete", name, "--username", "avnadmin", saying="avnadmin")
        self.assertEqual(self.sql(name, "select 1"), "1")

    def test_credentials_reset_replaces_the_password_of_avnadmin(self):
        name = self.shared()
        old = self.uri(name)
        self.table(self.ok("service", "credentials-reset", name), "service_name", "state")
        self.assertNotEqual(self.uri(name), old)
        self.assertEqual(self.sql(name, "select 1"), "1")
        code, _, errors = database.attempt(old, "select 1")
        self.assertNotEqual(code, 0)
        self.assertIn("password authentication failed", errors)

    def test_the_certificate_of_a_user_who_has_none_is_said_to_be_missing(self):
        ended = self.avn.run("service", "user-creds-download", self.shared(), "--username", "avnadmin",
                             "-d", self.folder)
        self.assertIn("CA certificate", ended.out + ended.errors)


class Pools(Case):
    def test_connection_pools_are_refused_with_a_sentence(self):
        name = self.shared()
        words = (name, "--pool-name", "p", "--dbname", "defaultdb", "--username", "avnadmin")
        self.fails_with((400, 403, 501), "service", "connection-pool-create", *words, saying=("pool", "not offered"))
        self.assertEqual(self.ok("service", "connection-pool-list", name).out, "")
        words = (name, "--pool-name", "p")
        self.fails_with((400, 403, 404, 501), "service", "connection-pool-delete", *words, saying="pool")
