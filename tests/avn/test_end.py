"""The last cases of one version: the story that the events tell, and the end of the shared service."""

from case import Case


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
