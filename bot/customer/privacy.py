"""What we hold, what was agreed to and when, taking it along and taking it back."""

from __future__ import annotations

import asyncio
import json
from datetime import date

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import join, leaving, menu
from bot.customer.contact import hidden
from bot.customer.privacy_erase import ERASE, FILE
from loyalty import clock, consent, customers, privacy
from loyalty.consent import ADS_TELEGRAM, PERSONAL_DATA, PURPOSES
from loyalty.privacy import Agreed, Held
from loyalty.texts import Translator, html

WITHDRAW, WITHDRAW_SURE = "privacy_leave", "privacy_leave_sure"
ADS, TEXT = "privacy_ads", "privacy_text"

_LIKES_SHOWN = 3
_LONGEST_TEXT = 3500
"""What is longer does not fit into a message, and comes as a file."""


async def show_privacy(turn: Turn, *, toast: object = "") -> None:
    """What is kept about this person, and their consents with dates."""
    person, _ = turn.visitor.customer, turn.say
    if person is None:
        text = _(
            "🔒 You have not joined, so I keep nothing about you but this chat's language. "
            "If you stay silent for a week, I forget that too."
        )
        rows = [[button(_("Full text 📄"), join.TEXT)], [button(_("Join the program"), menu.MENU)]]
        await turn.show(text, rows)
        return
    customer_id = person.id
    held = await turn.ctx.db.read(
        lambda session: privacy.held(session, customer_id=customer_id, now=turn.now)
    )
    agreed = {item.purpose: item for item in held.agreed}
    zone = turn.locale.time_zone
    lines = [
        _("🔒 <b>Your data</b>"),
        *_kept(_, held, zone),
        "",
        _("<b>Your agreements</b>"),
        _standing(_, _("Personal data"), agreed.get(PERSONAL_DATA), zone),
        _standing(_, _("Offers in Telegram"), agreed.get(ADS_TELEGRAM), zone),
        leaving.line(turn),
    ]
    await turn.show(
        "\n".join(str(line) for line in lines if line is not None),
        _rows(turn, agreed),
        toast=toast,
    )


def _kept(_: Translator, held: Held, zone: str) -> list[Markup | None]:
    """What is kept, in at most five lines; what is not told takes none."""
    who = [held.name, hidden(held.phone), held.email, held.city]
    if held.birthday:
        day, month, year = held.birthday
        who.append(_.day(date(year or 2000, month, day), year=year is not None))
    since = _.day(clock.local_date(held.since, zone), year=True)
    likes = list(held.interests[:_LIKES_SHOWN])
    said = [
        _.plural("{n} rating", "{n} ratings", held.ratings) if held.ratings else None,
        _.plural("{n} talk with us", "{n} talks with us", held.talks) if held.talks else None,
    ]
    told = " · ".join(str(part) for part in said if part)
    return [
        _("👤 {what}", what=" · ".join(part for part in who if part)),
        _(
            "🧾 {purchases} · with us since {day}",
            purchases=_.plural("{n} purchase", "{n} purchases", held.purchases),
            day=since,
        ),
        _("💬 {what}", what=told) if told else None,
        _("❤️ {what}", what=", ".join(likes)) if likes else None,
        _("Also your points, your language and clock, and what I wrote to you."),
    ]


def _standing(_: Translator, label: Markup, last: Agreed | None, zone: str) -> Markup:
    if last is None:
        return _("▫️ {what}: not given", what=label)
    day = _.day(clock.local_date(last.at, zone), year=True)
    if last.granted:
        return _("✅ {what}: given on {day}", what=label, day=day)
    return _("▫️ {what}: taken back on {day}", what=label, day=day)


def _rows(turn: Turn, agreed: dict[str, Agreed]) -> list[list[InlineKeyboardButton]]:
    _ = turn.say
    texts = [
        button(label, f"{TEXT}:{PURPOSES.index(purpose)}")
        for purpose, label in (
            (PERSONAL_DATA, _("📜 Data: the text")),
            (ADS_TELEGRAM, _("📜 Offers: the text")),
        )
        if purpose in agreed
    ]
    rows = [texts] if texts else []
    rows += [list(row) for row in leaving.rows(turn)]
    file = button(_("📄 Get my data as a file"), FILE)
    erase = button(_("🗑 Erase my data"), ERASE)
    is_leaving = leaving.line(turn) is not None
    if not turn.visitor.consented:
        rows += [[file], *([] if is_leaving else [[erase]])]
        return [*rows, [button(_("Join again"), menu.MENU)]]
    ads = agreed.get(ADS_TELEGRAM)
    if not is_leaving:
        wanted = button(_("🔕 Stop offers"), f"{ADS}:0")
        if ads is None or not ads.granted:
            wanted = button(_("🎁 Get offers"), f"{ADS}:1")
        rows.append([wanted])
    rows.append([file])
    if not is_leaving:
        rows += [[button(_("Take back my agreement"), WITHDRAW)], [erase]]
    return [*rows, menu.back(_)]


# --- agreements ------------------------------------------------------------------------------


async def show_text(turn: Turn) -> None:
    """The very text that was agreed to, in the language it was read in."""
    person, _ = turn.visitor.customer, turn.say
    purpose = {str(n): name for n, name in enumerate(PURPOSES)}.get(turn.arg)
    if person is None or purpose is None:
        await show_privacy(turn)
        return
    customer_id = person.id
    text = await turn.ctx.db.read(
        lambda session: privacy.agreed_text(session, customer_id=customer_id, purpose=purpose)
    )
    if text is None:
        await show_privacy(turn)
        return
    back = [[button(_("‹ Back"), menu.PRIVACY)]]
    if len(text.body) <= _LONGEST_TEXT:
        await turn.show(html(text.body), back)
        return
    await turn.send_file(f"{purpose.replace(':', '-')}-{text.version}.txt", text.body.encode())
    await turn.show(_("The text is in the file above: it is too long for a message."), back)


async def change_ads(turn: Turn) -> None:
    """Offers on or off, as the button said, in place."""
    person, _ = turn.visitor.customer, turn.say
    if person is None or not turn.visitor.consented or turn.arg not in ("0", "1"):
        await show_privacy(turn)
        return
    customer_id, granted = person.id, turn.arg == "1"

    def unit(session: Session) -> None:
        consent.record(
            session,
            customer_id=customer_id,
            purpose=ADS_TELEGRAM,
            granted=granted,
            language=turn.say.language,
            channel="bot",
            evidence=turn.visitor.evidence,
            now=turn.now,
        )

    await turn.ctx.db.transact(unit)
    turn.ctx.wake()
    await show_privacy(turn, toast=_("Offers are on 🎁") if granted else _("Offers are off 🔕"))


async def ask_withdraw(turn: Turn) -> None:
    """Say honestly what taking the agreement back means, and ask once."""
    _ = turn.say
    text = _(
        "If you take your agreement back, I stop your card and write nothing more to you. Your "
        "points wait and come back if you join again. To have your name, phone and all the rest "
        "erased for good, choose “Erase my data” instead."
    )
    rows = [
        [button(_("Yes, stop my card"), WITHDRAW_SURE)],
        [button(_("🗑 Erase my data"), ERASE)],
        [button(_("‹ No, keep my card"), menu.PRIVACY)],
    ]
    await turn.show(text, rows)


async def withdraw(turn: Turn) -> None:
    """Take every agreement back: advertising first, then personal data."""
    visitor, person = turn.visitor, turn.visitor.customer
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> None:
        for purpose in (ADS_TELEGRAM, PERSONAL_DATA):
            consent.record(
                session,
                customer_id=customer_id,
                purpose=purpose,
                granted=False,
                language=turn.say.language,
                channel="bot",
                evidence=visitor.evidence,
                now=turn.now,
            )
        # What was shown a minute ago opens nothing any more.
        customers.renew_card(session, customer_id=customer_id, now=turn.now)
        customers.set_step(session, telegram_id=visitor.telegram_id, step=None)

    await turn.ctx.db.transact(unit)
    _ = turn.say
    await turn.show(
        _(
            "Done. Your card is stopped and I will not write to you. "
            "Thank you for the time with us 💛"
        ),
        [[button(_("Join again"), menu.MENU)], [button(_("🔒 My data"), menu.PRIVACY)]],
    )


async def stop_ads(turn: Turn) -> None:
    """``/stop``: advertising ends at once, with a way back in one tap."""
    visitor, person, _ = turn.visitor, turn.visitor.customer, turn.say
    if person is None:
        await turn.show(_("I do not send you any offers 🙂"))
        return
    customer_id = person.id

    def unit(session: Session) -> None:
        consent.record(
            session,
            customer_id=customer_id,
            purpose=ADS_TELEGRAM,
            granted=False,
            language=turn.say.language,
            channel="bot",
            evidence=visitor.evidence,
            now=turn.now,
        )
        if visitor.chat is not None and visitor.chat.step == join.ADS:
            customers.set_step(session, telegram_id=visitor.telegram_id, step=None)

    await turn.ctx.db.transact(unit)
    turn.ctx.wake()
    text = _("🔕 Done: no more offers. Your card, points and receipts stay as they are.")
    await turn.show(text, [[button(_("Turn offers back on"), join.ADS_YES)], menu.back(_)])


# --- the file --------------------------------------------------------------------------------


async def send_file(turn: Turn) -> None:
    """Everything we hold, as a file in the chat; a few times a day, since it takes work."""
    person, _ = turn.visitor.customer, turn.say
    if person is None:
        await show_privacy(turn)
        return
    customer_id, db = person.id, turn.ctx.db
    taken = await db.transact(
        lambda session: privacy.take_export(
            session,
            customer_id=customer_id,
            actor=f"customer:{customer_id}",
            evidence=turn.visitor.evidence,
            now=turn.now,
        )
    )
    if not taken:
        await turn.toast(
            _.plural(
                "You have had the file {n} time today: it is above. Tomorrow you can get it anew.",
                "You have had the file {n} times today: it is above. Tomorrow you can get it anew.",
                privacy.EXPORTS_A_DAY,
            ),
            alert=True,
        )
        return
    await turn.toast(_("Putting it together…"))
    currency = turn.locale.currency
    document = await db.read(
        lambda session: privacy.export(
            session, customer_id=customer_id, now=turn.now, currency=currency
        )
    )
    # Years of receipts take a while to write down; the other chats need not wait for it.
    content = await asyncio.to_thread(
        lambda: json.dumps(document, ensure_ascii=False, indent=1).encode()
    )
    day = clock.local_date(turn.now, turn.locale.time_zone)
    await turn.send_file(
        f"my-data-{day.isoformat()}.json",
        content,
        _("📄 Everything I hold about you. Any text editor opens it."),
    )


MEMBERS = {WITHDRAW: ask_withdraw, WITHDRAW_SURE: withdraw}
OPEN = {menu.PRIVACY: show_privacy, TEXT: show_text, ADS: change_ads, FILE: send_file}
