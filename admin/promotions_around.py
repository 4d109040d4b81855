"""What the pages of promotions and vouchers need beside the rules: names and suggestions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS
from admin.promotions_words import Sayer, segment_names
from admin.render import language
from loyalty import program, staff
from loyalty.customers import customer
from loyalty.promotions import Promotion
from loyalty.reports import given
from loyalty.texts import N_, Translator

SEEN_DAYS = 90
_TAGGED = 1000
_MOST_TAGS = 30
MARKS = {
    "points": N_("points"), "rate": "%", "days": N_("days"), "times": "×", "stamps": N_("stamps"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Around:
    """Who and where is who, the rules in force, what was sold lately, tags in use."""

    people: Mapping[str, str]
    outlets: Mapping[str, str]
    rules: program.Program
    goods: given.Goods
    tags: tuple[str, ...]

    def cards(self, lang: str) -> dict[str, str]:
        """Stamp cards by key."""
        return {card.key: card.name.said_in(lang) for card in self.rules.stamp_cards}

    def groups(self, t: Translator, used: Iterable[str] = ()) -> dict[str, str]:
        """Groups of guests that can be chosen, and those in use."""
        tags = [f"tag:{tag}" for tag in self.tags]
        return segment_names(t, self.rules, [*tags, *used])


def around(now: datetime, *, goods: bool = False) -> Callable[[Session], Around]:
    """A unit that reads it; ``goods``: with what was sold and tags, for a form."""

    def unit(session: Session) -> Around:
        since = now - timedelta(days=SEEN_DAYS)
        return Around(
            {person.actor: person.name for person in staff.everyone(session)},
            {str(place.id): place.name for place in staff.outlets(session)},
            program.current(session, now=now).program,
            given.goods_seen(session, since=since) if goods else given.Goods(),
            _tags(session) if goods else (),
        )

    return unit


def _tags(session: Session) -> tuple[str, ...]:
    query = (
        sa.select(customer.c.tags)
        .where(customer.c.tags.is_not(None))
        .order_by(customer.c.id.desc())
        .limit(_TAGGED)
    )
    found = {str(tag) for (tags,) in session.execute(query) for tag in tags or ()}
    return tuple(sorted(found)[:_MOST_TAGS])


def sayer(request: web.Request, near: Around, rules: Iterable[Promotion] = ()) -> Sayer:
    """Says promotions in the language of the request."""
    t = language(request)
    used = [key for one in rules for key in (*one.when.segments, *one.when.not_segments)]
    return Sayer(
        t,
        request.app[SETTINGS].currency,
        outlets=near.outlets,
        groups=near.groups(t, used),
        cards=near.cards(t.language),
        goods={sku.casefold(): name for sku, name in near.goods.skus if name},
    )


def marks(t: Translator, currency: str) -> dict[str, str]:
    """What stands at the end of a field, by unit."""
    money = t.money(0, currency).replace("0", "").strip()
    return {"money": money, **{unit: str(t(mark)) for unit, mark in MARKS.items()}}


def author(near: Around, t: Translator) -> Callable[[str], str]:
    """Who did it, by actor."""
    return lambda actor: near.people.get(actor) or str(t("the system"))
