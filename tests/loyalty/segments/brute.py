"""Conditions told by hand, person by person: what the SQL is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from loyalty import clock, segments
from loyalty.program import Program
from loyalty.segments import All, AnyOf, InSegment, Is, Not, Rule
from tests.loyalty.segments.shop import ZONE, Bought, Person, Shop, left

PROGRAM = Program()
TIERS = [tier.key for tier in PROGRAM.tiers]


def is_in(rule: Rule, person: Person, shop: Shop) -> bool:
    """Whether the rule holds for the person."""
    return person.status != "erased" and not person.merged and _holds(rule, person, shop)


def _holds(rule: Rule, p: Person, shop: Shop) -> bool:
    match rule:
        case All():
            return all(_holds(one, p, shop) for one in rule.all)
        case AnyOf():
            return any(_holds(one, p, shop) for one in rule.any)
        case Not():
            return not _holds(rule.not_, p, shop)
        case InSegment():
            return rule.segment in segments_of(p, shop)
        case Is():
            return _fits(rule, p, shop)


def segments_of(p: Person, shop: Shop) -> set[str]:
    """The ready-made segments of a person."""
    month, day, _ = p.born or (None, None, None)
    kept = [one.hours for one in p.bought if not one.undone]
    years = sorted((_year(one, shop) for one in shop.people), reverse=True)
    buyers = [one for one in years if one > 0]
    top = buyers[: -(-len(buyers) // 20)]
    found = set(
        segments.ready_made(
            spent_year=_year(p, shop),
            vip_from=top[-1] if top else None,
            tier=p.tier,
            joined_at=None if p.joined is None else shop.ago(p.joined),
            orders=len(kept),
            last_purchase_at=shop.ago(min(kept)) if kept else None,
            now=shop.now,
            tags=p.tags,
            top_tier=TIERS[-1],
            birth_month=month,
            birth_day=day,
            today=shop.day(0),
        )
    )
    if _last_score(p) == 5 or any(one in ("pending", "rewarded") for one in p.friends):
        found.add("advocates")
    if _expiring(p, shop, 14) > 0:
        found.add("points_expiring")
    return found


def _fits(asked: Is, p: Person, shop: Shop) -> bool:
    value: Any = asked.value
    known = _known(asked, p, shop)
    if asked.field in ("tag", "interest"):
        wanted = value if isinstance(value, tuple) else (value,)
        return any(one in (known or []) for one in wanted) == (asked.op in ("=", "in"))
    if asked.field == "tier" and asked.op in (">=", "<="):
        place = TIERS.index(known) if known in TIERS else None
        edge = TIERS.index(str(value))
        return place is not None and (place >= edge if asked.op == ">=" else place <= edge)
    if isinstance(known, str) and asked.field in ("city", "field_text"):
        known = known.casefold() or None
        value = tuple(v.casefold() for v in value) if isinstance(value, tuple) else value
        value = value.casefold() if isinstance(value, str) else value
    match asked.op:
        case "known":
            return known is not None
        case "unknown":
            return known is None
        case "=":
            return bool(known == value)
        case "!=":
            return bool(known != value)
        case "in":
            return known in value
        case "not_in":
            return known not in value
    if known is None:
        return False
    match asked.op:
        case "contains":
            return value in known
        case "between":
            return bool(value[0] <= known <= value[1])
        case ">":
            return bool(known > value)
        case ">=":
            return bool(known >= value)
        case "<":
            return bool(known < value)
        case _:
            return bool(known <= value)


def _since(shop: Shop, days: int | None) -> date:
    return date.min if days is None else shop.day(0) - timedelta(days=days - 1)


def _year(p: Person, shop: Shop) -> int:
    start = clock.add_months(shop.day(0), -12)
    return sum(one.total - one.returned for one in p.bought if shop.day(one.hours) > start)


def _last_score(p: Person) -> int | None:
    if not p.scores:
        return None
    # Of two in one moment the one written later counts.
    place, (_, score) = min(enumerate(p.scores), key=lambda one: (one[1][0], -one[0]))
    del place
    return score


def _expiring(p: Person, shop: Shop, days: int) -> int:
    last = shop.day(0) + timedelta(days=days)
    found = 0
    for remaining, _, expires in p.lots:
        if expires is not None and expires > 0:
            day = clock.last_valid_day(shop.ago(-expires), ZONE)
            found += remaining if day <= last else 0
    return found


def _bought(asked: Is, p: Person, shop: Shop) -> list[tuple[Bought, int]]:
    """Purchases that a condition about goods means, and what was kept of those goods."""
    found = []
    for one in p.bought:
        if shop.day(one.hours) < _since(shop, asked.days) or one.undone:
            continue
        if asked.outlet is not None and str(one.outlet) != asked.outlet:
            continue
        if asked.category is None and asked.name is None:
            if not one.total or one.returned < one.total:
                found.append((one, one.total - one.returned))
            continue
        lines = [
            line
            for line in one.lines
            if line[5] < line[2]
            and (asked.category is None or (line[0] or "").casefold() == asked.category.casefold())
            and (asked.name is None or asked.name.casefold() in (line[1] or "").casefold())
        ]
        if lines:
            found.append((one, sum(left(line) for line in lines)))
    return found


def _days(hours: Sequence[int]) -> int | None:
    return min(hours) // 24 if hours else None


def _known(asked: Is, p: Person, shop: Shop) -> Any:
    """The person's value of a field; None if it is unknown."""
    name, since = asked.field, _since(shop, asked.days)
    kept = [one for one in p.bought if not one.undone]
    if name in ("orders", "spent", "average_receipt"):
        mine = [one for one in p.bought if shop.day(one.hours) >= since]
        orders = sum(not one.undone for one in mine)
        # Who has bought nothing has no sums either.
        spent = sum(one.total - one.returned for one in mine)
        if name == "average_receipt":
            return Fraction(spent, orders) if orders else None
        return orders if name == "orders" else spent
    if name in ("bought", "bought_sum", "bought_days_ago"):
        found = _bought(asked, p, shop)
        if name == "bought_days_ago":
            return _days([one.hours for one, _ in found])
        return len(found) if name == "bought" else sum(n for _, n in found)
    if name in ("to_next_tier", "to_next_tier_share"):
        return _to_next(p, shop, share=name == "to_next_tier_share")
    match name:
        case "language" | "sex" | "city" | "source" | "status" | "tier" | "reachable":
            return bool(p.reachable) if name == "reachable" else getattr(p, name)
        case "tag":
            return p.tags
        case "joined_days_ago":
            return None if p.joined is None else p.joined // 24
        case "birthday_known":
            return p.born is not None
        case "birthday_this_month":
            return p.born is not None and p.born[0] == shop.day(0).month
        case "birthday_in_days" | "age":
            return _birthday(p, shop, name)
        case "ads_consent":
            return bool(p.consents and p.consents[-1]) and not p.leaving
        case "last_purchase_days_ago":
            return _days([one.hours for one in kept])
        case "first_purchase_days_ago":
            return max(one.hours for one in kept) // 24 if kept else None
        case "lifecycle":
            return _stage(_days([one.hours for one in kept]))
    return _owned(asked, p, shop, since)


def _owned(asked: Is, p: Person, shop: Shop, since: date) -> Any:
    match asked.field:
        case "points":
            live = [n for n, a, e in p.lots if a <= 0 and (e is None or e > 0)]
            return max(0, sum(live) - p.held)
        case "points_expiring":
            return _expiring(p, shop, asked.days or 0)
        case "stamps":
            return p.stamps or 0
        case "vouchers":
            return sum(s == "active" and (e is None or e > 0) for s, e in p.coupons)
        case "friends_brought":
            return sum(one in ("pending", "rewarded") for one in p.friends)
        case "rating_last":
            return _last_score(p)
        case "rating_average":
            scores = [score for _, score in p.scores]
            return Fraction(sum(scores) * 100, len(scores)) if scores else None
        case "event":
            return sum(shop.day(one) >= since for one in p.events)
        case "messages_received":
            mine = [one for one in p.sent if asked.key in (None, one[1]) and one[2] == "sent"]
            return sum(shop.day(one[0]) >= since for one in mine)
        case "messages_clicked":
            mine = [one for one in p.sent if asked.key in (None, one[1]) and one[3]]
            return sum(shop.day(one[0]) >= since for one in mine)
    return _own_field(asked, p, shop)


def _own_field(asked: Is, p: Person, shop: Shop) -> Any:
    value = (p.fields or {}).get(asked.key or "")
    text = None if value is None else str(value).replace(" ", "")
    if asked.field == "field_text":
        return text or None
    if asked.field == "field_number":
        return int(text) if text and text.lstrip("-").isdigit() else None
    if text is None or len(text) != 10 or text[4] + text[7] != "--":
        return None
    if asked.field == "field_date":
        return text
    return (date.fromisoformat(text) - shop.day(0)).days


def _birthday(p: Person, shop: Shop, name: str) -> int | None:
    if p.born is None:
        return None
    (month, day, year), today = p.born, shop.day(0)
    coming = [
        clock.birthday_in(y, month=month, day=day, leap_day="feb_28")
        for y in (today.year, today.year + 1)
    ]
    if name == "birthday_in_days":
        return next((one - today).days for one in coming if one >= today)
    return None if year is None else today.year - year - (coming[0] > today)


def _stage(days: int | None) -> str | None:
    if days is None:
        return None
    for stage, most in (("active", 30), ("at_risk", 60), ("sleeping", 90)):
        if days <= most:
            return stage
    return "lost"


def _to_next(p: Person, shop: Shop, *, share: bool) -> Fraction | None:
    place, spent = TIERS.index(p.tier) if p.tier in TIERS else 0, _year(p, shop)
    for tier in PROGRAM.tiers[place + 1 :]:
        if spent < tier.threshold:
            missing = Fraction(tier.threshold - spent)
            return missing * 10_000 / tier.threshold if share else missing
    return None


# --- conditions at random --------------------------------------------------------------------

_EDGES = {
    "number": st.integers(0, 4),
    "money": st.sampled_from([0, 50_00, 100_00, 333_33, 500_000, 1_000_000]),
    "days": st.sampled_from([0, 1, 3, 14, 29, 30, 31, 60, 90, 91, 180]),
    "share": st.sampled_from([0, 1500, 5000, 10_000]),
    "date": st.sampled_from(["2026-03-02", "2026-03-16"]),
    "bool": st.booleans(),
    "text": st.sampled_from(["Москва", "bmw", "BMW", "лада", "Казань", "poster"]),
}
_OWN = {
    "points": st.sampled_from([0, 2, 5, 97, 100]),
    "age": st.sampled_from([35, 36, 37]),
    "rating_average": st.sampled_from([100, 250, 450, 500]),
    "field_number": st.sampled_from([-3, 2008, 2020]),
    "tag": st.sampled_from(["a", "б", 'q"\\', "нет"]),
    "source": st.just("poster"),
    "tier": st.sampled_from(TIERS),
}
_SKIPPED = {"time_zone", "home_outlet", "was_brought", "interest"}
_EXTRAS: dict[str, st.SearchStrategy[Any]] = {
    "days": st.sampled_from([None, 1, 3, 14, 30, 31, 90]),
    "category": st.sampled_from([None, "масло", "Чай", "Coffee"]),
    "name": st.sampled_from([None, "масло", "чай"]),
    "outlet": st.sampled_from([None, "1", "2"]),
}
_KEYS = {
    "stamps": st.just("coffee"),
    "event": st.just("cart_updated"),
    "messages_received": st.sampled_from([None, "welcome"]),
    "messages_clicked": st.sampled_from([None, "welcome"]),
    "field_text": st.sampled_from(["car", "year"]),
    "field_number": st.sampled_from(["year", "car"]),
    "field_days_until": st.just("insurance"),
    "field_date": st.just("insurance"),
    "ads_consent": st.just(None),
}


ASKED = tuple(one for one in segments.FIELDS if one not in _SKIPPED)
"""Fields that the shop has rows for."""


@st.composite
def condition_on(draw: st.DrawFn, name: str) -> Rule:
    """A condition on a field."""
    known = segments.FIELDS[name]
    op = draw(st.sampled_from(known.operators))
    if known.choices:
        one: st.SearchStrategy[Any] = st.sampled_from([key for key, _ in known.choices])
    else:
        one = _OWN[name] if name in _OWN else _EDGES[known.kind]
    value: Any = draw(one)
    if op == "between":
        value = sorted([value, draw(one)])
    elif op in ("in", "not_in"):
        value = draw(st.lists(one, min_size=1, max_size=2))
    document = {"field": name, "op": op, "value": value}
    for extra in known.extras:
        if extra.name == "sku":
            continue
        given = draw(_KEYS[name] if extra.name == "key" else _EXTRAS[extra.name])
        if given is None and extra.required:
            given = 14
        if given is not None:
            document[extra.name] = given
    return segments.check(document)


_SEGMENT = st.sampled_from([*segments.EVERY_READY_MADE, "tier:gold", "tag:a"])
_ANY_FIELD = st.sampled_from(ASKED).flatmap(condition_on)
EVERY_FIELD = st.tuples(*(condition_on(name) for name in ASKED)).map(list)
"""One condition on each field."""

ONE = st.one_of(_ANY_FIELD, _ANY_FIELD, _SEGMENT.map(lambda key: InSegment(segment=key)))
RULES = st.one_of(
    ONE,
    ONE.map(lambda one: Not.model_validate({"not": one})),
    st.lists(ONE, max_size=3).map(lambda them: All(all=tuple(them))),
    st.lists(ONE, min_size=1, max_size=3).map(lambda them: AnyOf(any=tuple(them))),
)
