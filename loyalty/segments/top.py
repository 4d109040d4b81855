"""From which spend on somebody is among the top 5 %: worked out once an hour, since looking at
one customer must not add up everybody's year, and the same for whoever is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.segments.asking.base import Around
from loyalty.segments.checking import segments_in
from loyalty.segments.made import vip_from
from loyalty.segments.ready_made import VIP
from loyalty.segments.rules import Rule

_KEPT = 64
# By engine, since a process may have several databases open (tests do).
_known: WeakKeyDictionary[Any, dict[datetime, int | None]] = WeakKeyDictionary()


def with_top(session: Session, around: Around, *rules: Rule) -> Around:
    """``around`` with the spend that makes a VIP, if one of the rules asks and it is not there."""
    if around.saved.vip_from is not None:
        return around
    if not any(VIP in segments_in(rule, around.saved) for rule in rules):
        return around
    hours = _known.setdefault(session.get_bind().engine, {})
    hour = around.now.replace(minute=0, second=0, microsecond=0)
    if hour not in hours:
        if len(hours) >= _KEPT:
            hours.clear()
        hours[hour] = session.execute(sa.select(vip_from(around))).scalar_one()
    return replace(around, saved=replace(around.saved, vip_from=hours[hour]))


def forget(session: Session) -> None:
    """Work it out anew at the next question: for tests that sell within the hour."""
    _known.pop(session.get_bind().engine, None)
