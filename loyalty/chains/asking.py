"""How a purchase was is asked once for a day of purchases: about the latest of them, and of none
while one that was asked about waits for its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains import subjects
from loyalty.chains.model import Definition
from loyalty.chains.tables import enrolment
from loyalty.chains.world import Pass
from loyalty.messaging.outbox import TRIGGER
from loyalty.messaging.people import Person
from loyalty.messaging.tables import touch
from loyalty.receipts import purchase

LATER, ASKED = "later_purchase", "asked_already"
"""A later purchase of the day is asked about; one of that day has been, and is not rated yet."""

# A local day is never longer, and a purchase told late is no further from its pass.
_A_DAY = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class _Sale:
    """A purchase that somebody's pass is about."""

    id: int
    sold_at: datetime

    @property
    def place(self) -> tuple[datetime, int]:
        """Of two the later is the greater."""
        return self.sold_at, self.id


Way = tuple[int, int]
"""A customer and a chain."""


def asks(definition: Definition) -> bool:
    """Whether a chain asks how a purchase was: it ends when that is told."""
    return definition.is_about_purchase and "purchase_rated" in definition.exits


def needless(
    session: Session, passes: Sequence[Pass], people: Mapping[int, Person]
) -> dict[int, str]:
    """Passes whose question need not be put, by id, and why: ``LATER`` or ``ASKED``. Days are
    those of the customer's own zone; a purchase that was given back counts for nothing."""
    asking = [one for one in passes if asks(one.definition) and one.purchase_id is not None]
    if not asking:
        return {}
    sales = _sales(session, asking)
    became = subjects.become_of(session, {sale.id for of in sales.values() for sale in of})
    put = _put(session, asking, sales)
    found: dict[int, str] = {}
    for item in asking:
        zone = people[item.customer_id].time_zone
        own, others = _of_that_day(item, sales[item.customer_id, item.chain_id], zone)
        there = [one for one in others if "purchase_returned" not in became.get(one.id, ())]
        if own is None:
            continue
        if any(one.place > own.place for one in there):
            found[item.id] = LATER
        elif any(
            (item.customer_id, item.source, str(one.id)) in put
            and "purchase_rated" not in became.get(one.id, ())
            for one in there
        ):
            found[item.id] = ASKED
    return found


def _sales(session: Session, asking: Sequence[Pass]) -> dict[Way, list[_Sale]]:
    """Purchases that the same chains follow for the same people, about those days."""
    own = sorted({one.purchase_id or 0 for one in asking})
    first = sa.select(sa.func.min(purchase.c.sold_at)).where(purchase.c.id.in_(own))
    since: datetime | None = session.execute(first).scalar_one()
    found: dict[Way, list[_Sale]] = {(one.customer_id, one.chain_id): [] for one in asking}
    if since is None:
        return found
    query = sa.select(enrolment.c.customer_id, enrolment.c.chain_id, enrolment.c.occurrence).where(
        enrolment.c.customer_id.in_(sorted({one.customer_id for one in asking})),
        enrolment.c.chain_id.in_(sorted({one.chain_id for one in asking})),
        enrolment.c.enrolled_at > since - _A_DAY,
    )
    ways: dict[Way, set[int]] = {}
    for one in asking:
        ways.setdefault((one.customer_id, one.chain_id), set()).add(one.purchase_id or 0)
    for customer_id, chain_id, occurrence in session.execute(query):
        if occurrence.isascii() and occurrence.isdigit():
            ways.setdefault((customer_id, chain_id), set()).add(int(occurrence))
    sold = subjects.sold_at(session, {id_ for ids in ways.values() for id_ in ids})
    for way in found:
        found[way] = [_Sale(id_, sold[id_]) for id_ in ways[way] if id_ in sold]
    return found


def _of_that_day(item: Pass, sales: Sequence[_Sale], zone: str) -> tuple[_Sale | None, list[_Sale]]:
    """The purchase of a pass, and the others of its day."""
    own = next((one for one in sales if one.id == item.purchase_id), None)
    if own is None:
        return None, []
    day: date = clock.local_date(own.sold_at, zone)
    others = (one for one in sales if one.id != own.id)
    return own, [one for one in others if clock.local_date(one.sold_at, zone) == day]


def _put(
    session: Session, asking: Sequence[Pass], sales: Mapping[Way, Sequence[_Sale]]
) -> set[tuple[int, str, str]]:
    """Questions that were put: customer, chain's source, purchase."""
    query = sa.select(touch.c.customer_id, touch.c.source, touch.c.occurrence).where(
        touch.c.customer_id.in_(sorted({one.customer_id for one in asking})),
        touch.c.source.in_(sorted({one.source for one in asking})),
        touch.c.occurrence.in_(sorted({str(one.id) for of in sales.values() for one in of})),
        touch.c.message_class == TRIGGER,
        touch.c.decision == "send",
    )
    return {tuple(row) for row in session.execute(query)}
