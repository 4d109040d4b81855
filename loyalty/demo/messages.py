"""The demo's chains: all of them on, goods for their texts, and a month of what they have said."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock, goods
from loyalty.chains.holdout import is_held_out
from loyalty.chains.model import Definition, ExpiryTrigger, MessageStep, Wait, WaitBefore
from loyalty.chains.tables import enrolment
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.demo.catalogue import Chain, minor
from loyalty.demo.member import Member
from loyalty.ids import new_id
from loyalty.messaging import policy
from loyalty.messaging.tables import click, outbox, touch
from loyalty.program import Program

_PAIRS = {
    "cap": ("crs", "cin"), "lat": ("alm", "cin"), "flt": ("brw", "crs"), "ame": ("snd", "crs"),
    "raf": ("mcr", "chz"), "tgr": ("mcr", "chz"), "tbk": ("syr", "cin"), "cbr": ("brw", "gra"),
}  # fmt: skip
_BEANS_LAST = 30
"""Days in which a quarter of a kilo is drunk."""

_PAST = timedelta(days=30)
_PER_CHAIN = 40
_DATES = 24
"""Guests with a date of their own, around today."""

RENEWAL = "renewal"
_NOBODY = 7_000_000_000
"""Chats of the past are made up: a message that was sent is never sent again."""


def write(
    session: Session,
    names: Chain,
    members: Sequence[Member],
    *,
    program: Program,
    currency: str,
    time_zone: str,
    author: str,
    now: datetime,
) -> None:
    """Switch every chain on, lay out the menu, and remember a month of messages."""
    rng = random.Random(17)
    _lay_out(session, names, currency=currency, author=author, now=now - _PAST)
    _date(session, members, today=clock.local_date(now, time_zone))
    chains.ensure_shipped(session, now=now)
    rows = Rows()
    for item in chains.all_chains(session):
        chains.set_enabled(session, key=item.key, enabled=True, now=now)
        for member in _some(rng, members):
            _remember(rows, rng, item, member, program=program, time_zone=time_zone, now=now)
    rows.put(session)


def _lay_out(session: Session, names: Chain, *, currency: str, author: str, now: datetime) -> None:
    """The menu as a catalogue, what goes with what, and how long beans last."""
    for good in names.menu:
        made = goods.Product(
            sku=good.sku,
            name=good.name,
            category=good.category,
            price=minor(good.price, currency),
        )
        goods.put(session, made, actor=author, now=now)
    for sku, others in _PAIRS.items():
        goods.set_pairs(session, sku=sku, others=others, actor=author, now=now)
    beans = names.category("beans")
    goods.set_pace(session, category=beans, days=_BEANS_LAST, actor=author, now=now)


def _date(session: Session, members: Sequence[Member], *, today: date) -> None:
    """Some guests have a subscription whose end comes near."""
    for place, member in enumerate(members[:_DATES]):
        ends = today + timedelta(days=3 + 2 * place)
        session.execute(
            sa.update(customer)
            .where(customer.c.id == member.customer_id)
            .values(fields={RENEWAL: ends.isoformat()})
        )


def _some(rng: random.Random, members: Sequence[Member]) -> list[Member]:
    """A few guests who have bought, the one with the phone never among them."""
    known = [one for one in members if one.orders and not one.guest.diary]
    return rng.sample(known, min(_PER_CHAIN, len(known)))


@dataclass(frozen=True, slots=True)
class _Said:
    """What became of one step for one guest."""

    step: MessageStep
    at: datetime
    decision: str
    reason: str | None


def _remember(
    rows: Rows,
    rng: random.Random,
    item: chains.Chain,
    member: Member,
    *,
    program: Program,
    time_zone: str,
    now: datetime,
) -> None:
    """One guest's way through a chain that is over by now."""
    source, who = f"chain:{item.key}", member.customer_id
    start = now - timedelta(days=rng.uniform(1, _PAST.days), minutes=rng.randint(0, 600))
    day = clock.local_date(start, time_zone)
    start = clock.start_of_day(day, time_zone) + timedelta(hours=10, minutes=rng.randint(0, 500))
    control = is_held_out(
        who, source=source, global_bp=program.global_holdout_bp,
        share_bp=program.chain_holdout_bp, today=day,
    )  # fmt: skip
    about = _occurrence(item.definition, start, day)
    said = [
        _decided(rng, step, at, agreed=member.guest.ads, control=control)
        for step, at in _schedule(item.definition, start)
        if at < now
    ]
    for one in said:
        _note(rows, rng, item, one, who=who, occurrence=about)
    ended = said[-1].at if said else start
    rows.insert(
        enrolment,
        {
            "id": new_id(), "chain_id": item.id, "chain_version_id": item.version_id,
            "customer_id": who, "occurrence": about, "step": len(item.definition.steps),
            "status": "done", "due_at": None, "arrived_at": ended, "enrolled_at": start,
            "control": control, "ended_at": min(ended, now),
        },
    )  # fmt: skip


def _occurrence(definition: Definition, start: datetime, day: date) -> str:
    """What made the pass one: a day for points, else something that never comes again."""
    if isinstance(definition.trigger, ExpiryTrigger):
        return (day - timedelta(days=400)).isoformat()
    return f"past-{int(start.timestamp())}"


def _schedule(definition: Definition, start: datetime) -> Iterator[tuple[MessageStep, datetime]]:
    """Messages of the chain's main road, and about when each was due."""
    at, first_before = start, None
    for step in definition.steps:
        if isinstance(step, Wait):
            at = (start if step.since == "start" else at) + step.length
        elif isinstance(step, WaitBefore):
            first_before = step.days if first_before is None else first_before
            at = start + timedelta(days=first_before - step.days)
        elif isinstance(step, MessageStep):
            yield step, at
            if step.then is not None:
                return


def _decided(
    rng: random.Random, step: MessageStep, at: datetime, *, agreed: bool, control: bool
) -> _Said:
    if not agreed:
        return _Said(step, at, "skipped", "no_consent")
    chance = rng.random()
    if chance < 0.07:
        return _Said(step, at, "skipped", "cap_week" if chance < 0.04 else "unreachable")
    if control:
        return _Said(step, at, "held_out", "holdout")
    return _Said(step, at, "send", None)


def _note(
    rows: Rows, rng: random.Random, item: chains.Chain, one: _Said, *, who: int, occurrence: str
) -> None:
    source, touch_id = f"chain:{item.key}", new_id()
    outbox_id = new_id() if one.decision == "send" else None
    deadline = one.at + timedelta(hours=one.step.lifetime_hours or 48)
    rows.insert(
        touch,
        {
            "id": touch_id, "customer_id": who, "source": source, "step": one.step.id,
            "occurrence": occurrence, "message_class": "trigger", "decision": one.decision,
            "reason": one.reason, "due_at": one.at, "deadline": deadline, "decided_at": one.at,
            "outbox_id": outbox_id, "version_id": item.version_id,
            "rank": policy.rank(source, one.step.id, item.definition.urgency),
        },
    )  # fmt: skip
    if outbox_id is None:
        return
    left_at = one.at + timedelta(seconds=rng.randint(1, 40))
    rows.insert(
        outbox,
        {
            "id": outbox_id, "customer_id": who, "chat_id": _NOBODY + who % 1_000_000,
            "message_class": "trigger", "key": f"touch:{touch_id}", "touch_id": touch_id,
            "payload": {
                "chain_version": item.version_id, "step": one.step.id, "occurrence": occurrence,
            },
            "priority": 1, "state": "sent", "due_at": one.at, "deadline": deadline,
            "created_at": one.at, "attempts": 1, "sending_at": left_at, "left_at": left_at,
            "settled_at": left_at, "message_id": rng.randint(100, 9_999_999),
        },
    )  # fmt: skip
    screen = next((button.data for row in one.step.buttons for button in row), None)
    if screen is not None and rng.random() < 0.28:
        rows.insert(
            click,
            {
                "id": new_id(), "at": left_at + timedelta(minutes=rng.randint(1, 300)),
                "outbox_id": outbox_id, "customer_id": who, "touch_id": touch_id,
                "source": source, "step": one.step.id, "kind": "button",
                "target": screen.partition(":")[0],
            },
        )  # fmt: skip
