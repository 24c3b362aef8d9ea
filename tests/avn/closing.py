"""The end of a run: what the server must look like when nobody asks it for anything any more, and tidying up."""

import os
import signal
import unittest

import server


class TheServerItself(unittest.TestCase):
    """Runs after all cases, in the order of the names."""

    def setUp(self):
        self.platform = server.running()
        if self.platform is None:
            self.skipTest("no case needed the server")

    def test_0_its_first_start_printed_what_a_user_of_avn_exports(self):
        said = self.platform.said()
        for line in (f"AIVEN_WEB_URL={self.platform.url}", "AIVEN_AUTH_TOKEN=", "AIVEN_PROJECT=main"):
            self.assertIn(f"export {line}", said)

    def test_1_it_logged_no_warning_or_error_that_a_case_did_not_provoke(self):
        self.assertEqual(self.platform.alarms(), [])

    def test_2_its_log_shows_no_token_and_no_password(self):
        log = self.platform.log()
        shown = [secret[:4] + "..." for secret in self.platform.secrets if secret and secret in log]
        self.assertEqual(shown, [])

    def test_3_sigterm_ends_it_and_leaves_the_engines_running(self):
        # What was terminated a moment ago may still be on its way out.
        listed = self.platform.call("GET", "/project/main/service")["services"]
        on = [one["service_name"] for one in listed if one["state"] != "POWEROFF"]
        server.eventually(lambda: len(self.platform.engines()) <= len(on), 60, "terminated engines are gone")
        engines = self.platform.engines()
        self.assertEqual(self.platform.stop(), 0)
        self.assertEqual(engines - self.platform.engines(), set(), "an engine ended with the server")

    def test_4_down_stops_every_engine(self):
        self.platform.stop()
        self.platform.down()
        self.assertEqual(self.platform.processes(), {})


def leave_nothing(keep):
    """Stops what is still there, by id, and removes the folder."""
    platform = server.running()
    if platform is None:
        return
    for step in (platform.stop, platform.down):
        try:
            step()
        except Exception as error:  # the rest is still tidied up
            print(f"while stopping: {error}")
    for process in platform.processes():
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if keep:
        print(f"kept: {platform.base}")
    else:
        platform.remove()
