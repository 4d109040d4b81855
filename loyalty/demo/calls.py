"""The demo's call list: guests who have not come for three months, and how some calls ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from loyalty import tasks
from loyalty.chains.model import TaskStep
from loyalty.chains.shipped import SHIPPED
from loyalty.demo.member import Member

_CHAIN = "win_back"
_SILENT = timedelta(days=92)
_LATELY = timedelta(days=40)
_OPEN = 6
_ENDED: tuple[tasks.Outcome, ...] = ("will_come", "no_answer", "reached", "not_interested")


def leave(session: Session, members: Sequence[Member], *, author: str, now: datetime) -> None:
    """Leave some calls to make and some that were made, by ``author``."""
    step = next(one for one in SHIPPED[_CHAIN].steps if isinstance(one, TaskStep))
    gone = [
        one
        for one in members
        if one.last_at is not None and _SILENT < now - one.last_at < _SILENT + _LATELY
    ]
    gone.sort(key=lambda one: (-one.orders, one.customer_id))
    for place, member in enumerate(gone[: _OPEN + len(_ENDED)]):
        at = now - timedelta(hours=5 + 7 * place)
        task_id = tasks.open(
            session,
            key=f"demo:call:{place}",
            customer_id=member.customer_id,
            source=f"chain:{_CHAIN}",
            title=step.title.model_dump(),
            due_at=at + timedelta(days=step.due_days),
            now=at,
        )
        if place >= _OPEN and task_id is not None:
            ended = at + timedelta(hours=3)
            outcome = _ENDED[place - _OPEN]
            tasks.close(session, task_id=task_id, outcome=outcome, actor=author, now=ended)
