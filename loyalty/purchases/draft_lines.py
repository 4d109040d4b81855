"""A sum split into items, each with its category: promotions and stamps by category need it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from loyalty import promotions
from loyalty.amounts import MAX_AMOUNT
from loyalty.errors import AmountOutOfRange, DraftNotFound
from loyalty.program import LocalText, Program, TillCategory
from loyalty.promotions import Live
from loyalty.purchases.draft_rows import Draft, DraftLine, change, lock, release
from loyalty.purchases.gate import in_force
from loyalty.staff import Staff

MAX_ITEMS = 20
"""Items a sum may be split into."""
GUESSED = 6
"""Categories offered when the program names none for the till."""

_KNOWN = (
    LocalText(ru="Кофе", en="Coffee"),
    LocalText(ru="Чай", en="Tea"),
    LocalText(ru="Десерты", en="Desserts"),
    LocalText(ru="Выпечка", en="Bakery"),
    LocalText(ru="Еда", en="Food"),
    LocalText(ru="Напитки", en="Drinks"),
    LocalText(ru="Цветы", en="Flowers"),
    LocalText(ru="Услуги", en="Services"),
)
"""Names of categories that tills write in one language only."""


def items_of(draft: Draft) -> Sequence[DraftLine]:
    """The items of a sale: one for a sum that was not split, none before a sum was typed."""
    if draft.lines or draft.amount is None:
        return draft.lines
    return (DraftLine(draft.amount),)


def set_item(
    session: Session, *, draft_id: int, staff: Staff, place: int, amount: int, now: datetime
) -> Draft:
    """The sum of the item at ``place`` (from 0), minor units; at the end it is a new one.

    The item keeps its category, those after it go; done twice it is the same. Points chosen for
    another sum are forgotten.

    Raises:
        AmountOutOfRange: not between 0.01 and the largest sum, alone or together.
        DraftNotFound, DraftClosed: see ``draft_rows.lock``; there is no such place.
    """
    draft = release(session, lock(session, draft_id, staff, now), now)
    items = list(items_of(draft))
    if not 0 <= place <= min(len(items), MAX_ITEMS - 1):
        raise DraftNotFound()
    category = items[place].category if place < len(items) else None
    return _keep(session, draft, [*items[:place], DraftLine(amount, category)], now)


def set_category(
    session: Session,
    *,
    draft_id: int,
    staff: Staff,
    place: int,
    category: str | None,
    now: datetime,
) -> Draft:
    """What kind of goods the item at ``place`` is; None: any. Points are chosen anew.

    Raises:
        DraftNotFound, DraftClosed: see ``draft_rows.lock``; there is no such item.
    """
    draft = release(session, lock(session, draft_id, staff, now), now)
    items = list(items_of(draft))
    if not 0 <= place < len(items):
        raise DraftNotFound()
    items[place] = DraftLine(items[place].amount, category)
    return _keep(session, draft, items, now)


def drop_item(session: Session, *, draft_id: int, staff: Staff, count: int, now: datetime) -> Draft:
    """Keep the first ``count`` items only, one at least. Points are chosen anew.

    Raises:
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    draft = release(session, lock(session, draft_id, staff, now), now)
    return _keep(session, draft, list(items_of(draft))[: max(1, count)], now)


def categories(session: Session, *, now: datetime) -> list[TillCategory]:
    """What kinds of goods the till offers as buttons: as the program says, else those that its
    stamp cards and the promotions in force are about; one button for each name."""
    rules = in_force(session, now=now)
    if rules.program.till_categories:
        return list(rules.program.till_categories)
    found: dict[LocalText, TillCategory] = {}
    for name in _named(rules.program, promotions.live_at(session, rules.revision), now.date()):
        if not 0 < len(name) <= 100:
            continue
        one = TillCategory(category=name, name=_name_of(name))
        found.setdefault(one.name, one)
    return list(found.values())[:GUESSED]


# --- inside ------------------------------------------------------------------------------


def _keep(session: Session, draft: Draft, items: Sequence[DraftLine], now: datetime) -> Draft:
    total = sum(one.amount for one in items)
    if not items or min(one.amount for one in items) < 1 or total > MAX_AMOUNT:
        raise AmountOutOfRange(minimum=1, maximum=MAX_AMOUNT)
    plain = len(items) == 1 and items[0].category is None
    kept = [{"amount": one.amount, "category": one.category} for one in items]
    return change(session, draft, now, amount=total, lines=None if plain else kept, redeem=0)


def _named(program: Program, live: Sequence[Live], today: date) -> Iterable[str]:
    for card in program.stamp_cards:
        yield from card.scope.categories
    for one in live:
        if one.rules.when.ends_on is not None and one.rules.when.ends_on < today:
            continue
        yield from _categories_in(one.rules.model_dump())


def _categories_in(part: object) -> Iterable[str]:
    """Every category that any scope within names, in order."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "categories":
                yield from value
            else:
                yield from _categories_in(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _categories_in(value)


def _name_of(category: str) -> LocalText:
    wanted = category.casefold()
    for name in _KNOWN:
        if wanted in (name.ru.casefold(), name.en.casefold()):
            return name
    shown = category[:1].upper() + category[1:]
    return LocalText(ru=shown, en=shown)
