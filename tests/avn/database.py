"""Talking to a service's engine through its URI with psql, always with `sslmode=verify-ca` and the project's CA."""

import os
import shutil
import subprocess
import urllib.parse

import server

SECONDS_MAX = 120


def psql():
    folder = os.environ.get("FARSHORE_TEST_PG", "/usr/lib/postgresql/15/bin")
    beside = os.path.join(folder, "psql")
    return beside if os.access(beside, os.X_OK) else shutil.which("psql") or "psql"


def verified(uri, ca, **changes):
    """The URI with `verify-ca` and the CA; `changes` replace its user, password or database."""
    parts = urllib.parse.urlsplit(uri)
    user = changes.get("user", urllib.parse.unquote(parts.username))
    password = changes.get("password", urllib.parse.unquote(parts.password))
    quote = lambda text: urllib.parse.quote(text, safe="")  # noqa: E731
    query = dict(urllib.parse.parse_qsl(parts.query), sslmode="verify-ca", sslrootcert=ca, connect_timeout="20")
    place = f"{quote(user)}:{quote(password)}@{parts.hostname}:{parts.port}"
    path = f"/{changes['database']}" if "database" in changes else parts.path
    return urllib.parse.urlunsplit(("postgres", place, path, urllib.parse.urlencode(query), ""))


def password_of(uri):
    return urllib.parse.unquote(urllib.parse.urlsplit(uri).password)


def attempt(uri, sql):
    """Exit code, stdout and stderr of one statement."""
    ended = subprocess.run(
        [psql(), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, uri], env=server.clean_environment(),
        text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_MAX)
    return ended.returncode, ended.stdout.strip(), ended.stderr.strip()


def query(uri, sql):
    """What the statement printed; fails when it does."""
    code, out, errors = attempt(uri, sql)
    if code:
        raise AssertionError(f"psql: {sql}: {errors}")
    return out


def begin(uri, sql):
    """A statement that goes on while the caller does something else; end it with `kill()` and `wait()`."""
    return subprocess.Popen(
        [psql(), "-X", "-c", sql, uri], env=server.clean_environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
