"""The card: a QR for the cashier's camera and eight digits beside it, both for ten minutes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from aiogram.types import BufferedInputFile, CopyTextButton, InlineKeyboardButton
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot import qr
from bot.answers import Rows, Turn, button
from bot.customer import menu
from bot.customer.points import said_of_freeze
from loyalty import clock, customers, program, wallet
from loyalty.customers import ShownCard
from loyalty.customers.people import BLOCKED
from loyalty.ids import number_of, short_of
from loyalty.program import TierRule
from loyalty.texts import plain
from loyalty.wallet import Balance

REFRESH = "card_refresh"


@dataclass(frozen=True, slots=True)
class _Card:
    """One showing of the card, and what its owner is and has."""

    shown: ShownCard
    tier: TierRule
    balance: Balance


async def show_card(turn: Turn) -> None:
    """The card as a picture that cannot be forwarded or saved."""
    await _show(turn, "")


async def refresh_card(turn: Turn) -> None:
    """A fresh QR and code in the same message; that the old ones had run out is said."""
    ended = number_of(turn.arg)
    _ = turn.say
    if ended is not None and datetime.fromtimestamp(min(ended, 2**33), UTC) <= turn.now:
        await _show(turn, _("The old code had run out. This one is good for ten minutes ✨"))
    else:
        await _show(turn, _("Fresh for ten minutes ✨"))


async def _show(turn: Turn, toast: object) -> None:
    person = turn.visitor.customer
    assert person is not None
    if person.status == BLOCKED:
        text = turn.say("💳 Your card is closed for now. Please talk to our staff, they will help.")
        await turn.show(text, [menu.back(turn.say)])
        return
    customer_id, tier_key = person.id, person.tier

    def unit(session: Session) -> _Card:
        rules = program.current(session, now=turn.now).program
        balance = wallet.balance(session, customer_id=customer_id, now=turn.now)
        shown = customers.show_card(
            session, keys=turn.ctx.keys, customer_id=customer_id, now=turn.now
        )
        return _Card(shown, rules.tier(tier_key), balance)

    found = await turn.ctx.db.transact(unit)
    address = f"https://t.me/{turn.ctx.bot_username}?start=c_{found.shown.token}"
    picture = BufferedInputFile(await asyncio.to_thread(qr.png, address), "card.png")
    rows = _rows(turn, found.shown)
    await turn.show_photo(picture, _caption(turn, found), rows, protect=True, toast=toast)


def _caption(turn: Turn, found: _Card) -> str:
    """Two lines at a glance: who I am and what I have, and what to say at the till."""
    _, shown = turn.say, found.shown
    code = Markup("<code>{}</code>").format(f"{shown.code[:4]} {shown.code[4:]}")
    until = shown.expires_at.astimezone(clock.zone(turn.locale.time_zone)).strftime("%H:%M")
    points = _.points(found.balance.available)
    lines = [
        _("💳 <b>{tier}</b> · <b>{points}</b>", tier=found.tier.title(_.language), points=points),
        _("Code {code} · good until {time} 🔒", code=code, time=until),
    ]
    if found.balance.frozen_until is not None:
        lines.append(said_of_freeze(turn, found.balance))
    return "\n".join(map(str, lines))


def _rows(turn: Turn, shown: ShownCard) -> Rows:
    _ = turn.say
    copy = InlineKeyboardButton(
        text=plain(_("📋 Copy the code")), copy_text=CopyTextButton(text=shown.code)
    )
    # The button knows until when what it is under was good: nothing else has to remember it.
    fresh = f"{REFRESH}:{short_of(int(shown.expires_at.timestamp()))}"
    return [[button(_("🔄 Refresh"), fresh), copy], menu.back(_)]


MEMBERS = {menu.CARD: show_card, REFRESH: refresh_card}
