"""Whose caps are their own: tells the policy which of the program's segments people are in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from loyalty import segments
from loyalty.errors import SegmentInvalid
from loyalty.messaging.people import Person
from loyalty.messaging.policy import PolicyRules

log = logging.getLogger(__name__)


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
    found: dict[str, set[int]] = {}
    for key in sorted(rules.by_segment):
        try:
            found |= segments.members_of(session, [key], list(people), now, time_zone)
        except SegmentInvalid:
            # Archived, or made of one that is: its row matches nobody, the rest go on.
            log.warning("caps of segment %s match nobody: it cannot be asked", key)
    for person in people.values():
        person.segments = frozenset(key for key, members in found.items() if person.id in members)
