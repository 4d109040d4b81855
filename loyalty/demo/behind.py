"""What a year leaves behind in the demo: things to return, messages, ratings, what looks odd."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from loyalty.demo import afterwards, messages, oddities, voices
from loyalty.demo.afterwards import People
from loyalty.demo.catalogue import Chain
from loyalty.demo.till import Till


def leave_behind(
    session: Session,
    till: Till,
    names: Chain,
    people: People,
    *,
    language: str,
    currency: str,
    zone: str,
    now: datetime,
) -> None:
    """What a year leaves: things to return, messages, ratings and talks, what looks odd."""
    till.totals["returns"] += afterwards.leave_open(
        session,
        list(till.members.values()),
        people,
        language=language,
        program=till.program,
        time_zone=zone,
        now=now,
    )
    messages.write(
        session,
        names,
        list(till.members.values()),
        program=till.program,
        language=language,
        currency=currency,
        time_zone=zone,
        author=people.marketer,
        now=now,
    )
    voices.leave(session, marketer=people.marketer, language=language, now=now)
    oddities.flag(session, till.program.guards, owner=people.owner, time_zone=zone, now=now)
