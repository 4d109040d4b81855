"""Wrong use and wrong surroundings, from outside: one sentence with the mend, exit code 2."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.product import TOKEN, command

pytestmark = pytest.mark.slow  # starts processes or builds schemas

SECRET = "hunter2-of-the-database"
LONG_KEY = "a key that is long enough"


async def refused(folder: Path, *words: str, **variables: str) -> str:
    """The one sentence on standard error; nothing on standard output, nothing secret."""
    code, out, err = await command(folder, *words, **variables)
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1, err
    assert TOKEN not in err
    assert SECRET not in err
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--nope"], "There is no option --nope; see “regulars run --help”."),
        (["outlet", "add"], "NAME is missing"),
        (["staff", "add", "Vera"], "--role is missing"),
        (["staff", "add", " ", "--role", "owner"], "1 to 120 characters"),
        (["nonsense"], "nonsense"),
        (["emulator", "--port", "abc"], "--port"),
    ],
)
async def test_wrong_words(tmp_path: Path, words: list[str], said: str) -> None:
    assert said in await refused(tmp_path, *words)


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        ("run", {"DATABASE_URL": f"mysql://u:{SECRET}@db/x"}, "DATABASE_URL makes no sense"),
        ("doctor", {"DATABASE_URL": "hello"}, "DATABASE_URL makes no sense"),
        ("migrate", {"DATABASE_URL": f"postgresql://u:{SECRET}@db:x/y"}, "DATABASE_URL"),
        ("migrate", {"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/x"}, "no server"),
        ("run", {"REDIS_URL": "nonsense"}, "REDIS_URL"),
        ("run", {"REDIS_URL": "redis://127.0.0.1:9"}, "Redis does not answer"),
        ("run", {"TELEGRAM_API_URL": "nonsense", "BOT_TOKEN": TOKEN}, "TELEGRAM_API_URL"),
        (
            "run",
            {"TELEGRAM_MODE": "webhook", "BOT_TOKEN": TOKEN, "WEBHOOK_SECRET": "тайна"},
            "WEBHOOK_SECRET",
        ),
        ("run", {"HOST": "no.such.host.invalid"}, "set HOST"),
    ],
)
async def test_wrong_surroundings(
    tmp_path: Path, words: str, variables: dict[str, str], said: str
) -> None:
    assert said in await refused(tmp_path, *words.split(), **variables)


@pytest.mark.parametrize("role", ["run", "bot", "scheduler"])
async def test_a_telegram_that_does_not_answer_leaves_the_database_as_it_was(
    tmp_path: Path, role: str
) -> None:
    nowhere = {"BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": "http://127.0.0.1:9"}
    err = await refused(tmp_path, role, SECRET_KEY=LONG_KEY, **nowhere)
    assert "TELEGRAM_API_URL" in err
    with contextlib.closing(sqlite3.connect(tmp_path / "regulars.db")) as db:
        assert db.execute("SELECT count(*) FROM installation").fetchone() == (0,)


@pytest.mark.parametrize("words", ["run", "migrate", "report sales"])
async def test_a_file_that_is_no_database(tmp_path: Path, words: str) -> None:
    (tmp_path / "regulars.db").write_bytes(os.urandom(8192))
    err = await refused(tmp_path, *words.split(), SECRET_KEY=LONG_KEY)
    assert "not a database" in err


@pytest.mark.parametrize("variable", ["PORT", "EMULATOR_PORT"])
async def test_a_port_that_is_taken(tmp_path: Path, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        err = await refused(tmp_path, "run", **{variable: str(port)})
    assert f"127.0.0.1:{port} is taken" in err
    assert f"set {variable}" in err
