"""Help, and answers to what the bot does not understand."""

from __future__ import annotations

from bot.answers import Turn, button, quietly
from bot.customer import join, menu
from loyalty import customers
from loyalty.texts import Translator


async def show_help(turn: Turn) -> None:
    """What the bot can do, in a few lines; for a stranger, how to begin."""
    if not join.is_member(turn):
        await join.resume(
            turn, hint=turn.say("I keep your loyalty card. Joining takes a minute 🙂")
        )
        return
    _ = turn.say
    # The commands are all in the text: the whole menu below it would fill two screens.
    await turn.show(_help(_), [[button(_("💬 Write to us"), menu.TALK)], menu.back(_)])


def _help(_: Translator) -> str:
    lines = [
        _("❓ <b>How it works</b>"),
        _("• Show your card at the till: points come from every purchase."),
        _("• Pay with points whenever you like: just tell the cashier."),
        _("• Points that end soon are under “Points”."),
        "",
        _("/card your card\n/balance your points\n/history how they came and went"),
        _("/stamps your stamp cards\n/offers your coupons and our offers"),
        _("/invite a link for a friend\n/profile your profile\n/language the language"),
        _("/privacy your data\n/stop no more offers"),
    ]
    return "\n".join(map(str, lines))


async def not_understood(turn: Turn, *, content: str) -> None:
    """A helpful answer to a text, a picture or anything else nobody asked for."""
    _ = turn.say
    # The question below has other buttons than the menu.
    asked = turn.visitor.chat is not None and turn.visitor.chat.step == join.ADS
    if content == "text" and (asked or not join.is_member(turn)):
        hint = _("I did not quite get that 🙂 The buttons below do everything.")
    elif content == "text":
        hint = _(
            "I did not quite get that 🙂 The buttons below do everything, and “Write to us” "
            "reaches our people."
        )
    elif content in ("photo", "video", "document", "animation"):
        hint = _("Thank you! I cannot look at pictures and files, but the buttons below work.")
    elif content in ("voice", "audio", "video_note"):
        hint = _("I cannot listen to recordings yet. The buttons below do everything.")
    elif content == "sticker":
        hint = _("Nice one! 😊 The buttons below do everything.")
    else:
        hint = _("I cannot do anything with that, but the buttons below work.")
    await join.resume(turn, hint=hint)


def is_late(turn: Turn) -> bool:
    """Whether words come after the time the open question waited for them (its ``until``)."""
    if turn.visitor.again:
        return False  # they were in time when they came
    return int(turn.step_data.get("until", 0)) < turn.now.timestamp()


async def too_late(turn: Turn) -> None:
    """Words for a question that waits no longer: a text like any other."""
    telegram_id = turn.visitor.telegram_id
    # Not as an answer to it: handled again, these words must not be taken for words in time.
    await turn.ctx.db.transact(
        lambda session: customers.set_step(session, telegram_id=telegram_id, step=None)
    )
    await not_understood(turn, content="text")


async def stale(turn: Turn) -> None:
    """A tap on a button that means nothing (any more)."""
    await turn.toast(turn.say("This button is old. Here is what you need 👇"))
    await join.resume(turn)


async def close_old(turn: Turn, message_id: int) -> None:
    """A tap on a screen that is not the newest: say so and close it; what comes, comes below."""
    await turn.toast(turn.say("This menu is an old one. The newest is below 👇"))
    await quietly(
        turn.ctx.bot.edit_message_reply_markup(
            chat_id=turn.visitor.chat_id, message_id=message_id, reply_markup=None
        )
    )
    turn.fresh = True
