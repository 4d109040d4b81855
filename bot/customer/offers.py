"""What is there to use: own coupons and gifts with their codes, and promotions that run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiogram.types import (
    BufferedInputFile,
    CopyTextButton,
    DisabledButton,
    InlineKeyboardButton,
)
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot import qr
from bot.answers import Turn, button
from bot.customer import menu
from loyalty import clock, promotions, vouchers
from loyalty.errors import DomainError, VoucherNotFound
from loyalty.ids import number_of, short_of
from loyalty.program.wording import say_effect
from loyalty.promotions import Goal, GoalStanding, Live, Promotion
from loyalty.purchases import offers
from loyalty.purchases.offers import Offers
from loyalty.receipts import last_names
from loyalty.texts import Translator, bold, dots, html, plain
from loyalty.vouchers import Past, Voucher

USE = "use"
LINK = "v_"
"""What a coupon's QR opens: the cashier's own chat with ``v_CODE``."""

SHOWN = 6
"""So many coupons, and so many promotions, fit a phone."""
_LABEL, _WHOLE_LABEL = 24, 30
_PAST_SHOWN = 4
_MOST_SIGNS = 3500
_LATELY = timedelta(days=30)
_LINKABLE = re.compile(r"^[A-Z0-9]{3,32}$")


@dataclass(frozen=True, slots=True)
class _Found:
    """What a customer can use, could use lately, and what runs for them."""

    mine: Sequence[Voucher]
    past: Sequence[Past]
    offers: Offers
    goods: Mapping[str, str]


async def show_offers(turn: Turn, *, toast: object = "") -> None:
    """Own coupons first, then what runs for this customer, then goals with how far they are;
    what was used or ran out lately stands at the end and cannot be tapped."""
    found = await _read(turn)
    _ = turn.say
    parts = [*_coupons(turn, found), *_running(turn, found.offers)]
    if not parts:
        parts = [
            str(_("🎟 No coupons or offers right now.")),
            str(_("Gifts from stamp cards and special days appear here by themselves 💛")),
        ]
    rows = [*_buttons(_, found.mine), *_past(turn, found.past), menu.back(_)]
    await turn.show("\n\n".join(_fitting(_, parts)), rows, toast=toast)


def _fitting(_: Translator, parts: list[str]) -> list[str]:
    """The first of them that one message can hold; that there are more is said."""
    shown: list[str] = []
    room = _MOST_SIGNS
    for part in parts:
        room -= len(part)
        if room < 0:
            return [*shown, str(_("…and more: ask us at the till 💛"))]
        shown.append(part)
    return shown


async def _read(turn: Turn) -> _Found:
    person = turn.visitor.customer
    assert person is not None
    customer_id, zone, language = person.id, turn.locale.time_zone, turn.say.language

    def unit(session: Session) -> _Found:
        mine = vouchers.mine(session, customer_id=customer_id, now=turn.now)
        return _Found(
            mine=mine,
            past=vouchers.past(
                session, customer_id=customer_id, since=turn.now - _LATELY, now=turn.now
            ),
            offers=offers.for_customer(
                session, customer_id=customer_id, language=language, time_zone=zone, now=turn.now
            ),
            goods=last_names(session, {sku for item in mine for sku in _skus(item)}),
        )

    return await turn.ctx.db.read(unit)


def _skus(item: Voucher) -> Sequence[str]:
    """Articles that a coupon names."""
    scope = getattr(item.effect, "scope", None)
    return scope.skus if scope is not None else ()


# --- coupons ---------------------------------------------------------------------------------


def _coupons(turn: Turn, found: _Found) -> list[str]:
    _, mine = turn.say, found.mine
    if not mine:
        return []
    said = ["\n".join(map(str, _coupon(turn, item, found.goods))) for item in mine[:SHOWN]]
    said = _headed(_("🎟 <b>Your coupons</b>"), said)
    if len(mine) > SHOWN:
        said.append(str(_.plural("…and {n} more", "…and {n} more", len(mine) - SHOWN)))
    return said


def _coupon(turn: Turn, item: Voucher, goods: Mapping[str, str]) -> list[Markup]:
    _ = turn.say
    lines = [bold(item.name.said_in(_.language)), *_terms(turn, item, goods)]
    return [*lines, Markup("<code>{}</code>").format(vouchers.grouped(item.code))]


def _terms(turn: Turn, item: Voucher, goods: Mapping[str, str]) -> list[Markup]:
    """What the coupon does, from what sum on, and until when."""
    _, currency, zone = turn.say, turn.locale.currency, turn.locale.time_zone
    terms = []
    if item.is_gift_card:
        terms.append(_("Left on it: {money}", money=_.money(item.balance or 0, currency)))
    elif item.effect is not None and item.effect.kind != "gift_item":
        effect = say_effect(item.effect, _, currency, goods)
        terms.append(html(effect[:1].upper() + effect[1:]))
    if item.minimum:
        terms.append(_("On receipts from {money}", money=_.money(item.minimum, currency)))
    if item.starts_at is not None and item.starts_at > turn.now:
        first = _.day(clock.local_date(item.starts_at, zone))
        terms.append(_("Good from {day}", day=first))
    if item.ends_at is not None:
        last = clock.last_valid_day(item.ends_at, zone)
        day = _.day(last, year=last.year != turn.now.year)
        terms.append(_("Good through {day}", day=day))
    return terms


def _buttons(_: Translator, mine: Sequence[Voucher]) -> list[list[InlineKeyboardButton]]:
    rows = []
    names = [item.name.said_in(_.language) for item in mine]
    for item, name in zip(mine[:SHOWN], names, strict=False):
        short = _short(name, _LABEL)
        if names.count(name) > 1:
            # Of two alike, the end of the code tells which.
            short = f"{short} …{item.code[-4:]}"
        use = InlineKeyboardButton(text=f"🎟 {short}", callback_data=f"{USE}:{short_of(item.id)}")
        rows.append([use, _copy(_, item)])
    return rows


def _copy(_: Translator, item: Voucher) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=plain(_("📋 Copy")), copy_text=CopyTextButton(text=item.code))


def _past(turn: Turn, gone: Sequence[Past]) -> list[list[InlineKeyboardButton]]:
    """What was used or has run out lately, as buttons that do nothing."""
    _, zone = turn.say, turn.locale.time_zone
    rows = []
    for one in gone[:_PAST_SHOWN]:
        if one.was_used:
            on = _.day(clock.local_date(one.at, zone), short=True)
            end = plain(_("used {day}", day=on))
        else:
            on = _.day(clock.last_valid_day(one.at, zone), short=True)
            end = plain(_("ended {day}", day=on))
        mark = "✓" if one.was_used else "✕"
        room = _WHOLE_LABEL - len(end) - len(f"{mark}  · ")
        label = f"{mark} {_short(one.voucher.name.said_in(_.language), room)} · {end}"
        rows.append([InlineKeyboardButton(text=label, disabled=DisabledButton())])
    return rows


def _short(name: str, room: int) -> str:
    return name if len(name) <= room else name[: room - 1].rstrip() + "…"


async def use(turn: Turn) -> None:
    """One coupon for the cashier to scan; a used one is gone, and that is said."""
    found = await _own(turn)
    _ = turn.say
    if found is None:
        said = _("This coupon has been used or is over. Here is what is left 👇")
        await show_offers(turn, toast=said)
        return
    item, goods = found
    username = turn.ctx.bot_username
    content = item.code
    if _LINKABLE.match(item.code):
        content = f"https://t.me/{username}?start={LINK}{item.code}"
    picture = BufferedInputFile(await asyncio.to_thread(qr.png, content), "coupon.png")
    lines = [
        Markup("🎟 ") + bold(item.name.said_in(_.language)),
        _("Show this at the till together with your card, or say the code:"),
        Markup("<code>{}</code>").format(vouchers.grouped(item.code)),
        Markup(""),
        *_terms(turn, item, goods),
    ]
    rows = [
        [_copy(_, item), button(_("💳 Show my card"), menu.CARD)],
        [button(_("‹ Offers"), menu.OFFERS), *menu.back(_)],
    ]
    await turn.show_photo(picture, "\n".join(map(str, lines)).strip(), rows)


async def _own(turn: Turn) -> tuple[Voucher, Mapping[str, str]] | None:
    """The tapped coupon and what its goods are called, if it is this customer's and good."""
    person, voucher_id = turn.visitor.customer, number_of(turn.arg)
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> tuple[Voucher, Mapping[str, str]] | None:
        if voucher_id is None:
            return None
        item = vouchers.get(session, voucher_id=voucher_id)
        if item.customer_id != customer_id:
            raise VoucherNotFound(code="")
        if item.status != vouchers.ACTIVE:
            return None
        if item.ends_at is not None and item.ends_at <= turn.now:
            return None
        return item, last_names(session, _skus(item))

    try:
        return await turn.ctx.db.read(unit)
    except DomainError:
        return None


# --- promotions ------------------------------------------------------------------------------


def _running(turn: Turn, found: Offers) -> list[str]:
    _ = turn.say
    said = []
    for one in found.promotions[:SHOWN]:
        words = _in_words(turn, found, one.rules)
        said.append(f"{bold(one.rules.name.said_in(_.language))}\n{words}")
    said = _headed(_("✨ <b>Running now</b>"), said)
    said += [_goal(turn, found, goal) for goal in found.goals[:SHOWN]]
    coming = [_coming(turn, found, one) for one in found.soon[:SHOWN]]
    return [*said, *_headed(_("🗓 <b>Soon</b>"), coming)]


def _in_words(turn: Turn, found: Offers, rules: Promotion) -> Markup:
    """What a promotion gives and when, as a sentence of its own."""
    words = promotions.describe(
        turn.say,
        rules,
        currency=turn.locale.currency,
        names=found.names,
        audience=False,
        this_year=clock.local_date(turn.now, turn.locale.time_zone).year,
    )
    return words[:1].upper() + words[1:]


def _headed(head: Markup, parts: list[str]) -> list[str]:
    """The parts with a heading right above the first of them; nothing stays nothing."""
    return [f"{head}\n{parts[0]}", *parts[1:]] if parts else []


def _coming(turn: Turn, found: Offers, one: Live) -> str:
    """A promotion that is still ahead: its first day stands by its name, not in the sentence."""
    _, rules = turn.say, one.rules
    first = rules.when.starts_on
    assert first is not None
    bare = rules.model_copy(update={"when": rules.when.model_copy(update={"starts_on": None})})
    words = _in_words(turn, found, bare)
    name = bold(rules.name.said_in(_.language))
    today = clock.local_date(turn.now, turn.locale.time_zone)
    day = _.day(first, year=first.year != today.year)
    head = _("{name} – from {day}", name=name, day=day)
    return f"{head}\n{words}"


def _goal(turn: Turn, found: Offers, standing: GoalStanding) -> str:
    _, currency, rules = turn.say, turn.locale.currency, standing.live.rules
    effect = rules.effect
    assert isinstance(effect, Goal)
    words = _in_words(turn, found, rules)
    lines = [Markup("🎯 ") + bold(rules.name.said_in(_.language)), words]
    last_day = _.day(standing.ends_on)
    if standing.reached:
        lines.append(_("✅ Done! The next round begins after {day}.", day=last_day))
    elif effect.measure == "purchases":
        n, of = min(standing.purchases, effect.target), effect.target
        so_far = dots(n, of) if of <= 12 else f"{_.number(n)}/{_.number(of)}"
        lines.append(_("{so_far} until {day}", so_far=so_far, day=last_day))
    else:
        so_far = _("{done} of {all}", done=_.money(min(standing.spent, effect.target), currency),
                   all=_.money(effect.target, currency))  # fmt: skip
        lines.append(_("{so_far} until {day}", so_far=so_far, day=last_day))
    return "\n".join(map(str, lines))


MEMBERS = {menu.OFFERS: show_offers, USE: use}
