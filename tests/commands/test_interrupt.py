"""Ctrl-C in the middle of an import, from outside: what came in stays, again brings the rest."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from loyalty import wallet
from loyalty.db import Database
from loyalty.receipts import purchase
from tests.e2e.product import ROOT, command, environment, until

ROWS = 30_000
HEAD = "customer,sold_at,number,amount\n"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A file that takes some seconds."""
    rows = (f"{n % 900},2026-01-{n % 28 + 1:02d} 10:00,{n},{n % 500}.50\n" for n in range(ROWS))
    path = tmp_path / "sales.csv"
    path.write_text(HEAD + "".join(rows))
    return path


async def interrupted(folder: Path, db: Database, *words: str) -> tuple[int, str, str]:
    """Start a command and send it SIGINT as soon as it has written something (or is writing)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "regulars.py"),
        *words,
        cwd=folder,
        env=environment(folder, DATABASE_URL=db.url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def begun() -> bool:
        assert process.returncode is None, "it ended before it could be interrupted"
        return await count(db) > 0

    await until(begun, "the first rows")
    os.kill(process.pid, signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def count(db: Database) -> int:
    query = sa.select(sa.func.count()).select_from(purchase)
    return int(await db.read(lambda session: session.execute(query).scalar_one()))


@pytest.mark.slow
async def test_what_came_in_stays_and_again_brings_the_rest(
    database_url: str, tmp_path: Path, sales: Path
) -> None:
    db = Database(database_url)
    try:
        words = ("import", "purchases", str(sales), "--earn")
        code, out, err = await interrupted(tmp_path, db, *words)
        assert (code, out) == (130, ""), err
        assert "Traceback" not in err
        there = await count(db)
        assert 0 < there < ROWS
        said = err.strip().splitlines()[-1]
        assert "regulars: Interrupted; run it again for the rest." in said, err
        assert f" {there:,} purchases added." in said, err
        assert await db.read(wallet.reconcile) == []
        variables = {"DATABASE_URL": database_url}
        code, out, err = await command(tmp_path, *words, "--json", **variables)
        found = json.loads(out)
        assert (code, found["purchases_known"], found["purchases"]) == (0, there, ROWS - there)
        assert await count(db) == ROWS
        assert await db.read(wallet.reconcile) == []
    finally:
        await db.close()


def test_before_the_first_row(
    monkeypatch: pytest.MonkeyPatch, sqlite_database: str, sales: Path
) -> None:
    from commands import data
    from regulars import app

    def interrupt(_settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "prepare_database", interrupt)
    monkeypatch.setenv("DATABASE_URL", sqlite_database)
    monkeypatch.setenv("LANGUAGE", "en")
    result = CliRunner().invoke(app, ["import", "purchases", str(sales)])
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "regulars: Interrupted; nothing was written.\n"
