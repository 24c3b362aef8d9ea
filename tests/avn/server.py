"""The platform under test: one `farshore up` on a free port with a data folder of its own, for a whole run.

What lives here: starting, asking whether it answers, the plain HTTP calls that avn has no command for, stopping, and
reading its log. It promises to end only processes that it started (the server by its id, the engines by
`farshore down`) and to remove the folder, unless it was told to keep it. Killed in the middle it leaves the folder;
`farshore down --data FOLDER` then stops what is left.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROJECT = "main"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
CALL_SECONDS_MAX = 120
COMMAND_SECONDS_MAX = 300
POLL_SECONDS = 0.3
# Beside the regions that are always there, one of another provider.
CONFIG = """[[regions]]
name = "far-west"
provider = "far"
description = "West, of another provider"
store = "file://{stores}/far-west"
"""
# A line of the server's log that says that a human must look.
ALARM = re.compile(r"^\S+\s+(WARN|ERROR)\s")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Variables that would point a program under test somewhere else.
FOREIGN = re.compile(r"^(AIVEN_|PG|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$|FARSHORE_(?!TEST_)|.*_proxy$|.*_PROXY$)")


class Refused(Exception):
    """An answer other than 2xx: its status and its decoded body."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body

    @property
    def message(self):
        return self.body["message"]


def clean_environment(**more):
    """The environment of this process without anything that points elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    return {**kept, "RUST_BACKTRACE": "1", **more}


def binary():
    """The program under test."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.abspath(os.environ.get("FARSHORE_TEST_BIN") or os.path.join(target, "debug", "farshore"))


def eventually(ask, seconds, what):
    """The first true answer of `ask`; fails when there is none in time. `what` may be a function of the last answer."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"after {seconds} s still not: {what() if callable(what) else what}")
        time.sleep(POLL_SECONDS)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Platform:
    """A server with its folder. `start` may be called again after `stop`, on the same folder and port."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="farshore-avn-", dir=os.environ.get("FARSHORE_TEST_TMP"))
        os.chmod(self.base, 0o755)  # engines run as another user when this is root
        self.data = os.path.join(self.base, "data")
        self.log_path = os.path.join(self.base, "server.log")  # stderr; what it says to its user is beside it
        self.said_path = os.path.join(self.base, "server.out")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.expected = []  # patterns of alarms that a case provokes
        self.secrets = set()  # strings that the log may never show
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def start(self):
        config = os.path.join(self.base, "farshore.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(stores=os.path.join(self.data, "regions")))
        words = ["up", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--config", config]
        with open(self.log_path, "ab") as log, open(self.said_path, "ab") as said:
            self.process = subprocess.Popen(
                [binary(), *words], stdin=subprocess.DEVNULL, stdout=said, stderr=log, cwd=self.base,
                env=clean_environment(), start_new_session=True)
        eventually(self.answers, START_SECONDS_MAX, lambda: f"/openapi.json answers\n{self.log()[-3000:]}")
        self.secrets.add(self.token)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"`farshore up` ended with {self.process.returncode}:\n{self.log()[-3000:]}")
        try:
            with self.opener.open(f"{self.url}/openapi.json", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    @property
    def token(self):
        with open(os.path.join(self.data, "admin-token"), encoding="utf-8") as file:
            return file.read().strip()

    def call(self, method, path, body=None, token=None):
        """The decoded answer of `/v1<path>`; `Refused` for anything but 2xx."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1{path}", data=data, method=method)
        request.add_header("Authorization", f"aivenv1 {token or self.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with self.opener.open(request, timeout=CALL_SECONDS_MAX) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read())) from None
        return json.loads(text) if text else {}

    def command(self, *words):
        """Runs `farshore <words>` as a user of this server would; what it printed."""
        surroundings = clean_environment(
            AIVEN_WEB_URL=self.url, AIVEN_AUTH_TOKEN=self.token, AIVEN_PROJECT=PROJECT)
        ended = subprocess.run(
            [binary(), *words], env=surroundings, cwd=self.base, text=True, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=COMMAND_SECONDS_MAX)
        if ended.returncode:
            raise AssertionError(f"farshore {words}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def stop(self):
        """SIGTERM; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end within {STOP_SECONDS_MAX} s of SIGTERM") from None

    def down(self):
        """Stops every engine."""
        if os.path.isdir(self.data):
            self.command("down", "--data", self.data)

    def log(self):
        return self.read(self.log_path)

    def said(self):
        """What it printed for the person who started it, the token among it."""
        return self.read(self.said_path)

    def read(self, path):
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return COLOUR.sub("", file.read())

    def alarms(self):
        """Warnings and errors in the log that no case announced."""
        lines = (line for line in (self.log() + self.said()).splitlines() if ALARM.match(line))
        return [line for line in lines if not any(re.search(pattern, line) for pattern in self.expected)]

    def processes(self):
        """Processes that work in the data folder: id -> command line."""
        found = {}
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, ValueError):
                continue
            if name.isdigit() and int(name) != os.getpid() and f"{self.data}/" in f"{line.strip()}/":
                found[int(name)] = line
        return found

    def engines(self):
        """Ids of the engines' first processes."""
        return {one for one, line in self.processes().items() if re.match(r"\S*postgres .*-D ?", line)}

    def remove(self):
        if os.path.isdir(self.data):
            self.command("down", "--data", self.data, "--forget-users")
        shutil.rmtree(self.base, ignore_errors=True)


_running = []


def the():
    """The server of this run, started at the first call. A start that failed is not tried again."""
    if not _running:
        platform = Platform()
        _running.append(platform)
        platform.start()
    elif _running[0].process is None or _running[0].process.poll() is not None:
        raise AssertionError("the server of this run is gone")
    return _running[0]


def running():
    """The server of this run, if one was started."""
    return _running[0] if _running else None
