"""The phone number: asked for by Telegram's own button only, so that it is really theirs.

The button is a key of the reply keyboard; the keyboard goes away as soon as it has served.
"""

from __future__ import annotations

from aiogram.types import Contact, KeyboardButton, ReplyKeyboardMarkup, ReplyKeyboardRemove
from sqlalchemy.orm import Session

from bot.answers import Turn
from bot.customer import menu
from loyalty import customers
from loyalty.errors import PhoneTaken
from loyalty.texts import LANGUAGES, N_, plain, translator

NUMBER = "number"
"""The button of the profile, and the step in which a customer may share a new number."""

BACK = N_("‹ Back")


def is_back(text: str) -> bool:
    """Whether the key "‹ Back" was pressed (or its words typed), in any language."""
    typed = text.strip().casefold()
    return any(plain(translator(language)(BACK)).casefold() == typed for language in LANGUAGES)


def looks_like_phone(text: str) -> bool:
    """Whether somebody typed a number instead of sharing it."""
    return 6 <= sum(sign.isdigit() for sign in text) <= 15 and len(text) <= 32


async def ask_contact(
    turn: Turn, words: object, *, once: bool = False, keep_former: bool = False
) -> None:
    """``words`` with the key that shares the number and the key that leads back.

    ``once``: the keys fold up after the first press; else they stay until taken away.
    ``keep_former``: the screen above stays, it says something of its own.
    """
    _ = turn.say
    share = KeyboardButton(text=plain(_("📱 Share my phone number")), request_contact=True)
    keys = [[share], [KeyboardButton(text=plain(_(BACK)))]]
    markup = ReplyKeyboardMarkup(keyboard=keys, resize_keyboard=True, one_time_keyboard=once)
    await turn.question(words, markup, keep_former=keep_former)


async def take_keyboard_away(turn: Turn, words: object) -> None:
    """Say ``words`` and remove the keys."""
    await turn.send(words, ReplyKeyboardRemove())


# --- a customer's new number -----------------------------------------------------------------


async def ask_new_number(turn: Turn) -> None:
    """How a number is changed, and the key that does it."""
    await turn.ask(NUMBER)
    await ask_contact(
        turn,
        turn.say(
            "Have you a new number in Telegram? Share it with the button below 👇 "
            "Your card and points stay as they are."
        ),
        once=True,
    )


async def take_text_at_number(turn: Turn, text: str) -> None:
    """A typed text while a contact is expected."""
    _ = turn.say
    if is_back(text):
        await turn.ask(None)
        await take_keyboard_away(turn, _("All right, the number stays 🙂"))
        await menu.show_menu(turn)
        return
    words = _("I can only take a number shared with the button below 👇 Typed ones do not count.")
    await ask_contact(turn, words, once=True)


async def take_new_number(turn: Turn, shared: Contact, *, forwarded: bool) -> None:
    """A contact from somebody who has joined: their own new number is taken over.

    Raises:
        PhoneInvalid: not a phone number.
    """
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    if forwarded or shared.user_id != turn.visitor.telegram_id:
        words = _("Thank you, but a card only carries its owner's own number 🙂")
        await take_keyboard_away(turn, words)
        await menu.show_menu(turn)
        return
    phone, customer_id = customers.normalize_phone(shared.phone_number), person.id
    waits = turn.visitor.chat is not None and turn.visitor.chat.step == NUMBER

    def unit(session: Session) -> bool:
        if waits:
            turn.set_step(session, None)
        return customers.change_phone(
            session, keys=turn.ctx.keys, customer_id=customer_id, phone=phone, now=turn.now
        )

    try:
        changed = await turn.ctx.db.transact(unit)
    except PhoneTaken:
        words = _(
            "This number belongs to another card, so I leave everything as it is. "
            "Our staff can help you at the till."
        )
    else:
        words = (
            _("Done: your number is now {phone} 👍", phone=hidden(phone))
            if changed or turn.visitor.again
            else _("This number is on your card already 👍")
        )
    await take_keyboard_away(turn, words)
    await menu.show_menu(turn)


def hidden(phone: str | None) -> str:
    """A phone number with its middle covered: a screen is seen by others too."""
    return f"{phone[:2]} ••• {phone[-4:]}" if phone and len(phone) > 6 else ""


MEMBERS = {NUMBER: ask_new_number}
STEPS = {NUMBER: take_text_at_number}
