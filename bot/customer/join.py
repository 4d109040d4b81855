"""From the first /start to a customer: consent, the phone by contact button, advertising."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from aiogram.types import (
    Contact,
    KeyboardButton,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Rows, Turn, button
from bot.customer import arriving, menu
from loyalty import consent, customers, joining, program
from loyalty.consent import ADS_TELEGRAM, PERSONAL_DATA
from loyalty.errors import NotYourContact
from loyalty.joining import Agreement, Joined
from loyalty.program import Program
from loyalty.purchases import claims
from loyalty.texts import Translator, html, plain

CONSENT, PHONE, ADS = "consent", "phone", joining.ASK_ADS
AGREE, TEXT, SHORT, OTHER_LANGUAGE = "join_agree", "join_text", "join_short", "join_lang"
ADS_YES, ADS_NO = "ads_yes", "ads_no"

_PAYLOAD = re.compile(r"^(?:[rsk]_[A-Za-z0-9_-]{1,62})$")


def remembered(payload: str | None) -> str | None:
    """The part of a start payload that is worth keeping until the person has joined."""
    return payload if payload and _PAYLOAD.match(payload) else None


def is_member(turn: Turn) -> bool:
    """Whether this person is a customer whose agreement stands."""
    return turn.visitor.customer is not None and turn.visitor.consented


async def resume(turn: Turn, *, hint: object | None = None) -> None:
    """Ask again what was asked last; for a member who has answered everything, the menu."""
    chat = turn.visitor.chat
    step = chat.step if chat else None
    if is_member(turn):
        if step == ADS:
            await ask_ads(turn, hint=hint)
        else:
            await menu.show_menu(turn, head=hint)
    elif step == PHONE and turn.visitor.customer is None:
        await ask_phone(turn, hint=hint)
    else:
        await ask_consent(turn, hint=hint)


# --- consent ---------------------------------------------------------------------------------


async def ask_consent(turn: Turn, *, hint: object | None = None) -> None:
    """The greeting: what the program gives, what is agreed to, one button to agree."""
    language = turn.say.language

    def unit(session: Session) -> tuple[Program, consent.ConsentText]:
        if turn.visitor.chat is None:
            # A tap or a text may be the first we hear of this chat (or after it was forgotten).
            customers.open_chat(
                session, telegram_id=turn.visitor.telegram_id, language=language, now=turn.now
            )
        text = consent.current_text(session, purpose=PERSONAL_DATA, language=language)
        return program.current(session, now=turn.now).program, text

    rules, text = await turn.ctx.db.transact(unit)
    words = _greeting(turn.say, rules)
    await turn.show(f"{hint}\n\n{words}" if hint else words, _consent_rows(turn.say, text.version))


def _greeting(_: Translator, rules: Program) -> str:
    rate = rules.tiers[0].earn_rate_bp
    percent = _.number(rate // 100) if rate % 100 == 0 else f"{rate / 100:g}"
    lines = [
        _("Hi! 👋 This is your loyalty card, right here in Telegram."),
        "",
        _("🎁 {points} as a welcome gift", points=_.points(rules.welcome_points))
        if rules.welcome_points
        else None,
        _("💛 {percent} % back in points from every purchase", percent=percent),
        _("💳 nothing to install and nothing to carry"),
        "",
        _(
            "To open the card I need your agreement to keep your name, phone and purchases. "
            "They are only used for the card and never sold; you can take it back at any time."
        ),
    ]
    return "\n".join(str(line) for line in lines if line is not None)


def _consent_rows(_: Translator, version: int, *, full: bool = False) -> Rows:
    other = "English 🇬🇧" if _.language == "ru" else "Русский 🇷🇺"
    reading = button(_("Back"), SHORT) if full else button(_("Full text 📄"), TEXT)
    return [
        [button(_("Agree and join ✅"), f"{AGREE}:{_.language}:{version}")],
        [reading, button(other, OTHER_LANGUAGE)],
    ]


async def show_full_text(turn: Turn) -> None:
    """The whole text of the consent, in place, with the button to agree under it."""
    language = turn.say.language
    text = await turn.ctx.db.read(
        lambda session: consent.current_text(session, purpose=PERSONAL_DATA, language=language)
    )
    rows = menu.back(turn.say) if is_member(turn) else None
    await turn.show(
        html(text.body), [rows] if rows else _consent_rows(turn.say, text.version, full=True)
    )


async def switch_language(turn: Turn) -> None:
    """The greeting in the other language, in place."""
    other = "en" if turn.say.language == "ru" else "ru"
    await set_language(turn, other)
    await resume(turn)


async def set_language(turn: Turn, language: str) -> None:
    """Speak ``language`` in this chat from now on, and in this very answer."""
    from loyalty.texts import translator

    def unit(session: Session) -> None:
        telegram_id = turn.visitor.telegram_id
        customers.open_chat(session, telegram_id=telegram_id, language=language, now=turn.now)
        customers.set_chat_language(session, telegram_id=telegram_id, language=language)

    await turn.ctx.db.transact(unit)
    turn.say = translator(language)


async def agree(turn: Turn) -> None:
    """The tap on "Agree and join": keep what was agreed to, and ask for the phone."""
    if is_member(turn):
        await resume(turn)
        return
    language, _colon, number = turn.arg.partition(":")
    visitor = turn.visitor

    def unit(session: Session) -> bool:
        try:
            text = consent.text_version(
                session,
                purpose=PERSONAL_DATA,
                language=language,
                version=int(number) if number.isascii() and number.isdigit() else 0,
            )
        except LookupError:
            return False
        if visitor.customer is not None:
            consent.record(
                session,
                customer_id=visitor.customer.id,
                purpose=PERSONAL_DATA,
                granted=True,
                language=text.language,
                channel="bot",
                evidence=visitor.evidence,
                now=turn.now,
                text=text,
            )
            return True
        if visitor.chat is None:
            customers.open_chat(
                session,
                telegram_id=visitor.telegram_id,
                language=turn.say.language,
                now=turn.now,
            )
        customers.set_step(
            session,
            telegram_id=visitor.telegram_id,
            step=PHONE,
            data={
                "version": text.version,
                "language": text.language,
                "at": turn.now.isoformat(),
                "evidence": visitor.evidence,
            },
        )
        return True

    if not await turn.ctx.db.transact(unit):
        await ask_consent(turn)
    elif visitor.customer is not None:
        await menu.show_menu(turn, head=turn.say("Welcome back! 💛"))
    else:
        await ask_phone(turn)


# --- phone -----------------------------------------------------------------------------------


async def ask_phone(turn: Turn, *, hint: object | None = None) -> None:
    """The contact button; nothing can be typed instead, so the number is really theirs."""
    _ = turn.say
    words = _("One last step: share your phone number with the button below 👇")
    markup = ReplyKeyboardMarkup(
        keyboard=[
            [KeyboardButton(text=plain(_("📱 Share my phone number")), request_contact=True)]
        ],
        resize_keyboard=True,
        one_time_keyboard=True,
    )
    await turn.send(f"{hint}\n\n{words}" if hint else words, markup)


async def take_contact(turn: Turn, contact: Contact, *, forwarded: bool) -> None:
    """A shared contact: join with it if it is the sender's own and was asked for.

    Raises:
        NotYourContact: somebody else's, or a forwarded one.
        PhoneInvalid: not a phone number.
        CustomerBlocked: the program is closed to this customer.
    """
    chat = turn.visitor.chat
    if turn.visitor.customer is not None or chat is None or chat.step != PHONE:
        if is_member(turn) and chat is not None and chat.step == ADS:
            # Joined by this very update before a crash: the contact button is still open.
            await turn.send(turn.say("Welcome! 🎉"), ReplyKeyboardRemove())
        await resume(turn)
        return
    if forwarded or contact.user_id != turn.visitor.telegram_id:
        raise NotYourContact()
    phone = customers.normalize_phone(contact.phone_number)
    given: dict[str, Any] = chat.step_data or {}
    joined, extra = await turn.ctx.db.transact(
        lambda session: _join(session, turn, phone, contact.first_name, given)
    )
    turn.ctx.wake()
    await _say_joined(turn, joined, customers.clean_name(contact.first_name), extra)
    await ask_ads(turn)


def _join(
    session: Session, turn: Turn, phone: str, first_name: str, given: dict[str, Any]
) -> tuple[Joined, Markup | None]:
    """Join, with what the link they came by brings; who joined, and the words for the link."""
    agreement = Agreement(
        version=int(given["version"]),
        language=str(given["language"]),
        at=datetime.fromisoformat(str(given["at"])),
        evidence=str(given["evidence"]),
    )
    payload = turn.visitor.chat.start_payload if turn.visitor.chat else None
    joined = joining.join(
        session,
        keys=turn.ctx.keys,
        telegram_id=turn.visitor.telegram_id,
        phone=phone,
        name=customers.clean_name(first_name),
        agreement=agreement,
        source=joining.source_of(session, payload),
        time_zone=turn.ctx.settings.time_zone,
        now=turn.now,
    )
    extra = None
    if joined.invited is not None:
        extra = arriving.said_of_invitation(session, turn, joined.invited)
    elif payload is not None and payload.startswith(claims.PREFIX):
        extra = arriving.claim(session, turn, payload, customer_id=joined.customer_id)
    return joined, extra


async def _say_joined(turn: Turn, joined: Joined, name: str | None, extra: Markup | None) -> None:
    _ = turn.say
    lines = [_("Welcome, {name}! 🎉", name=name) if name else _("Welcome! 🎉")]
    if not joined.created:
        lines.append(_("I found your card: everything you have earned is here 💛"))
    if joined.welcome:
        lines.append(_("Your gift: <b>{points}</b>", points=_.points(joined.welcome)))
    if extra is not None:
        lines.append(extra)
    if joined.frozen_until is not None:
        moment = _.moment(joined.frozen_until, turn.locale.time_zone)
        lines.append(
            _(
                "Your card came from another Telegram account, so points can be spent from "
                "{moment}. Our staff can lift this sooner.",
                moment=moment,
            )
        )
    await turn.send("\n".join(map(str, lines)), ReplyKeyboardRemove())


# --- advertising -----------------------------------------------------------------------------


async def ask_ads(turn: Turn, *, hint: object | None = None) -> None:
    """The separate, optional question; no answer is a no."""
    _ = turn.say
    words = _(
        "May I write to you about gifts and offers? Rarely and never at night. "
        "It is optional: the card works either way."
    )
    rows = [[button(_("Yes, please 🎁"), ADS_YES)], [button(_("No, thanks"), ADS_NO)]]
    await turn.show(f"{hint}\n\n{words}" if hint else words, rows)


async def answer_ads(turn: Turn, *, granted: bool) -> None:
    """The answer to the question, or the one-tap change of it later."""
    if not is_member(turn):
        await resume(turn)
        return
    visitor = turn.visitor
    assert visitor.customer is not None
    customer_id = visitor.customer.id

    def unit(session: Session) -> None:
        consent.record(
            session,
            customer_id=customer_id,
            purpose=ADS_TELEGRAM,
            granted=granted,
            language=turn.say.language,
            channel="bot",
            evidence=visitor.evidence,
            now=turn.now,
        )
        if visitor.chat is not None and visitor.chat.step == ADS:
            customers.set_step(session, telegram_id=visitor.telegram_id, step=None)

    await turn.ctx.db.transact(unit)
    _ = turn.say
    await menu.show_menu(
        turn,
        head=_("Thank you! I will only write when it is worth it 🎁")
        if granted
        else _("All right, no offers. You can change your mind under “My data”."),
    )
