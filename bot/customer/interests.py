"""What a customer likes: boxes to tick, one for each kind of goods the shop has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import customers, program, promotions
from loyalty.receipts import purchase, purchase_line

LIKES, LIKE = "likes", "like"

SHOWN = 12
_RECENT = 500
"""So many of the latest sales say what the shop sells."""
_LABEL = 26
_Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of goods under every name it goes by; ``name`` is the one that is kept."""

    name: str
    names: _Names

    @property
    def key(self) -> str:
        """What stands in the button: a category's name may be longer than a button can carry."""
        return hashlib.blake2b(self.name.casefold().encode(), digest_size=6).hexdigest()

    def title(self, language: str) -> str:
        """The name in letters of the language, if it has one."""
        fitting = [name for name in self.names if _is_cyrillic(name) == (language == "ru")]
        return (fitting or [self.name])[0]

    def is_liked(self, liked: Iterable[str]) -> bool:
        """Whether one of its names is among those."""
        folded = {name.casefold() for name in self.names}
        return any(name.casefold() in folded for name in liked)


def _is_cyrillic(text: str) -> bool:
    return any("а" <= sign <= "ё" for sign in text.casefold())


def kinds(session: Session, *, now: datetime, liked: Sequence[str]) -> list[Kind]:
    """Stamp cards' and promotions' goods, then what sells most, then what they liked before."""
    sold = _sold(session)
    rules = program.current(session, now=now).program
    live = promotions.live_at(session, promotions.current_revision(session))
    scopes = [card.scope for card in rules.stamp_cards]
    scopes += [item.rules.when.scope for item in live]
    wanted: list[_Names] = [scope.categories for scope in scopes if _is_one(scope.categories)]
    wanted += [(name,) for name in sold]
    wanted += [(name,) for name in liked]
    found: list[Kind] = []
    taken: set[str] = set()
    for names in wanted:
        if {name.casefold() for name in names} & taken:
            continue
        kept = next((name for name in sold if name.casefold() in _folded(names)), names[0])
        found.append(Kind(kept, names))
        taken |= _folded(names)
    # What they ticked once stays in sight, to be unticked.
    return [*found[:SHOWN], *(kind for kind in found[SHOWN:] if kind.is_liked(liked))]


def _is_one(names: _Names) -> bool:
    """Whether these are names of one kind of goods in several languages, not several kinds."""
    return len(names) == 1 or (len(names) == 2 and _is_cyrillic(names[0]) != _is_cyrillic(names[1]))


def _folded(names: _Names) -> set[str]:
    return {name.casefold() for name in names}


def _sold(session: Session) -> list[str]:
    latest = sa.select(purchase.c.id).order_by(purchase.c.sold_at.desc()).limit(_RECENT).subquery()
    query = sa.select(purchase_line.c.category).where(
        purchase_line.c.purchase_id.in_(sa.select(latest.c.id)),
        purchase_line.c.category.is_not(None),
    )
    counted: Counter[str] = Counter()
    spelt: dict[str, str] = {}
    for (name,) in session.execute(query):
        folded = name.casefold()
        spelt.setdefault(folded, name)
        counted[folded] += 1
    return [spelt[folded] for folded, _number in counted.most_common(SHOWN) if folded]


def titles(session: Session, liked: Sequence[str], *, now: datetime, language: str) -> list[str]:
    """What they like, as the boxes call it."""
    if not liked:
        return []
    found = kinds(session, now=now, liked=liked)
    return [kind.title(language) for kind in found if kind.is_liked(liked)]


async def show_likes(turn: Turn, *, toast: object = "") -> None:
    """The boxes; a tap says what it changes to."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> tuple[list[Kind], Sequence[str]]:
        liked = customers.preferences(session, customer_id).interests
        return kinds(session, now=turn.now, liked=liked), liked

    found, liked = await turn.ctx.db.read(unit)
    boxes = []
    for kind in found:
        on = kind.is_liked(liked)
        title = kind.title(_.language)[:_LABEL].capitalize()
        data = f"{LIKE}:{kind.key}:{0 if on else 1}"
        boxes.append(button(f"{'✅' if on else '▫️'} {title}", data))
    rows = [boxes[i : i + 2] for i in range(0, len(boxes), 2)]
    text = (
        _("💛 <b>What do you like?</b>\nTick as many as you like: offers will suit you better.")
        if found
        else _("💛 There is nothing to choose from yet. Please look again later 🙂")
    )
    await turn.show(text, [*rows, [button(_("‹ Back"), menu.PROFILE)]], toast=toast)


async def set_like(turn: Turn) -> None:
    """Tick or untick a box; one that is not there (any more) changes nothing."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id = person.id
    key, _colon, wish = turn.arg.partition(":")

    def unit(session: Session) -> bool:
        liked = customers.preferences(session, customer_id).interests
        kind = next(
            (one for one in kinds(session, now=turn.now, liked=liked) if one.key == key), None
        )
        if kind is None or wish not in ("0", "1"):
            return False
        if wish == "1":
            if not kind.is_liked(liked):
                _set(session, customer_id, kind.name, True, turn)
            return True
        folded = _folded(kind.names)
        for name in liked:
            if name.casefold() in folded:
                _set(session, customer_id, name, False, turn)
        return True

    saved = await turn.ctx.db.transact(unit)
    await show_likes(turn, toast=_("Saved 👍") if saved else "")


def _set(session: Session, customer_id: int, category: str, liked: bool, turn: Turn) -> None:
    customers.set_interest(
        session, customer_id=customer_id, category=category, liked=liked, now=turn.now
    )


MEMBERS = {LIKES: show_likes, LIKE: set_like}
