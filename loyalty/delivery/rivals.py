"""Which of a person's triggers a message has to make way for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains.preview import triggers_today
from loyalty.messaging.outbox import MASS
from loyalty.messaging.people import Person
from loyalty.messaging.policy import rank
from loyalty.messaging.tables import touch

_INSTANT = timedelta(microseconds=1)


def still_today(
    session: Session,
    customer_ids: Collection[int],
    people: Mapping[int, Person],
    *,
    now: datetime,
    time_zone: str,
) -> dict[int, list[int]]:
    """Places of the triggers that chains will still come to today, by each customer's own
    calendar: a mass message makes way for those, too."""
    asked = (people[id_] for id_ in customer_ids if id_ in people)
    ends = {one.id: _end_of_day(one, now) for one in asked if one.ads and one.reachable}
    return triggers_today(session, ends, now=now, time_zone=time_zone)


def rivals_of(
    person: Person,
    message_class: str,
    outbox_id: int,
    touch_id: int | None,
    *,
    now: datetime,
    still_to_come: Mapping[int, Sequence[int]],
) -> list[int]:
    """Places of what stands against a message of this person's: triggers that are due with it;
    against a mass message those of the whole day."""
    if message_class != MASS:
        return person.rivals(outbox_id, touch_id, until=now)
    queued = person.rivals(outbox_id, touch_id, until=_end_of_day(person, now) - _INSTANT)
    return [*queued, *still_to_come.get(person.id, ())]


def places_of(session: Session, touch_ids: Iterable[int | None]) -> dict[int, int]:
    """Places in the order of triggers, by touch."""
    touched = [id_ for id_ in touch_ids if id_ is not None]
    if not touched:
        return {}
    query = sa.select(touch.c.id, touch.c.rank, touch.c.source, touch.c.step)
    return {
        found.id: found.rank if found.rank is not None else rank(found.source, found.step)
        for found in session.execute(query.where(touch.c.id.in_(touched)))
    }


def _end_of_day(person: Person, now: datetime) -> datetime:
    today = clock.local_date(now, person.time_zone)
    return clock.start_of_day(today + timedelta(days=1), person.time_zone)
