"""Which update goes to which handler of the till."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, CommandStart
from aiogram.types import Message

from bot import commands
from bot.cashier import (
    approving,
    asking,
    extras,
    guests,
    joining,
    lines,
    opening,
    places,
    returning,
    screens,
    selling,
    shift,
    undo,
)
from bot.cashier.till import (
    COUPON,
    PART,
    RETURN,
    STEP,
    SUM,
    AnsweredBefore,
    AtTill,
    InStep,
    Refusals,
    home_of,
    how_to_begin,
    step_of,
)
from bot.context import Context, Visitor
from loyalty.purchases import hold_words
from loyalty.texts import Translator

TAPS: dict[str, Callable[..., Awaitable[Any]]] = {
    "sale:confirm:": selling.confirm,
    "sale:all:": selling.spend_all,
    "sale:part:": selling.ask_part,
    "sale:ask:": asking.ask_tap,
    "sale:none:": selling.spend_none,
    "sale:cancel:": selling.cancel,
    "sale:show:": extras.back,
    "sale:st:": extras.set_stamps,
    "sale:code:": extras.ask_code,
    "sale:own:": extras.use_own,
    "sale:drop:": extras.drop,
    "sale:cat:": lines.set_category,
    "sale:more:": lines.ask_item,
    "sale:less:": lines.drop_item,
    "sale:again:": guests.again,
    "sale:new": guests.ask_how,
    "sale:guest": guests.without_paper,
    "sale:card:": guests.show_card,
    "sale:late:": guests.ask_late,
    "sale:put:": guests.put,
    "undo:ask:": undo.ask,
    "undo:do:": undo.do,
    "undo:back:": undo.back,
    "undo:again:": undo.again,
    "place:choose": places.choose,
    "place:at:": places.stand,
    "place:home": places.home,
    "ret:view:": returning.view,
    "ret:pick:": returning.view,
    "ret:take:": returning.do,
    # A button of before lines could be taken in part: the sale is shown anew.
    "ret:do:": returning.view,
    "ret:close": returning.close,
    "till:sale": guests.ask_for_card,
    "till:return": returning.list_sales,
    "till:shift": shift.shift,
    "till:help": joining.help_text,
}
"""Every button of the till, by what its data begins with."""
# The question for many points, to the customer: of a cashier's till and of a till program.
QUESTIONS: dict[str, Callable[..., Awaitable[Any]]] = {
    "hold:yes:": asking.agree,
    "hold:no:": asking.refuse,
    hold_words.YES: approving.agree,
    hold_words.NO: approving.refuse,
}
ELSEWHERE = re.compile(r"[rsk]_.")
"""Links that bring something to whoever opens them: those are the customer's side."""
COMMANDS: dict[str, Callable[..., Awaitable[Any]]] = {
    "sale": guests.ask_for_card,
    "return": returning.list_sales,
    "shift": shift.shift,
    "help": joining.help_text,
}
_OTHERS = "|".join(("start", "menu", *commands.CUSTOMER))
KNOWN = re.compile(rf"/({_OTHERS})(@\w+)?(\s|$)", re.IGNORECASE)
"""Commands that are answered on the customer's side."""
SUM_LIKE = re.compile(r"[\s₽$€0-9.,+'’]*[0-9][\s₽$€0-9.,+'’]*$")
OURS = F.data.regexp(r"^(sale|ret|till|undo|place):")


def router() -> Router:
    """Everything cashiers do; ``j_`` links for anybody; what is not ours is passed on."""
    whole = Router(name="cashier")
    whole.include_routers(_invitations(), _customers(), _till(), _outsiders())
    return whole


def _invitations() -> Router:
    part = Router(name="cashier-invitations")
    link = CommandStart(deep_link=True, magic=F.args.startswith("j_"))
    part.message.register(joining.join, link)
    return part


def _customers() -> Router:
    part = Router(name="cashier-customers")
    part.callback_query.middleware(Refusals())
    for data, handler in QUESTIONS.items():
        part.callback_query.register(handler, F.data.startswith(data))
    return part


def _till() -> Router:
    part = Router(name="cashier-till")
    for observer in (part.message, part.callback_query):
        observer.filter(AtTill())
        observer.middleware(Refusals())
    texts = part.message
    card_link = CommandStart(deep_link=True, magic=F.args.startswith("c_"))
    texts.register(opening.scan_link, card_link)
    coupon_link = CommandStart(deep_link=True, magic=F.args.startswith("v_"))
    texts.register(extras.scan_coupon, coupon_link)
    texts.register(joining.start, CommandStart(deep_link=False, magic=~F.args, ignore_case=True))
    unknown_link = ~F.args.regexp(ELSEWHERE)
    texts.register(joining.start, CommandStart(deep_link=True, magic=unknown_link))
    for name, handler in COMMANDS.items():
        texts.register(handler, Command(name, ignore_case=True))
    answer = ~F.text.regexp(KNOWN) & ~F.text.startswith("/start") & ~F.contact
    texts.register(lines.show_again, AnsweredBefore(), answer)
    texts.register(opening.scan_text, F.text.regexp(opening.CARD_LINK))
    texts.register(extras.take_code, F.text.regexp(extras.LINK))
    # Before the 8 digits of a card: a code may be of digits only.
    texts.register(extras.take_code, InStep(COUPON), answer)
    texts.register(opening.scan_text, F.text.regexp(opening.CODE))
    texts.register(lines.take_sum, InStep(SUM), answer)
    texts.register(selling.take_part, InStep(PART), answer)
    texts.register(returning.take_number, InStep(RETURN), answer)
    texts.register(not_understood, answer)
    taps = part.callback_query
    for data, handler in TAPS.items():
        taps.register(handler, F.data.startswith(data))
    taps.register(selling.unknown_tap, OURS)
    return part


def _outsiders() -> Router:
    part = Router(name="cashier-outsiders")
    for observer in (part.message, part.callback_query):
        observer.middleware(Refusals())
    tills = Command("sale", "return", "shift", ignore_case=True)
    part.message.register(joining.outsider_command, tills)
    part.callback_query.register(joining.outsider_tap, OURS)
    return part


async def not_understood(message: Message, ctx: Context, visitor: Visitor, _: Translator) -> None:
    """What a cashier sends out of the blue: how to begin, unless it is the customer's side."""
    step = step_of(visitor)
    # A cashier may be a customer too, in the same chat; a bare sum is meant for the till.
    is_sum = step is None and SUM_LIKE.match(message.text or "") is not None
    other_side = visitor.customer is not None and not is_sum
    if other_side or (step is not None and not step.startswith(STEP)):
        raise SkipHandler
    _hello, buttons = await home_of(ctx, visitor, _)
    words = _("I did not understand that 🙂") + " " + how_to_begin(_)
    await screens.send(ctx, visitor, words, buttons)
