"""The process that replays: reads a question from its input, tells how far it is, and answers.

Started by ``running`` as ``python -m loyalty.dryrun.child``. It only reads: a read-only
connection on SQLite, a read-only transaction on PostgreSQL. The address of the database comes
by the input too, so that nobody sees it among the arguments of processes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.db.engine import Database
from loyalty.db.sqlite import sqlite_engine, sqlite_path
from loyalty.dryrun.model import Question
from loyalty.dryrun.walking import replay

_TELL_S = 0.2


def main() -> None:
    """Read one question, answer it, end."""
    # All that is made here is dropped at once: looking for circles in it is mostly for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    asked = json.loads(sys.stdin.readline())
    question = Question.of_json(asked["question"])
    answer = _Answering(question)
    url = asked["url"]
    if url.startswith("sqlite"):
        engine = sqlite_engine(sqlite_path(url), read_only=True)
        with Session(engine) as session:
            result = answer.unit(session)
        engine.dispose()
    else:
        result = asyncio.run(_on_postgres(url, answer))
    _say({"result": result})


async def _on_postgres(url: str, answer: _Answering) -> dict[str, Any]:
    db = Database(url, pool_size=1)
    try:
        return await db.read(answer.unit)
    finally:
        await db.close()


class _Answering:
    """The replay as a unit that tells how far it is."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._told = 0.0

    def unit(self, session: Session) -> dict[str, Any]:
        """Replay in one view of the data."""
        if session.get_bind().dialect.name == "postgresql":
            # One moment for every chunk, and no way to write.
            session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            # Chunks are read along the indexes: what sorts the rest anew for each is slower,
            # whatever a table without statistics suggests.
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            session.execute(sa.text("SET LOCAL enable_bitmapscan = off"))
            session.execute(sa.text("SET LOCAL jit = off"))
        return replay(session, self._question, progress=self._progress)

    def _progress(self, done: int, total: int) -> None:
        now = clock.monotonic()
        if now - self._told >= _TELL_S or done == total:
            self._told = now
            _say({"done": done, "total": total})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
