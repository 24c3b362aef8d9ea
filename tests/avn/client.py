"""One version of `avn` as a user runs it: own configuration folder, nothing of this machine's settings.

Promise: every invocation is looked at for a traceback, whatever its exit code; what was run is part of each failure.
"""

import json
import os
import re
import subprocess

import server

SECONDS_MAX = 600


def home():
    """The folder with one environment per version."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(server.ROOT, "target"))
    return os.environ.get("FARSHORE_TEST_AVN") or os.path.join(target, "avn")


def versions():
    """Versions that are installed, newest first."""
    folder = home()
    there = os.listdir(folder) if os.path.isdir(folder) else []
    whole = [name for name in there if os.access(os.path.join(folder, name, "bin", "avn"), os.X_OK)]
    return sorted(whole, key=lambda name: [int(part) for part in name.split(".")], reverse=True)


class Ended:
    """An invocation that is over."""

    def __init__(self, words, code, out, errors):
        self.words, self.code, self.out, self.errors = words, code, out, errors

    def __str__(self):
        return f"avn {' '.join(self.words)}\n  exit code {self.code}\n  stdout: {self.out}\n  stderr: {self.errors}"

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def refusal(self):
        """Status and message of the server's refusal: the newest client prints them, the others the whole body."""
        text = self.errors.partition("command failed: Error: ")[2].strip()
        if text.startswith("{"):
            body = json.loads(text)
            (error,) = body["errors"]
            return error["status"], body["message"]
        printed = re.search(r"(?s)^(.+) \(status (\d+)\)$", text)
        if not printed:
            raise AssertionError(f"the client printed no refusal of the server\n{self}")
        return int(printed[2]), printed[1]


class Avn:
    """`avn` of one version against one server."""

    def __init__(self, version, platform, folder):
        self.version = version
        self.platform = platform
        self.folder = folder
        self.program = os.path.join(home(), version, "bin", "avn")

    @property
    def number(self):
        return tuple(int(part) for part in self.version.split("."))

    def environment(self, **more):
        """`None` removes a variable."""
        wanted = {
            "AIVEN_WEB_URL": self.platform.url,
            "AIVEN_AUTH_TOKEN": self.platform.token,
            "AIVEN_PROJECT": server.PROJECT,
            "AIVEN_CONFIG_DIR": self.folder,
            "HOME": self.folder,
            "COLUMNS": "200",
            **more,
        }
        return server.clean_environment(**{name: value for name, value in wanted.items() if value is not None})

    def run(self, *words, **environment):
        ended = subprocess.run(
            [self.program, *words], env=self.environment(**environment), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_MAX)
        result = Ended(words, ended.returncode, ended.stdout, ended.stderr)
        if "Traceback" in result.out or "Traceback" in result.errors:
            raise AssertionError(f"avn {self.version} printed a traceback\n{result}")
        return result
