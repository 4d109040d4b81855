"""What every test may ask for: databases, a Redis server, the local Telegram, a browser.

A part that this machine lacks skips the test with the reason; with CI=true it fails it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from scripts import catalogue
from tests.servers.pool import Databases
from tests.servers.processes import ServerUnavailable
from tests.servers.shared import VARIABLE, SharedServers, ask, copy_of_template, run_sql

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from emulator import RunningEmulator

ROOT = Path(__file__).resolve().parent.parent
_SERVERS = pytest.StashKey[SharedServers]()
_DATABASES: dict[str, Databases] = {}
_CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def pytest_configure(config: pytest.Config) -> None:
    """Offer the servers, in the process that owns the run; none starts before it is wanted."""
    if VARIABLE not in os.environ:
        catalogue.compile_all(stale_only=True)
        config.stash[_SERVERS] = SharedServers()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what was started."""
    servers = config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.close()


_DOORS = frozenset(
    {"postgres_url", "sqlite_database", "database_url", "fresh_database", "redis_url", "emulator"}
    | {"chromium_path"}
)
"""What starts a server, opens a database or a browser."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A unit test is one that neither goes through such a door nor is called slow."""
    for item in items:
        asks = _DOORS.intersection(getattr(item, "fixturenames", ()))
        if not asks and item.get_closest_marker("slow") is None:
            item.add_marker("unit")


def missing(reason: str) -> NoReturn:
    """Skip, since this machine lacks something; in CI nothing may be lacking."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _server(name: str) -> str:
    try:
        return ask(name)
    except ServerUnavailable as error:
        missing(str(error))


# --- databases -------------------------------------------------------------------------------


def databases() -> Databases:
    """This process's PostgreSQL databases, migrated to head."""
    server = _server("postgres_template")
    if server not in _DATABASES:
        _DATABASES[server] = Databases(server)
    return _DATABASES[server]


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The address of an empty PostgreSQL database of the test's own."""
    server = _server("postgres")
    name = f"t_{uuid.uuid4().hex}"
    run_sql(server, f"CREATE DATABASE {name} TEMPLATE template0")
    yield f"{server.rpartition('/')[0]}/{name}"
    run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """The address of a SQLite database of the test's own, migrated to head."""
    return copy_of_template(_server("sqlite_template"), tmp_path)


@pytest.fixture
def postgres_database() -> Iterator[str]:
    """The address of a PostgreSQL database of the test's own, migrated to head."""
    pool = databases()
    name = pool.take()
    yield pool.url(name)
    pool.give_back(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a database migrated to head; the test runs once on each engine."""
    return str(request.getfixturevalue(f"{request.param}_database"))


class FreshDatabase:
    """Databases migrated to head, as many as a test asks for, all on one engine."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self._folder = folder
        self._made: list[str] = []

    def __call__(self) -> str:
        """The address of one more."""
        if self.engine == "sqlite":
            folder = self._folder / str(len(self._made))
            folder.mkdir()
            self._made.append("")
            return copy_of_template(_server("sqlite_template"), folder)
        name = databases().take()
        self._made.append(name)
        return databases().url(name)

    def drop(self) -> None:
        """Put them away."""
        for name in filter(None, self._made):
            databases().give_back(name)


@pytest.fixture(params=["sqlite", "postgres"])
def fresh_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FreshDatabase]:
    """Databases of one engine, for tests that compare several runs."""
    fresh = FreshDatabase(request.param, tmp_path)
    yield fresh
    fresh.drop()


@pytest.fixture
def redis_url() -> str:
    """The address of an empty database of a real Redis-protocol server, one per worker."""
    import redis

    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = f"{_server('redis')}/{worker}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


# --- the outside -----------------------------------------------------------------------------


@pytest.fixture
async def emulator() -> AsyncIterator[RunningEmulator]:
    """A local Telegram on a free port that checks its own answers too."""
    from emulator import start_emulator

    server = await start_emulator("127.0.0.1", 0, strict=True)
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser of this machine."""
    for name in _CHROMIUMS:
        if found := shutil.which(name):
            return found
    missing("no Chromium here: `make test` as root installs it, or apt-get install chromium")


@pytest.fixture
async def launch_chromium(
    chromium_path: str, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Browser]]]:
    """`await launch_chromium(*more_flags)` starts a headless browser with an empty profile."""
    from playwright.async_api import async_playwright

    environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(tmp_path)}
    try:
        playwright = await async_playwright().start()
    except Exception as error:  # noqa: BLE001 - its driver died, which has no type of its own
        missing(f"the browser driver does not start (Debian: apt-get install libatomic1): {error}")

    async def launch(*flags: str) -> Browser:
        return await playwright.chromium.launch(
            executable_path=chromium_path, args=[*_CHROMIUM_FLAGS, *flags], env=environment
        )

    yield launch
    await playwright.stop()


@pytest.fixture
async def chromium(
    launch_chromium: Callable[..., Awaitable[Browser]],
) -> AsyncIterator[Browser]:
    """A headless browser with an empty profile."""
    browser = await launch_chromium()
    yield browser
    await browser.close()


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Reference data that lies beside the project, where there is any."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference data beside the project is not here")
    return folder
