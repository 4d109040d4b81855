"""Erasing everything: what is lost and when, a second tap, and one tap to change one's mind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from bot.answers import Rows, Turn, button
from bot.customer import join, leaving, menu
from loyalty import clock, customers, privacy, program
from loyalty.ids import number_of, short_of
from loyalty.privacy import Asked, Held
from loyalty.texts import Translator

ERASE, SURE, KEEP, FILE = "privacy_erase", "privacy_erase_sure", leaving.KEEP, "privacy_file"

GOOD_FOR = timedelta(minutes=15)
"""So long the second tap counts: an old question is asked anew."""


async def ask_erase(turn: Turn) -> None:
    """What would be lost and when, and whether they really want it."""
    person, _ = turn.visitor.customer, turn.say
    if person is None:
        await join.resume(turn)
        return
    customer_id = person.id

    def unit(session: Session) -> tuple[Held, int, Asked | None]:
        held = privacy.held(session, customer_id=customer_id, now=turn.now)
        days = program.current(session, now=turn.now).program.erasure_days
        return held, days, privacy.asked(session, customer_id=customer_id)

    held, days, asked = await turn.ctx.db.read(unit)
    if asked is not None:
        await _show_waiting(turn, asked)
        return
    lost = _lost(_, held)
    text = [
        _("🗑 <b>Erase everything about you?</b>"),
        "",
        _("Gone for good: {lost}.", lost=lost) if lost else _("Your card will be gone for good."),
        _(
            "It happens on {day}. Until then your card works, and one tap calls it off.",
            day=_.day(clock.local_date(turn.now + timedelta(days=days), turn.locale.time_zone)),
        )
        if days
        else _("It happens at once and cannot be undone."),
    ]
    asked_at = short_of(int(turn.now.timestamp()))
    rows: Rows = [
        [button(_("Yes, erase everything"), f"{SURE}:{asked_at}")],
        [button(_("📄 First get my data"), FILE)],
        [button(_("‹ No, keep my card"), menu.PRIVACY)],
    ]
    await turn.show("\n".join(map(str, text)), rows)


def _lost(_: Translator, held: Held) -> str:
    """What they have, in words: "340 points, 3 stamps and 2 coupons"."""
    points = held.points + held.pending
    parts = [
        _.points(points) if points else None,
        _.plural("{n} stamp", "{n} stamps", held.stamps) if held.stamps else None,
        _.plural("{n} coupon", "{n} coupons", held.coupons) if held.coupons else None,
    ]
    said = [str(part) for part in parts if part]
    if len(said) < 2:
        return "".join(said)
    return str(_("{most} and {last}", most=", ".join(said[:-1]), last=said[-1]))


async def erase_sure(turn: Turn) -> None:
    """The second tap: the days of thinking it over begin. Tapped again, the first day stands."""
    person = turn.visitor.customer
    if person is None:
        await join.resume(turn)
        return
    if not _is_recent(turn):
        # An old or made-up question: what would be lost may be something else by now.
        await ask_erase(turn)
        return
    customer_id = person.id

    def unit(session: Session) -> Asked:
        asked = privacy.ask_erasure(
            session,
            customer_id=customer_id,
            actor=f"customer:{customer_id}",
            time_zone=turn.locale.time_zone,
            now=turn.now,
        )
        customers.set_step(session, telegram_id=turn.visitor.telegram_id, step=None)
        return asked

    await _show_waiting(turn, await turn.ctx.db.transact(unit))


def _is_recent(turn: Turn) -> bool:
    seconds = number_of(turn.arg)
    if seconds is None or seconds > turn.now.timestamp() + 1:
        return False
    return turn.now - datetime.fromtimestamp(seconds, UTC) <= GOOD_FOR


async def _show_waiting(turn: Turn, asked: Asked) -> None:
    _, zone = turn.say, turn.locale.time_zone
    if asked.after <= turn.now:
        await turn.show(
            _("🗑 Your data is being erased now. Goodbye, and thank you for the time with us 💛")
        )
        return
    text = [
        _("🗑 Your data will be erased on {moment}.", moment=_.moment(asked.after, zone)),
        _("Until then your card works as usual, and I send no offers. Changed your mind?"),
    ]
    rows = [[button(_("Keep my card 💛"), KEEP)], [button(_("📄 Get my data"), FILE)]]
    if join.is_member(turn):
        rows.append(menu.back(_))
    await turn.show("\n".join(map(str, text)), rows)


async def keep(turn: Turn) -> None:
    """One tap back: nothing will be erased. Tapped again, it is still so."""
    person, _ = turn.visitor.customer, turn.say
    if person is None:
        await join.resume(turn)
        return
    customer_id = person.id
    await turn.ctx.db.transact(
        lambda session: privacy.keep_card(
            session,
            customer_id=customer_id,
            actor=f"customer:{customer_id}",
            time_zone=turn.locale.time_zone,
            now=turn.now,
        )
    )
    turn.visitor.customer = replace(person, erase_after=None)
    await join.resume(turn, hint=_("Your card stays: nothing will be erased 💛"))


OPEN = {ERASE: ask_erase, SURE: erase_sure, KEEP: keep}
