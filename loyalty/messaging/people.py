"""Today's facts about people, for many at once: where they can be reached, what they agreed to,
what has left to them lately."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.consent import ADS_TELEGRAM, consent
from loyalty.customers import customer, telegram_chat
from loyalty.messaging.outbox import MASS, SERVICE, TRIGGER
from loyalty.messaging.policy import Left, rank
from loyalty.messaging.tables import outbox, touch
from loyalty.staff import outlet

# Seven local days never take longer than this, whatever the zone and the clock change.
_LOOK_BACK = timedelta(days=8)
_LEFT_STATES = ("sending", "sent", "unknown")
_COMING_STATES = ("queued", "claimed")
# A trigger whose hour has come is decided within seconds; one that is not (its chain was
# switched off) must not stand in the way of others for ever.
_STILL_COMING = timedelta(minutes=10)
_LOOK_AHEAD = timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class Person:
    """What the policy and the words need to know about a customer."""

    id: int
    status: str
    name: str | None
    language: str
    time_zone: str
    tier: str
    outlet: str | None
    chat_id: int | None
    reachable: bool
    # None: has not been asked about advertising yet.
    ads: bool | None = None
    # Own quiet hours, minutes of the local day; None: the program's.
    quiet: tuple[int, int] | None = None
    # Asked to be erased: offers are over, whatever was agreed to before.
    leaving: bool = False
    # A claimed paper card: its owner is another row, and everything is said to them.
    merged: bool = False
    left: list[Left] = field(default_factory=list)
    # Marketing that is on its way: (outbox id, class, due, rank).
    coming: list[tuple[int, str, datetime, int]] = field(default_factory=list)
    # Of chains' messages among these: the pass they belong to (source, occurrence), and the step.
    ways: dict[int, tuple[tuple[str, str], str]] = field(default_factory=dict)
    # Triggers that wait for their hour: (touch id, due, rank).
    waiting: list[tuple[int, datetime, int]] = field(default_factory=list)
    # Those of the segments with caps of their own that this person is in: put here by whoever
    # may ask the segments (``chains.favours``).
    segments: frozenset[str] = frozenset()

    def spoken_for(self, place: int, *, now: datetime) -> list[Left]:
        """What counts against the caps of a trigger that is being planned: what has left, and
        what is on its way and goes first. What comes after it will make room when it leaves."""
        ahead = (Left(name, now) for _, name, _, other in self.coming if other <= place)
        return [*self.left, *ahead]

    def beside(self, own_outbox: int, *, now: datetime) -> list[str]:
        """Steps of the same pass whose messages are on their way and due as well."""
        if own_outbox not in self.ways:
            return []
        mine = self.ways[own_outbox][0]
        due = (other for other, _, due_at, _ in self.coming if due_at <= now)
        ways = (self.ways[other] for other in due if other != own_outbox and other in self.ways)
        return [step for way, step in ways if way == mine]

    def rivals(self, own_outbox: int, own_touch: int | None, *, until: datetime) -> list[int]:
        """Places of this person's other triggers that are due by ``until``."""
        queued = (
            place
            for other, name, due_at, place in self.coming
            if other != own_outbox and name == TRIGGER and due_at <= until
        )
        waiting = (
            place for other, due_at, place in self.waiting if other != own_touch and due_at <= until
        )
        return [*queued, *waiting]


def gather(
    session: Session, customer_ids: Collection[int], *, now: datetime, time_zone: str
) -> dict[int, Person]:
    """Facts of these customers by id; ``time_zone`` is the business's, the last resort."""
    if not customer_ids:
        return {}
    ids = sorted(set(customer_ids))
    query = (
        sa.select(
            customer.c.id,
            customer.c.status,
            customer.c.merged_into,
            customer.c.name,
            customer.c.language,
            customer.c.time_zone,
            customer.c.quiet_start,
            customer.c.quiet_end,
            customer.c.erase_after,
            customer.c.tier,
            outlet.c.name.label("outlet"),
            outlet.c.time_zone.label("outlet_zone"),
            telegram_chat.c.telegram_id,
            telegram_chat.c.language.label("chat_language"),
            telegram_chat.c.reachable,
        )
        .outerjoin_from(customer, outlet, outlet.c.id == customer.c.home_outlet_id)
        .outerjoin(telegram_chat, telegram_chat.c.customer_id == customer.c.id)
        .where(customer.c.id.in_(ids))
    )
    people = {
        row.id: Person(
            id=row.id,
            status=row.status,
            name=row.name,
            language=row.chat_language or row.language,
            time_zone=clock.known_zone(row.time_zone, row.outlet_zone, last_resort=time_zone),
            tier=row.tier,
            outlet=row.outlet,
            chat_id=row.telegram_id,
            reachable=row.telegram_id is not None and bool(row.reachable),
            quiet=_own_hours(row.quiet_start, row.quiet_end),
            leaving=row.erase_after is not None,
            merged=row.merged_into is not None,
        )
        for row in session.execute(query)
    }
    _add_consents(session, people, ids)
    _add_messages(session, people, ids, now)
    return people


def _own_hours(start: int | None, end: int | None) -> tuple[int, int] | None:
    return None if start is None or end is None else (start, end)


def _add_consents(session: Session, people: dict[int, Person], ids: list[int]) -> None:
    latest = (
        sa.select(sa.func.max(consent.c.id))
        .where(consent.c.customer_id.in_(ids), consent.c.purpose == ADS_TELEGRAM)
        .group_by(consent.c.customer_id)
    )
    query = sa.select(consent.c.customer_id, consent.c.granted).where(consent.c.id.in_(latest))
    for customer_id, granted in session.execute(query):
        person = people[customer_id]
        person.ads = bool(granted) and not person.leaving


def _add_messages(
    session: Session, people: dict[int, Person], ids: list[int], now: datetime
) -> None:
    left = sa.select(outbox.c.customer_id, outbox.c.message_class, outbox.c.left_at).where(
        outbox.c.customer_id.in_(ids),
        outbox.c.left_at > now - _LOOK_BACK,
        outbox.c.message_class != SERVICE,
        outbox.c.state.in_(_LEFT_STATES),
    )
    for customer_id, message_class, left_at in session.execute(left):
        people[customer_id].left.append(Left(message_class, left_at))
    coming = (
        sa.select(
            outbox.c.customer_id,
            outbox.c.id,
            outbox.c.message_class,
            outbox.c.due_at,
            touch.c.source,
            touch.c.step,
            touch.c.rank,
            touch.c.occurrence,
        )
        .outerjoin_from(outbox, touch, touch.c.id == outbox.c.touch_id)
        .where(
            outbox.c.customer_id.in_(ids),
            outbox.c.left_at.is_(None),
            outbox.c.message_class.in_((TRIGGER, MASS)),
            outbox.c.state.in_(_COMING_STATES),
        )
    )
    for row in session.execute(coming):
        person = people[row.customer_id]
        place = _place(row.rank, row.source, row.step)
        person.coming.append((row.id, row.message_class, row.due_at, place))
        if row.source is not None:
            person.ways[row.id] = (row.source, row.occurrence), row.step
    waiting = sa.select(
        touch.c.customer_id, touch.c.id, touch.c.due_at, touch.c.source, touch.c.step, touch.c.rank
    ).where(
        touch.c.customer_id.in_(ids),
        touch.c.decision == sa.literal_column("'wait'"),
        touch.c.message_class == TRIGGER,
        touch.c.due_at > now - _STILL_COMING,
        touch.c.due_at < now + _LOOK_AHEAD,
    )
    for one in session.execute(waiting):
        place = _place(one.rank, one.source, one.step)
        people[one.customer_id].waiting.append((one.id, one.due_at, place))


def _place(noted: int | None, source: str | None, step: str | None) -> int:
    """The place in the order of triggers; of touches without one, by the chain's name."""
    return noted if noted is not None else rank(source or "", step or "")
