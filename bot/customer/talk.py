"""Writing to the staff: the last words of the talk, and whatever is typed next goes into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn
from bot.customer import help, menu
from loyalty import clock, feedback
from loyalty.errors import PurchaseNotFound
from loyalty.ids import number_of
from loyalty.texts import Translator, plain

TALK = "talk"
LISTENS = timedelta(hours=1)
"""So long after the last word a typed text is taken for another one."""

_LINES = 4
_CUT = 160


async def show_talk(turn: Turn) -> None:
    """``talk``, or ``talk:PURCHASE`` to ask about a purchase."""
    purchase_id = number_of(turn.arg) if turn.arg else None
    if turn.arg and purchase_id is None:
        await help.stale(turn)
        return
    customer_id = _me(turn)

    def unit(session: Session) -> tuple[list[feedback.Line], feedback.Subject | None]:
        about = None
        if purchase_id is not None:
            about = feedback.subject(session, customer_id=customer_id, purchase_id=purchase_id)
        lines = feedback.recent_lines(session, customer_id, limit=_LINES)
        listen(turn, session, turn.arg or None)
        return lines, about

    try:
        lines, about = await turn.ctx.db.transact(unit)
    except PurchaseNotFound:
        # Somebody else's or nobody's: a forged button learns nothing.
        await help.stale(turn)
        return
    _ = turn.say
    parts = [_("💬 <b>Write to us</b>"), *_said(_, lines)]
    if about is not None:
        parts.append(_("🧾 About: {purchase}", purchase=_named(turn, about)))
    parts.append(_("Type your message: our team reads it and answers right here."))
    await turn.show("\n\n".join(map(str, parts)), [menu.back(_)])


async def take_words(turn: Turn, text: str) -> None:
    """What was typed goes to the staff."""
    customer_id, asked = _me(turn), turn.step_data
    if help.is_late(turn):
        await help.too_late(turn)
        return
    purchase_id = number_of(str(asked.get("purchase") or ""))

    def unit(session: Session) -> list[feedback.Line]:
        about = None
        if purchase_id is not None:
            # Undone at the till since: the words still count, the purchase does not.
            with suppress(PurchaseNotFound):
                found = feedback.subject(session, customer_id=customer_id, purchase_id=purchase_id)
                about = "🧾 " + _named(turn, found)
        feedback.write(
            session,
            customer_id=customer_id,
            text=text,
            key=turn.visitor.evidence,
            now=turn.now,
            about=about,
        )
        listen(turn, session, None)
        return feedback.recent_lines(session, customer_id, limit=_LINES)

    lines = await turn.ctx.db.transact(unit)
    turn.ctx.wake()
    _ = turn.say
    parts = [
        _("✅ <b>We have got it, thank you!</b>"),
        *_said(_, lines),
        _("The answer comes right here. Anything to add? Just type it."),
    ]
    await turn.show("\n\n".join(map(str, parts)), [menu.back(_)])


async def only_text(turn: Turn) -> None:
    """Something else than a text while we listen: what does arrive."""
    _ = turn.say
    text = _("Only typed words reach our team, sorry. Please tell it in a message 💬")
    await turn.show(text, [menu.back(_)])


def listen(turn: Turn, session: Session, purchase: str | None) -> None:
    """From now on, for a while, a typed text goes to the staff."""
    until = int((turn.now + LISTENS).timestamp())
    turn.set_step(session, TALK, {"purchase": purchase, "until": until})


def _said(_: Translator, lines: list[feedback.Line]) -> list[Markup]:
    if not lines:
        return []
    said = []
    for line in lines:
        words = line.text if len(line.text) <= _CUT else line.text[: _CUT - 1].rstrip() + "…"
        who = _("Our team") if line.by_staff else _("You")
        said.append(Markup("<b>{}:</b> {}").format(who, words))
    return [Markup("\n").join(said)]


def _named(turn: Turn, about: feedback.Subject) -> str:
    """ "₽450, 5 June": a purchase in a few words."""
    _ = turn.say
    money = _.money(about.total, turn.locale.currency)
    day = _.day(clock.local_date(about.sold_at, turn.locale.time_zone))
    return plain(f"{money}, {day}")


def _me(turn: Turn) -> int:
    person = turn.visitor.customer
    assert person is not None
    return person.id


MEMBERS: dict[str, Callable[[Turn], Awaitable[None]]] = {TALK: show_talk}
STEPS: dict[str, Callable[[Turn, str], Awaitable[None]]] = {TALK: take_words}
# What a picture or a recording is answered while the step stands.
OTHERS: dict[str, Callable[[Turn], Awaitable[None]]] = {TALK: only_text}
