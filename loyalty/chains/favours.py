"""Whose caps are their own: tells the policy which of the program's segments people are in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from loyalty import segments
from loyalty.messaging.people import Person
from loyalty.messaging.policy import PolicyRules


def note_segments(
    session: Session,
    people: Mapping[int, Person],
    rules: PolicyRules,
    *,
    now: datetime,
    time_zone: str,
) -> None:
    """Put into ``Person.segments`` those segments with caps of their own that people are in.

    Asks nothing when the program has no such caps. ``time_zone`` is the business's.
    """
    if not rules.by_segment or not people:
        return
    keys = sorted(rules.by_segment)
    found = segments.members_of(
        session, keys=keys, customer_ids=list(people), now=now, time_zone=time_zone
    )
    for person in people.values():
        person.segments = frozenset(key for key in keys if person.id in found.get(key, ()))
