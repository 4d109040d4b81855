"""From the first /start to a customer: consent, the phone by contact button, advertising."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import structlog
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommandScopeChat, Contact
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot import commands
from bot.answers import Rows, Turn, button
from bot.customer import arriving, contact, greeting, menu, paper
from bot.words import sentence
from loyalty import consent, customers, joining, program
from loyalty.consent import ADS_TELEGRAM, PERSONAL_DATA
from loyalty.errors import NotYourContact
from loyalty.joining import Agreement, Joined
from loyalty.program import Program
from loyalty.texts import Translator, html, translator

log = structlog.get_logger("bot")

CONSENT, PHONE, ADS = "consent", "phone", joining.ASK_ADS
AGREE, TEXT, SHORT, OTHER_LANGUAGE = "join_agree", "join_text", "join_short", "join_lang"
ADS_YES, ADS_NO, ADS_LATER = "ads_yes", "ads_no", "ads_later"

_PAYLOAD = re.compile(r"[rskpc]_[A-Za-z0-9_-]{1,62}")


def remembered(payload: str | None) -> str | None:
    """The part of a start payload that is worth keeping until the person has joined."""
    return payload if payload and _PAYLOAD.fullmatch(payload) else None


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
    elif hint is None and step == joining.MOVED:
        words = turn.say(
            "🔐 The card that was here has moved to another Telegram account. "
            "If it was not you, tell our staff at once."
        )
        await ask_consent(turn, hint=words)
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
    words = greeting.greeting(turn.say, rules)
    await turn.show(f"{hint}\n\n{words}" if hint else words, _consent_rows(turn.say, text.version))


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
    person, telegram_id = turn.visitor.customer, turn.visitor.telegram_id

    def unit(session: Session) -> None:
        customers.open_chat(session, telegram_id=telegram_id, language=language, now=turn.now)
        customers.set_chat_language(session, telegram_id=telegram_id, language=language)
        if person is not None and language != person.language:
            customers.note_change(session, customer_id=person.id, field="language", now=turn.now)

    await turn.ctx.db.transact(unit)
    turn.say = translator(language)
    if not turn.visitor.is_cashier:
        await _set_commands(turn)


async def _set_commands(turn: Turn) -> None:
    """The command menu in the chosen language too (Telegram guesses it from the app's)."""
    scope = BotCommandScopeChat(chat_id=turn.visitor.chat_id)
    try:
        await turn.ctx.bot.set_my_commands(commands.menu(turn.say), scope=scope)
    except TelegramAPIError as problem:
        # The menu is a convenience: the chat speaks the chosen language without it.
        log.info("commands_not_set", problem=type(problem).__name__)


def _has_agreed(turn: Turn) -> bool:
    """Whether another tap than this one has agreed already: a double tap asks nothing twice."""
    chat = turn.visitor.chat
    waits = chat is not None and chat.step == PHONE and turn.visitor.customer is None
    return waits and turn.step_data.get("evidence") != turn.visitor.evidence


async def agree(turn: Turn) -> None:
    """The tap on "Agree and join": keep what was agreed to, and ask for the phone."""
    if is_member(turn):
        await resume(turn)
        return
    language, _colon, number = turn.arg.partition(":")
    visitor = turn.visitor
    if _has_agreed(turn):
        await turn.toast(turn.say("Now share your phone number with the button below 👇"))
        return

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
        await turn.show(turn.say("Thank you, your agreement is noted 💛"))
        await ask_phone(turn, keep_former=True)


# --- phone -----------------------------------------------------------------------------------


async def ask_phone(turn: Turn, *, hint: object | None = None, keep_former: bool = False) -> None:
    """The contact button; nothing can be typed instead, so the number is really theirs."""
    words = turn.say("One last step: share your phone number with the button below 👇")
    text = f"{hint}\n\n{words}" if hint else words
    await contact.ask_contact(turn, text, keep_former=keep_former)


async def take_text_at_phone(turn: Turn, text: str) -> None:
    """A typed text while the contact is expected: back, a number, or anything."""
    _ = turn.say
    if contact.is_back(text):
        await turn.ask(CONSENT)
        await contact.take_keyboard_away(turn, _("One step back 🙂"))
        await ask_consent(turn)
    elif contact.looks_like_phone(text):
        hint = _(
            "Please do not type the number: shared with the button, nobody else can join with it."
        )
        await ask_phone(turn, hint=hint)
    else:
        await ask_phone(
            turn, hint=_("I did not quite get that 🙂 The buttons below do everything.")
        )


async def take_contact(turn: Turn, shared: Contact, *, forwarded: bool) -> None:
    """A shared contact: join with it if it is the sender's own and was asked for.

    Raises:
        PhoneInvalid: not a phone number.
        CustomerBlocked: the program is closed to this customer.
    """
    chat = turn.visitor.chat
    if is_member(turn) and chat is not None and chat.step != ADS:
        await contact.take_new_number(turn, shared, forwarded=forwarded)
        return
    if turn.visitor.customer is not None or chat is None or chat.step != PHONE:
        await _take_unasked(turn)
        return
    if forwarded or shared.user_id != turn.visitor.telegram_id:
        await ask_phone(turn, hint=sentence(turn.say, NotYourContact()))
        return
    phone = customers.normalize_phone(shared.phone_number)
    given: dict[str, Any] = chat.step_data or {}
    joined, extra = await turn.ctx.db.transact(
        lambda session: _join(session, turn, phone, shared.first_name, given)
    )
    turn.ctx.wake()
    await greeting.say_joined(turn, joined, customers.clean_name(shared.first_name), extra)
    await ask_ads(turn)


async def _take_unasked(turn: Turn) -> None:
    """A contact that is not expected (any more): shared twice, or before agreeing."""
    if is_member(turn):
        # Joined a moment ago, or by this very update before a crash: the keys may still be open.
        await contact.take_keyboard_away(turn, turn.say("You are in 🎉"))
        await resume(turn)
        return
    await resume(turn, hint=turn.say("Thank you! First your agreement, then the number 🙂"))


def _join(
    session: Session, turn: Turn, phone: str, first_name: str, given: dict[str, Any]
) -> tuple[Joined, list[Markup]]:
    """Join, with what the links they came by bring; who joined, and the words for the links."""
    agreement = Agreement(
        version=int(given["version"]),
        language=str(given["language"]),
        at=datetime.fromisoformat(str(given["at"])),
        evidence=str(given["evidence"]),
    )
    telegram_id = turn.visitor.telegram_id
    came_by = joining.arrival(session, customers.links_of(session, telegram_id))
    joined = joining.join(
        session,
        keys=turn.ctx.keys,
        telegram_id=telegram_id,
        phone=phone,
        name=customers.clean_name(first_name),
        agreement=agreement,
        source=came_by.source,
        code=came_by.code,
        card_of=paper.card_of(session, turn, came_by.claims),
        time_zone=turn.ctx.settings.time_zone,
        now=turn.now,
    )
    brought = [
        arriving.said_of_invitation(session, turn, joined.invited) if joined.invited else None,
        *arriving.claim_all(session, turn, came_by.claims, customer_id=joined.customer_id),
    ]
    return joined, [words for words in brought if words is not None]


# --- advertising -----------------------------------------------------------------------------


async def ask_ads(turn: Turn, *, hint: object | None = None) -> None:
    """The separate, optional question; no answer is a no."""
    _ = turn.say
    words = _(
        "May I write to you about gifts and offers? Rarely and never at night. "
        "It is optional: the card works either way."
    )
    rows = [
        [button(_("Yes, please 🎁"), ADS_YES), button(_("No, thanks"), ADS_NO)],
        [button(_("Later"), ADS_LATER)],
    ]
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


async def answer_ads_later(turn: Turn) -> None:
    """No answer yet, which is a no; the question is not asked by itself again."""
    chat = turn.visitor.chat
    if is_member(turn) and chat is not None and chat.step == ADS:
        await turn.ask(None)
        words = turn.say("All right 🙂 You can decide under “My data”.")
        await menu.show_menu(turn, head=words)
        return
    await resume(turn)


OPEN = {ADS_LATER: answer_ads_later}
OPEN_STEPS = {PHONE: take_text_at_phone}
"""Steps of people who have not joined yet."""
