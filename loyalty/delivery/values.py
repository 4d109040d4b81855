"""Values of the variables in a marketer's text, in the reader's language, with today's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.orm import Session

from loyalty import clock, goods, program, stamps, tiers, vouchers, wallet
from loyalty.chains import subjects
from loyalty.chains.model import EventTrigger
from loyalty.delivery.about import About, Gone
from loyalty.events import event
from loyalty.goods import Product
from loyalty.messaging.people import Person
from loyalty.messaging.placeholders import needed, used
from loyalty.texts import Translator

BOUGHT_LATELY = timedelta(days=60)
"""What somebody bought within that time is not offered to them as something that goes with it."""

LEVEL_WARNED = "tier.warned"

_NAMED = 2
"""Goods of a cart that are called by name; the rest is counted."""
_SAMPLE_CODE = "KH7PM4X2QRTW"
_SAMPLE_DAYS = 14
_SAMPLE_POINTS = 120
_SAMPLE_SUM = 1_200_00


@dataclass(slots=True)
class Values:
    """By variable; ``picture`` of the goods that are spoken of, if they have one."""

    said: dict[str, str] = field(default_factory=dict)
    picture: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and where a message is worded. ``time_zone`` and ``currency`` are the business's."""

    now: datetime
    time_zone: str
    currency: str


def values_of(
    session: Session, text: str, person: Person, about: About, moment: Moment, _: Translator
) -> Values:
    """What stands for each variable of ``text``.

    Raises:
        Gone: the points it is about were spent, or the text needs something that this person has
            not: ``no_code``, ``nothing_expires``, ``top_tier``, ``tier_kept``, ``no_stamp_cards``.
    """
    names, must = used(text), needed(text)
    found = Values()
    found.said["name"] = (person.name or "").split(" ")[0]
    if "outlet" in names:
        own = about.purchase_id and subjects.outlet_of(session, about.purchase_id)
        found.said["outlet"] = own or person.outlet or ""
    if "balance" in names:
        available = wallet.balance(session, customer_id=person.id, now=moment.now).available
        found.said["balance"] = str(_.points(available))
    if "code" in names:
        code = about.subject.get("code") or (_SAMPLE_CODE if about.sample else None)
        if code:
            found.said["code"] = vouchers.grouped(str(code))
        elif "code" in must:
            raise Gone("no_code")
    _say_standing(session, names, must, person, moment, _, found.said)
    _say_days(session, names, must, person, about, moment, _, found.said)
    if names & {"last_product", "goes_with"}:
        # A link cannot stand within a link, nor in a code.
        linked = "<a" not in text and "<code" not in text
        _say_goods(session, names, person, about, moment, _, found, linked=linked)
    return found


def _say_standing(
    session: Session,
    names: set[str],
    must: set[str],
    person: Person,
    moment: Moment,
    _: Translator,
    said: dict[str, str],
) -> None:
    """Tier and stamps."""
    if not names & {"tier", "to_next_tier", "stamps"}:
        return
    rules = program.current(session, now=moment.now).program
    said["tier"] = rules.tier(person.tier).title(_.language)
    if "to_next_tier" in names:
        standing = tiers.progress(
            session, customer_id=person.id, now=moment.now, time_zone=moment.time_zone
        )
        if standing.next_tier is not None:
            said["to_next_tier"] = _.money(standing.to_next, moment.currency)
        elif "to_next_tier" in must:
            raise Gone("top_tier")
    if "stamps" in names:
        standings = stamps.standings(session, customer_id=person.id)
        filled = [
            (standings[card.key].stamps if card.key in standings else 0, card.stamps)
            for card in rules.stamp_cards
        ]
        if filled:
            # The card that is nearest to its gift.
            full, of = max(filled, key=lambda card: card[0] / card[1])
            said["stamps"] = str(_("{n} of {of}", n=full, of=of))
        elif "stamps" in must:
            raise Gone("no_stamp_cards")


def _say_days(
    session: Session,
    names: set[str],
    must: set[str],
    person: Person,
    about: About,
    moment: Moment,
    _: Translator,
    said: dict[str, str],
) -> None:
    """The last day of what the message is about, and the points that go with it."""
    points, last_day, zone = 0, about.day, moment.time_zone
    if _is_about_level(about) or "to_keep" in names:
        last_day = _say_level(session, must, person, about, moment, _, said)
    elif about.is_about_points:
        assert about.day is not None
        key = (person.id, about.day)
        ending = subjects.expiring_on(session, [key], time_zone=zone).get(key)
        points = ending.points if ending is not None else 0
        if not points:
            raise Gone("points_spent")
    elif about.day is not None:
        zone = person.time_zone
    elif until := _coupon_until(about):
        last_day = clock.last_valid_day(until, zone)
    if not names & {"expiring", "days", "until"}:
        return
    if not points and ("expiring" in names or last_day is None):
        soonest = wallet.expiring(
            session, customer_id=person.id, now=moment.now, time_zone=moment.time_zone
        )
        if soonest:
            points = soonest[0].points
            last_day = last_day or soonest[0].last_day
        elif about.sample:
            points = _SAMPLE_POINTS
            last_day = last_day or _days_ahead(moment, zone)
        elif must & ({"expiring"} if last_day else {"expiring", "days", "until"}):
            raise Gone("nothing_expires")
    if points:
        said["expiring"] = str(_.points(points))
    if last_day is not None:
        left = max(0, (last_day - clock.local_date(moment.now, zone)).days)
        said["days"] = str(_.plural("{n} day", "{n} days", left))
        said["until"] = _.day(last_day)


def _is_about_level(about: About) -> bool:
    """Whether it warns of a level that is about to be lowered."""
    trigger = about.definition.trigger
    return isinstance(trigger, EventTrigger) and trigger.event == LEVEL_WARNED


def _say_level(
    session: Session,
    must: set[str],
    person: Person,
    about: About,
    moment: Moment,
    _: Translator,
    said: dict[str, str],
) -> date | None:
    """What is missing to keep the level; its last day."""
    standing = tiers.progress(
        session, customer_id=person.id, now=moment.now, time_zone=moment.time_zone
    )
    if standing.warned_for is not None:
        said["to_keep"] = _.money(standing.to_keep, moment.currency)
        return standing.warned_for - timedelta(days=1)
    if about.sample:
        said["to_keep"] = _.money(_SAMPLE_SUM, moment.currency)
        return _days_ahead(moment, moment.time_zone)
    if _is_about_level(about) or "to_keep" in must:
        raise Gone("tier_kept")
    return None


def _days_ahead(moment: Moment, zone: str) -> date:
    return clock.local_date(moment.now, zone) + timedelta(days=_SAMPLE_DAYS)


def _coupon_until(about: About) -> datetime | None:
    """When the coupon of this pass stops being good."""
    found = about.subject.get("code_until")
    return datetime.fromisoformat(found) if isinstance(found, str) else None


def _say_goods(
    session: Session,
    names: set[str],
    person: Person,
    about: About,
    moment: Moment,
    _: Translator,
    found: Values,
    *,
    linked: bool,
) -> None:
    spoken_of = goods_of(session, person, about)
    if "last_product" in names and spoken_of:
        found.said["last_product"] = _several(spoken_of, _, linked=linked)
        found.picture = spoken_of[0].picture
    skus = [product.sku for product in spoken_of if product.sku]
    if "goes_with" in names and skus:
        has = goods.bought_since(session, person.id, moment.now - BOUGHT_LATELY)
        offered = goods.goes_with(session, skus, exclude=has | set(skus))
        best = next((offered[sku] for sku in skus if sku in offered), None)
        if best is not None:
            found.said["goes_with"] = _called(best, linked=linked)
            # The offer is what is to be seen.
            found.picture = best.picture or found.picture


def goods_of(session: Session, person: Person, about: About) -> Sequence[Product]:
    """The goods a pass is about: of the cart or the view it began with, of its purchase (of its
    category), else what the customer bought last."""
    if about.event_id is not None:
        query = sa.select(event.c.data).where(event.c.id == about.event_id)
        data = session.execute(query).scalar_one_or_none()
        # Only what the site has sent names goods: a sale names its purchase, a birthday nothing.
        if isinstance(data, dict) and isinstance(data.get("data"), dict):
            return goods.in_cart(session, data)
    if about.purchase_id is not None:
        one = goods.bought_in(session, about.purchase_id, category=about.category)
        if one is not None:
            return [one]
    last = goods.last_bought(session, [person.id]).get(person.id)
    return [last] if last is not None else []


def _called(product: Product, *, linked: bool) -> str:
    """The name, leading to the goods' page if there is one."""
    if not (linked and product.link):
        return product.name
    return Markup('<a href="{}">{}</a>').format(product.link, product.name)


def _several(products: Sequence[Product], _: Translator, *, linked: bool) -> str:
    names = [_called(product, linked=linked) for product in products[:_NAMED]]
    more = len(products) - len(names)
    if len(names) == 1:
        return names[0]
    if not more:
        return _("{first} and {second}", first=names[0], second=names[1])
    return _("{first}, {second} and {n} more", first=names[0], second=names[1], n=_.number(more))
