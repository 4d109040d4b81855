"""What a year leaves behind in the demo: things to return, messages, ratings, what looks odd."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import sources
from loyalty.customers import customer
from loyalty.demo import afterwards, messages, oddities, voices
from loyalty.demo.afterwards import People
from loyalty.demo.catalogue import Chain
from loyalty.demo.till import Till

_SOURCES = {
    "poster": ("Плакат в витрине", "Poster in the window"),
    "table": ("Табличка на столике", "Table tent"),
    "cup": ("Стакан с QR-кодом", "Cup with a QR code"),
    "friend": ("Посоветовали друзья", "Friends' word"),
    "site": ("Сайт", "Website"),
}


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
    _name_sources(session, names, language=language, author=people.marketer, now=now)
    voices.leave(session, marketer=people.marketer, language=language, now=now)
    oddities.flag(session, till.program.guards, owner=people.owner, time_zone=zone, now=now)


def _name_sources(
    session: Session, names: Chain, *, language: str, author: str, now: datetime
) -> None:
    """Posters and the like have the names that the marketer has given them."""
    used = sa.select(customer.c.source).where(customer.c.source.in_(names.sources)).distinct()
    for key in sorted(session.execute(used).scalars()):
        name = _SOURCES[key][language != "ru"]
        sources.save(session, key=key, name=name, cost=0, actor=author, now=now)
