"""A paper card, opened with its owner's own phone: what is on it, and making it theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from bot.words import sentence
from loyalty import enrolment
from loyalty.enrolment import Claimed, Waiting
from loyalty.errors import CardTaken, ClaimExpired, CodeInvalid, DomainError, OwnCard
from loyalty.texts import N_, Translator

PREFIX = "c_"
TAKE = "paper"

_REFUSED: dict[type[DomainError], str] = {
    CardTaken: N_("This card has its owner already 🙂"),
    ClaimExpired: N_("This card could be picked up within three days only 😔"),
    OwnCard: N_("This is a guest's card: you have sold to it, so it cannot become yours."),
}


def look(session: Session, turn: Turn, payload: str) -> Waiting | None:
    """What is on the unclaimed paper card behind a start payload; None: it is no such card."""
    if not payload.startswith(PREFIX):
        return None
    token = payload.removeprefix(PREFIX)
    return enrolment.look(session, keys=turn.ctx.keys, token=token, now=turn.now)


def card_of(session: Session, turn: Turn, payloads: Sequence[str]) -> int | None:
    """The anonymous customer of the first unclaimed paper card among the payloads."""
    for payload in payloads:
        found = look(session, turn, payload)
        if found is not None and found.customer_id is not None:
            return found.customer_id
    return None


async def greeting(turn: Turn, payload: str) -> Markup | None:
    """What a stranger is told about the card before they join; None: nothing."""
    found = await turn.ctx.db.read(lambda session: look(session, turn, payload))
    if found is None:
        return None
    _ = turn.say
    if found.points:
        return _(
            "💳 This card already has {points}. Join, and they are yours!",
            points=_.points(found.points),
        )
    return _("💳 This card is nobody's yet. Join, and it is yours!")


async def opened(turn: Turn, payload: str) -> bool:
    """A member has opened an unclaimed card: ask whether it is theirs. False: no such card."""
    found = await turn.ctx.db.read(lambda session: look(session, turn, payload))
    if found is None:
        return False
    _ = turn.say
    what = _("💳 This is a paper card.") if found.printed else _("💳 This is a guest's card.")
    lines = [what, *_on_it(_, found.points, found.stamps, found.vouchers)]
    lines.append(_("Is it yours? I will put everything on your own card."))
    token = payload.removeprefix(PREFIX)
    await turn.show(
        "\n".join(map(str, lines)),
        [[button(_("Yes, it is mine ✅"), f"{TAKE}:{token}")], [button(_("No"), menu.MENU)]],
    )
    return True


def claim(session: Session, turn: Turn, payload: str, *, customer_id: int) -> Markup | None:
    """Give the card to this member, once; the words for it, or why not.

    None: it is no paper card.
    """
    _ = turn.say
    try:
        done = enrolment.claim(
            session,
            keys=turn.ctx.keys,
            token=payload.removeprefix(PREFIX),
            customer_id=customer_id,
            time_zone=turn.locale.time_zone,
            now=turn.now,
        )
    except CodeInvalid:
        return None
    except DomainError as refusal:
        known = _REFUSED.get(type(refusal))
        return _(known) if known else sentence(_, refusal, turn.locale)
    return _said(_, done)


async def take(turn: Turn) -> None:
    """[Yes, it is mine]: the token in the button is the card itself, so nothing can be forged."""
    person = turn.visitor.customer
    assert person is not None
    words = await turn.ctx.db.transact(
        lambda session: claim(session, turn, PREFIX + turn.arg, customer_id=person.id)
    )
    turn.ctx.wake()
    await menu.show_menu(turn, head=words)


def _said(_: Translator, done: Claimed) -> Markup:
    if done.already and not done.printed:
        return _("💳 All of it is on your card 💛")
    if done.already:
        return _("💳 The paper card is yours: show it when your phone is not at hand 💛")
    lines = [
        _("💳 Done! The paper card earns to your card now.")
        if done.printed
        else _("💳 Done! All of it is on your card now.")
    ]
    lines += _on_it(_, done.points, done.stamps, done.vouchers)
    return Markup("\n").join(lines)


def _on_it(_: Translator, points: int, stamps: int, coupons: int) -> list[Markup]:
    """What a card holds, in one line; nothing for an empty one."""
    parts = []
    if points:
        parts.append(_.points(points))
    if stamps:
        parts.append(_.plural("{n} stamp", "{n} stamps", stamps))
    if coupons:
        parts.append(_.plural("{n} coupon", "{n} coupons", coupons))
    return [Markup("🎁 {}").format(Markup(" · ").join(parts))] if parts else []


MEMBERS: dict[str, Callable[[Turn], Awaitable[None]]] = {TAKE: take}
"""Screens of members, by the name in a button."""
