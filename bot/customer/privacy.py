"""What we hold, what was agreed to and when, and taking it back in one step."""

from __future__ import annotations

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import join, menu
from bot.customer.profile import hidden
from loyalty import clock, consent, customers
from loyalty.consent import ADS_TELEGRAM, PERSONAL_DATA, Standing
from loyalty.texts import Translator

WITHDRAW, WITHDRAW_SURE = "privacy_leave", "privacy_leave_sure"


async def show_privacy(turn: Turn) -> None:
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
    standing = await turn.ctx.db.read(
        lambda session: consent.standing(session, customer_id=customer_id)
    )
    lines = [
        _("🔒 <b>Your data</b>"),
        _("Name: {name}", name=person.name) if person.name else None,
        _("Phone: {phone}", phone=hidden(person.phone)) if person.phone else None,
        _("Birthday: {day}.{month}", day=person.birth_day, month=f"{person.birth_month:02d}")
        if person.birth_day and person.birth_month
        else None,
        _("Also your purchases, your points and what we wrote to you."),
        "",
        _("<b>Your agreements</b>"),
        _standing(_, _("Personal data"), standing.get(PERSONAL_DATA), turn.locale.time_zone),
        _standing(_, _("Offers in Telegram"), standing.get(ADS_TELEGRAM), turn.locale.time_zone),
    ]
    ads = standing.get(ADS_TELEGRAM)
    await turn.show(
        "\n".join(str(line) for line in lines if line is not None),
        _rows(turn, ads_on=bool(ads and ads.granted)),
    )


def _rows(turn: Turn, *, ads_on: bool) -> list[list[InlineKeyboardButton]]:
    _ = turn.say
    if not turn.visitor.consented:
        return [[button(_("Join again"), menu.MENU)]]
    ads = (
        button(_("🔕 Stop offers"), join.ADS_NO)
        if ads_on
        else button(_("🎁 Get offers"), join.ADS_YES)
    )
    return [
        [ads, button(_("Full text 📄"), join.TEXT)],
        [button(_("Take back my agreement"), WITHDRAW)],
        menu.back(_),
    ]


def _standing(_: Translator, label: Markup, last: Standing | None, zone: str) -> Markup:
    if last is None:
        return _("▫️ {what}: not given", what=label)
    day = _.day(clock.local_date(last.at, zone), year=True)
    if last.granted:
        return _("✅ {what}: given on {day}", what=label, day=day)
    return _("▫️ {what}: taken back on {day}", what=label, day=day)


async def ask_withdraw(turn: Turn) -> None:
    """Say honestly what taking the agreement back means, and ask once."""
    _ = turn.say
    text = _(
        "If you take your agreement back, I stop your card and write nothing more to you. Your "
        "points stay in the books and wait: they come back if you join again. Erasing your name "
        "and phone for good is done by our staff on request: just ask them."
    )
    rows = [
        [button(_("Yes, stop my card"), WITHDRAW_SURE)],
        [button(_("Keep my card 💛"), menu.MENU)],
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
        [[button(_("Join again"), menu.MENU)]],
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


MEMBERS = {WITHDRAW: ask_withdraw, WITHDRAW_SURE: withdraw}
OPEN = {menu.PRIVACY: show_privacy}
