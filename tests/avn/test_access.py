"""Users and tokens."""

import datetime
import json
import os

import case
import server
from case import Case
from server import Refused

PASSWORD = "correct horse battery staple"


def give_admin_a_password(platform):
    """The admin's address. `farshore up` makes the admin with a token and without a password; the first one needs
    no old one."""
    user = platform.call("GET", "/me")["user"]["user"]
    if not getattr(platform, "has_password", False):
        platform.call("PUT", "/me/password", {"password": "", "new_password": PASSWORD})
        platform.has_password = True
        platform.secrets.add(PASSWORD)
    return user


class Login(Case):
    def test_login_by_password_stores_a_token_that_works_and_logout_revokes_it(self):
        user = give_admin_a_password(self.platform)
        alone = {"AIVEN_AUTH_TOKEN": None, "AIVEN_PROJECT": None}
        ended = self.ok("user", "login", user, AIVEN_PASSWORD=PASSWORD, **alone)
        self.assertIn("Default project set as 'main'", ended.errors)
        with open(os.path.join(self.folder, "aiven-credentials.json"), encoding="utf-8") as file:
            stored = json.load(file)
        self.assertEqual(stored["user_email"], user)
        self.platform.secrets.add(stored["auth_token"])
        self.assertIn(user, self.ok("user", "info", **alone).out)
        self.ok("user", "logout", **alone)
        with self.assertRaises(Refused) as caught:
            self.platform.call("GET", "/me", token=stored["auth_token"])
        self.assertIn(caught.exception.status, (401, 403))

    def test_login_with_a_wrong_password_is_refused_and_says_no_more_than_that(self):
        user = give_admin_a_password(self.platform)
        unknown = "nobody@example.org"
        said = []
        for who in (user, unknown):
            ended = self.fails_with((401, 403), "user", "login", who, AIVEN_PASSWORD="wrong", AIVEN_AUTH_TOKEN=None,
                                    saying="password")
            said.append(ended.refusal[1].replace(who, "WHO"))
        self.assertEqual(said[0], said[1], "the answers tell who exists")

    def test_login_by_token(self):
        ended = self.ok("user", "login", "--token", "somebody@example.org", AIVEN_PROJECT=None)
        self.assertIn("Aiven credentials written to:", ended.errors)
        self.assertIn("main", self.ok("project", "list", AIVEN_AUTH_TOKEN=None, AIVEN_PROJECT=None).out)

    def test_a_wrong_token_is_refused(self):
        self.fails_with((401, 403), "user", "info", AIVEN_AUTH_TOKEN="nonsense", saying="token")

    def test_user_info_shows_the_user(self):
        columns = ("user", "real_name", "state", "token_validity_begin", "projects", "auth")
        shown = self.table(self.ok("user", "info"), *columns)
        self.assertIn("main", shown[0])
        self.assertEqual(self.ok("user", "info", "--json").json[0]["state"], "active")


class AccessTokens(Case):
    def create(self, description, *more):
        made = self.ok("user", "access-token", "create", "--description", description, "--json", *more).json
        made = made[0] if isinstance(made, list) else made
        self.platform.secrets.add(made["full_token"])
        return made

    def listed(self, description):
        found = self.ok("user", "access-token", "list", "--json").json
        return [one for one in found if one["description"] == description]

    def test_a_token_works_until_it_is_revoked(self):
        description = self.name("token")
        made = self.create(description)
        self.ok("user", "info", AIVEN_AUTH_TOKEN=made["full_token"])
        (seen,) = self.listed(description)
        self.assertTrue(made["full_token"].startswith(seen["token_prefix"]))
        self.assertLess(len(seen["token_prefix"]), len(made["full_token"]) // 2)
        self.assertIn("aiven-client", seen["last_user_agent"])
        self.assertEqual(seen["last_ip"], "127.0.0.1")
        self.assertIsNotNone(seen["last_used_time"])
        ended = self.ok("user", "access-token", "revoke", seen["token_prefix"])
        self.assertEqual(ended.out.strip(), "Revoked")
        self.fails_with((401, 403), "user", "info", AIVEN_AUTH_TOKEN=made["full_token"], saying="token")
        self.assertEqual(self.listed(description), [])

    def test_tables_of_create_list_and_update_have_all_columns(self):
        description = self.name("token")
        self.table(self.ok("user", "access-token", "create", "--description", description),
                   "expiry_time", "description", "max_age_seconds", "extend_when_used", "full_token")
        columns = ("expiry_time", "token_prefix", "description", "max_age_seconds", "extend_when_used",
                   "last_used_time", "last_ip", "last_user_agent")
        self.table(self.ok("user", "access-token", "list"), *columns)
        prefix = self.listed(description)[0]["token_prefix"]
        changed = self.ok("user", "access-token", "update", prefix, "--description", f"{description}-new")
        self.assertIn(f"{description}-new", self.table(changed, *columns)[0])
        self.assertEqual(self.listed(f"{description}-new")[0]["token_prefix"], prefix)
        self.ok("user", "access-token", "revoke", prefix)

    def test_a_token_with_an_age_expires_then(self):
        made = self.create(self.name("token"), "--max-age-seconds", "3600", "--extend-when-used")
        self.assertEqual((made["max_age_seconds"], made["extend_when_used"]), (3600, True))
        left = case.moment(made["expiry_time"]) - datetime.datetime.now(datetime.timezone.utc)
        self.assertTrue(3500 < left.total_seconds() <= 3601, left)
        self.ok("user", "access-token", "revoke", made["full_token"])


class AllTokens(Case):
    """On a server of its own, because it takes the token of everybody else."""

    def find_platform(self):
        platform = server.Platform()
        self.addCleanup(platform.remove)
        self.addCleanup(platform.down)
        self.addCleanup(platform.stop)
        return platform.start()

    def test_tokens_expire_ends_every_token_and_the_machine_itself_makes_a_new_one(self):
        other = self.platform.call("POST", "/access_token", {"description": "another"})["full_token"]
        first = self.platform.token
        ended = self.ok("user", "tokens-expire")
        self.assertNotEqual(ended.out.strip(), "")
        for token in (first, other):
            self.fails_with((401, 403), "user", "info", AIVEN_AUTH_TOKEN=token, saying="token")
        fresh = self.platform.command("token", "create", "--data", self.platform.data).split()[-1]
        self.assertIn("main", self.ok("user", "info", AIVEN_AUTH_TOKEN=fresh).out)
