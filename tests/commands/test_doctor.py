"""`regulars doctor`: what is only not there yet is no fault."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from loyalty import delivery, events, jobs
from loyalty.consent import PERSONAL_DATA, consent_text
from loyalty.db import Database, Rows


def examine(monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[int, dict[str, Any]]:
    """Its exit code and its findings by name."""
    from regulars import app

    for name in ("BOT_TOKEN", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("SECRET_KEY", "a key that is long enough")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    found = json.loads(result.stdout)["findings"]
    return result.exit_code, {one["name"]: one for one in found}


def test_before_the_first_start_all_is_well(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    code, found = examine(monkeypatch, database_url)
    texts = found["Consent texts"]
    assert (code, texts["ok"]) == (0, True), found
    assert texts["detail"] == "They are written when the bot first starts: “regulars run”."


async def add_text(url: str) -> None:
    text = {"purpose": PERSONAL_DATA, "language": "ru", "version": 1, "body": "Согласие"}
    values = {"id": 1, **text, "sha256": "0" * 64, "published_at": datetime.now(UTC)}
    db = Database(url)
    try:
        await db.transact(lambda session: session.execute(sa.insert(consent_text).values(values)))
    finally:
        await db.close()


def test_a_text_in_one_language_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    asyncio.run(add_text(database_url))
    code, found = examine(monkeypatch, database_url)
    assert (code, found["Consent texts"]["ok"]) == (1, False)
    assert found["Consent texts"]["detail"] == "in 1 of 2 languages"


async def beat(url: str, *, seconds_ago: int, leader: bool) -> None:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    db = Database(url)
    try:
        await db.transact(
            lambda session: jobs.beat(
                session, id="a", role="scheduler", leader=leader, started_at=at, real_now=at
            )
        )
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("seconds_ago", "leader", "ok", "detail"),
    [
        (1, True, True, "1 process is alive"),
        (1, False, False, "1 process is alive"),
        (60, True, False, "everything that ran is gone"),
        (90_000, True, True, "nothing runs at the moment"),
    ],
)
def test_whether_somebody_sends(
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    seconds_ago: int,
    leader: bool,
    ok: bool,
    detail: str,
) -> None:
    asyncio.run(beat(database_url, seconds_ago=seconds_ago, leader=leader))
    _, found = examine(monkeypatch, database_url)
    assert (found["Sending"]["ok"], found["Sending"]["detail"]) == (ok, detail)


@pytest.mark.parametrize(
    ("kinds", "hours_ago", "ok", "detail"),
    [
        ((), 1, True, "none were lost in the last day"),
        ((delivery.REJECTED,), 1, False, "1 message was lost in the last day"),
        ((delivery.REJECTED, delivery.DEAD), 1, False, "2 messages were lost in the last day"),
        ((delivery.DEAD,), 30, True, "none were lost in the last day"),
    ],
)
def test_messages_that_were_lost(
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    kinds: tuple[str, ...],
    hours_ago: int,
    ok: bool,
    detail: str,
) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)

    async def lose() -> None:
        rows, db = Rows(), Database(database_url)
        for kind in kinds:
            events.record(rows, type=kind, customer_id=None, actor=events.SYSTEM, data={}, now=at)
        try:
            await db.transact(rows.put)
        finally:
            await db.close()

    asyncio.run(lose())
    code, found = examine(monkeypatch, database_url)
    assert (found["Messages"]["ok"], found["Messages"]["detail"]) == (ok, detail)
    assert code == (0 if ok else 1)
