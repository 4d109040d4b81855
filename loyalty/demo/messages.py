"""The demo's chains: all of them on, goods for their words, guests with phones, what was said."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock, goods
from loyalty.customers import customer
from loyalty.demo import calls, phones
from loyalty.demo.catalogue import Chain, minor
from loyalty.demo.member import Member
from loyalty.demo.telling import PAST, Teller
from loyalty.program import Program

_PAIRS = {
    "cap": ("crs", "cin"), "lat": ("alm", "cin"), "flt": ("brw", "crs"), "ame": ("snd", "crs"),
    "raf": ("mcr", "chz"), "tgr": ("mcr", "chz"), "tbk": ("syr", "cin"), "cbr": ("brw", "gra"),
}  # fmt: skip
_BEANS_LAST = 30
"""Days in which a quarter of a kilo is drunk."""

_REACHED, _OTHERS = 24, 5
"""Guests with a phone that a chain has spoken to, and guests it could not reach."""
_DATES = 24
"""Guests with a date of their own, around today."""

RENEWAL = "renewal"


def write(
    session: Session,
    names: Chain,
    members: Sequence[Member],
    *,
    program: Program,
    language: str,
    currency: str,
    time_zone: str,
    author: str,
    now: datetime,
) -> None:
    """Switch every chain on, lay out the menu, give some guests a phone, and remember two
    months of messages."""
    rng = random.Random(17)
    _lay_out(session, names, currency=currency, author=author, now=now - PAST)
    reached = phones.give(session, members, language=language, time_zone=time_zone, now=now)
    by_place = [*reached.members[::3], *members][:_DATES]
    _date(session, by_place, today=clock.local_date(now, time_zone))
    chains.ensure_shipped(session, now=now)
    teller = Teller(rng, reached, program=program, time_zone=time_zone, now=now)
    others = [
        one
        for one in members
        if one.orders and not one.guest.diary and one.customer_id not in reached.chats
    ]
    for item in chains.all_chains(session):
        chains.set_enabled(session, key=item.key, enabled=True, now=now)
        for among, most in ((reached.members, _REACHED), (others, _OTHERS)):
            told = (teller.past(item, one) for one in rng.sample(among, len(among)))
            # As many as have been told something; the others had no reason to be.
            for _ in itertools.islice(filter(None, told), most):
                pass
        teller.on_way(item)
    teller.put(session)
    calls.leave(session, members, author=author, now=now)


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
