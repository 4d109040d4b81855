"""Stars for a purchase: a tap, then a few words if one likes, then what fits the score.

Words to a low score begin a talk with the staff; after five stars the invitation is offered.
The question for words is kept in the database, so a restart between the two loses nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Rows, Turn
from bot.answers import button as _button
from bot.customer import help, menu, talk
from loyalty import clock, feedback, program
from loyalty.errors import PurchaseNotFound, RatingClosed
from loyalty.ids import number_of, short_of
from loyalty.texts import Translator

RATE, SKIP, WORDS = "rate", "rate_skip", "rate_text"
TALK = "talk"
WORDS_WITHIN = timedelta(days=1)
"""So long after the tap a typed text is taken for words to the rating."""

_INVITE_FROM = 4
_STARS = range(feedback.WORST, feedback.BEST + 1)


def button(_: Translator, purchase_id: int) -> InlineKeyboardButton:
    """The button that asks how a purchase was, for the screens that show one."""
    return _button(_("⭐ Rate"), f"{RATE}:{short_of(purchase_id)}")


def _stars(short: str) -> list[InlineKeyboardButton]:
    return [_button(f"{score} ⭐", f"{RATE}:{short}:{score}") for score in _STARS]


async def rate(turn: Turn) -> None:
    """``rate:PURCHASE`` asks for a score, ``rate:PURCHASE:SCORE`` takes it."""
    short, _colon, given = turn.arg.partition(":")
    purchase_id = number_of(short)
    score = int(given) if len(given) == 1 and given in "12345" else None
    if purchase_id is None or (given and score is None):
        await help.stale(turn)
        return
    try:
        if score is None:
            await _ask(turn, purchase_id, short)
        else:
            await _take(turn, purchase_id, short, score)
    except PurchaseNotFound:
        # Somebody else's or nobody's: a forged button learns nothing.
        await help.stale(turn)
    except RatingClosed as closed:
        _ = turn.say
        days = int(closed.facts["days"])
        text = _.plural(
            "A purchase can be rated within {n} day, and this was longer ago. But we are glad to "
            "hear from you any time 💛",
            "A purchase can be rated within {n} days, and this was longer ago. But we are glad to "
            "hear from you any time 💛",
            days,
        )
        await turn.show(text, _to_talk(_))


async def _ask(turn: Turn, purchase_id: int, short: str) -> None:
    customer_id = _me(turn)
    found = await turn.ctx.db.read(
        lambda session: feedback.subject(session, customer_id=customer_id, purchase_id=purchase_id)
    )
    _ = turn.say
    day = _.day(clock.local_date(found.sold_at, turn.locale.time_zone))
    lines = [
        _("⭐ <b>How was it?</b>"),
        _(
            "Your purchase of {money} on {day}",
            money=_.money(found.total, turn.locale.currency),
            day=day,
        ),
    ]
    if found.outlet:
        lines[-1] = lines[-1] + Markup(" · {}").format(found.outlet)
    if found.score is not None:
        lines.append(_("Your score now: {score} of 5", score=found.score))
    await turn.show("\n".join(map(str, lines)), [_stars(short), menu.back(_)])


async def _take(turn: Turn, purchase_id: int, short: str, score: int) -> None:
    customer_id = _me(turn)
    until = int((turn.now + WORDS_WITHIN).timestamp())

    def unit(session: Session) -> feedback.Rated:
        rated = feedback.rate(
            session, customer_id=customer_id, purchase_id=purchase_id, score=score, now=turn.now
        )
        turn.set_step(session, WORDS, {"purchase": short, "score": score, "until": until})
        return rated

    rated = await turn.ctx.db.transact(unit)
    _ = turn.say
    lines = [_thanks(_, score)]
    if rated.before is not None and rated.changed:
        lines.append(
            _("Your score was {before}, now it is {score}.", before=rated.before, score=score)
        )
    lines.append(_question(_, score))
    skip = _button(_("Skip"), f"{SKIP}:{short}:{score}")
    await turn.show("\n".join(map(str, lines)), [[skip], menu.back(_)])


def _thanks(_: Translator, score: int) -> Markup:
    if score == feedback.BEST:
        return _("🌟 <b>5 of 5: thank you!</b>")
    if score > feedback.SORRY:
        return _("💛 <b>{score} of 5: thank you!</b>", score=score)
    return _("😔 <b>{score} of 5: we are sorry.</b>", score=score)


def _question(_: Translator, score: int) -> Markup:
    if score == feedback.BEST:
        return _("What did you like best? Type a few words, or skip.")
    if score > feedback.SORRY:
        return _("What would have made it a 5? Type a few words, or skip.")
    return _("What went wrong? Type it here: our team will read it and answer you.")


async def skip(turn: Turn) -> None:
    """``rate_skip:PURCHASE:SCORE``: no words; thanks, and what fits the score."""
    await turn.ask(None)
    _short, _colon, given = turn.arg.partition(":")
    score = int(given) if given in ("1", "2", "3", "4", "5") else 0
    _ = turn.say
    if 0 < score <= feedback.SORRY:
        text = _("All right. If you feel like writing later, we read everything 💛")
        await turn.show(text, _to_talk(_))
        return
    await _part(turn, _("Thank you, see you soon! 💛"), score)


async def take_words(turn: Turn, text: str) -> None:
    """The words typed after the stars."""
    customer_id = _me(turn)
    purchase_id = number_of(str(turn.step_data.get("purchase", "")))
    if purchase_id is None or help.is_late(turn):
        await help.too_late(turn)
        return

    def unit(session: Session) -> feedback.Commented:
        said = feedback.comment(
            session,
            customer_id=customer_id,
            purchase_id=purchase_id,
            text=text,
            key=turn.visitor.evidence,
            now=turn.now,
        )
        turn.set_step(session, None)
        if said.talk_id is not None:
            talk.listen(turn, session, None)
        return said

    said = await turn.ctx.db.transact(unit)
    _ = turn.say
    if said.talk_id is not None:
        turn.ctx.wake()
        text = _("🙏 Thank you for telling us. Our team will look into it and answer right here.")
        more = _("Anything to add? Just type it.")
        await turn.show(Markup("{} {}").format(text, more), [menu.back(_)])
        return
    await _part(turn, _("🙏 Thank you! The team will be glad to read it."), said.score)


async def _part(turn: Turn, thanks: Markup, score: int) -> None:
    """Thanks; after five stars the invitation beside them, where it fits."""
    _, customer_id = turn.say, _me(turn)
    rows: list[list[InlineKeyboardButton]] = [menu.back(_)]
    lines = [thanks]
    if score == feedback.BEST:

        def may_invite(session: Session) -> bool:
            rules = program.current(session, now=turn.now).program
            last = feedback.last_score(session, customer_id)
            return rules.referral.enabled and (last is None or last >= _INVITE_FROM)

        if await turn.ctx.db.read(may_invite):
            lines.append(_("Would a friend like it here too? There are gifts for you both 🎁"))
            rows.insert(0, [_button(_("🤝 Invite a friend"), menu.INVITE)])
    await turn.show("\n\n".join(map(str, lines)), rows)


def _to_talk(_: Translator) -> Rows:
    return [[_button(_("💬 Write to us"), TALK)], menu.back(_)]


def _me(turn: Turn) -> int:
    person = turn.visitor.customer
    assert person is not None
    return person.id


MEMBERS: dict[str, Callable[[Turn], Awaitable[None]]] = {RATE: rate, SKIP: skip}
STEPS: dict[str, Callable[[Turn, str], Awaitable[None]]] = {WORDS: take_words}
