"""Stamps, coupons, promotions, the level and invitations as a customer sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import clock, customers, stamps, vouchers
from loyalty.customers import customer
from loyalty.db import Database
from loyalty.ids import short_of
from loyalty.program import LocalText, PointsGift
from loyalty.program.rules import COFFEE_CARD
from loyalty.promotions.model import FixedPoints, Goal, NthFree
from loyalty.stamps import stamp_balance
from loyalty.vouchers import voucher
from tests.bot import gifts
from tests.bot.phone import Phone, Telegram, until
from tests.bot.test_customer import card_text


@pytest.fixture
async def ann(running: RunningBot, telegram: Telegram) -> Phone:
    """A customer with the menu before them."""
    phone = await telegram.person(1, first_name="Ann")
    await phone.joins()
    return phone


async def id_of(db: Database, telegram_id: int = 1) -> int:
    """The customer behind a chat."""
    found = await db.read(lambda s: customers.find_by_telegram(s, telegram_id))
    assert found is not None
    return found.id


async def give_stamps(db: Database, customer_id: int, n: int) -> None:
    """So many stamps on the coffee card, as a gift."""
    now = clock.now()
    await db.transact(
        lambda s: stamps.grant(
            s,
            rule=COFFEE_CARD,
            customer_id=customer_id,
            stamps=n,
            cause_kind="test",
            cause_id=str(n),
            actor="system",
            day=now.date(),
            now=now,
        )
    )


async def test_stamps_what_is_next_and_the_gift(ann: Phone, db: Database) -> None:
    me = await id_of(db)
    await ann.tap("☕️ Stamps")
    assert "○○○○ 🎁" in (await ann.reads("Coffee card"))["text"]
    await give_stamps(db, me, 3)
    await ann.send("/stamps")
    shown = await ann.reads("●●●○ 🎁")
    assert "1 more stamp and it is yours: Free coffee" in shown["text"]
    await give_stamps(db, me, 2)
    await db.transact(lambda s: s.execute(sa.update(stamp_balance).values(debt=2)))
    await ann.tap("« Menu")
    await ann.tap("☕️ Stamps")
    shown = await ann.reads("●○○○ 🎁")
    assert "After a return 2 stamps are missing" in shown["text"]
    assert "Cards filled so far: 1" in shown["text"]
    assert "1 gift is waiting" in shown["text"]
    await ann.tap("🎟 Show my gifts")
    await ann.reads("Your coupons")


async def test_a_coupon_is_shown_used_and_gone(ann: Phone, db: Database) -> None:
    me = await id_of(db)
    await ann.tap("🎟 Offers")
    await ann.reads("No coupons or offers right now")
    made = await gifts.coupon(db, me, minimum=500_00, valid_days=10, time_zone="Europe/Moscow")
    await ann.send("/offers")
    text = (await ann.reads("Your coupons"))["text"]
    assert "Ten percent" in text
    assert "10% off" in text.replace("\u00a0", "")
    assert "On receipts from ₽500" in text
    assert "Good through" in text
    assert vouchers.grouped(made.code) in text
    assert (await ann.tap("📋 Copy"))["copied"] == made.code
    await ann.tap("🎟 Ten percent")
    picture = await ann.reads("Show this at the till")
    assert (await card_text(ann, picture)).endswith(f"?start=v_{made.code}")
    await ann.send("/offers")
    await ann.with_button("🎟 Ten percent")
    await db.transact(
        lambda s: s.execute(sa.update(voucher).values(status=vouchers.REDEEMED, used=1))
    )
    answer = await ann.tap("🎟 Ten percent")
    assert "has been used" in answer["answer"]["text"]
    await ann.reads("No coupons or offers right now")


async def test_nobody_sees_anothers_coupon(
    running: RunningBot, ann: Phone, telegram: Telegram, db: Database
) -> None:
    bob = await telegram.person(2)
    await bob.joins()
    made = await gifts.coupon(db, await id_of(db))
    answer = await _forged(running, bob, f"use:{short_of(made.id)}")
    assert "has been used or is over" in answer
    assert not [m for m in await bob.from_bot() if m.get("photo")]
    for data in ("use:", "use:!!", "use:zzzzzzzzzzzzz"):
        assert "has been used or is over" in await _forged(running, bob, data)


async def _forged(running: RunningBot, phone: Phone, data: str) -> str:
    """The answer to a tap on a button that is not there."""
    message = (await phone.from_bot())[-1]
    update = {
        "update_id": 2**40 + hash(data) % 10**6,
        "callback_query": {
            "id": f"q{data}",
            "from": {"id": phone.id, "is_bot": False, "first_name": "X"},
            "chat_instance": "1",
            "message": {
                "message_id": message["message_id"],
                "date": 0,
                "chat": {"id": phone.id, "type": "private", "first_name": "X"},
            },
            "data": data,
        },
    }
    await running.intake.put([update])
    await running.idle()
    answers = await phone.telegram.requests("answerCallbackQuery")
    found = [a for a in answers if a["parameters"]["callback_query_id"] == f"q{data}"]
    return str(found[0]["parameters"].get("text") or "")


async def test_promotions_that_concern_me_and_a_goal(ann: Phone, db: Database) -> None:
    today = clock.now().date()
    coffee = FixedPoints(points=50)
    await gifts.run(db, coffee, en="Morning coffee", ru="Утренний кофе", to_minute=660)
    await gifts.run(db, coffee, en="For VIPs", ru="Для своих", segments=("vip",))
    await gifts.run(db, coffee, en="Long ago", ru="Давно", ends_on=today - timedelta(days=2))
    await gifts.run(db, coffee, en="Welcome", ru="С почином", segments=("newcomers",))
    visits = Goal(target=3, gift=PointsGift(points=70))
    await gifts.run(db, visits, en="Three visits", ru="Три визита")
    await ann.send("/offers")
    text = (await ann.reads("Running now"))["text"]
    assert "Morning coffee\n+50 points for a purchase, until 11:00" in text
    assert "Welcome\n+50 points" in text
    assert "newcomers" not in text, "nobody is told the segment they are in"
    assert "For VIPs" not in text
    assert "Long ago" not in text
    assert "🎯 Three visits\n3 purchases within a week – a gift: 70 points\n○○○ until" in text


async def test_what_is_ahead_is_told_as_soon(ann: Phone, db: Database) -> None:
    today = clock.local_date(clock.now(), "Europe/Moscow")
    week, month = today + timedelta(days=7), today + timedelta(days=40)
    coffee = FixedPoints(points=50)
    await gifts.run(db, coffee, en="Autumn", ru="Осень", starts_on=week, from_minute=480)
    await gifts.run(db, coffee, en="Far away", ru="Нескоро", starts_on=month)
    visits = Goal(target=3, gift=PointsGift(points=70))
    tomorrow = today + timedelta(days=1)
    await gifts.run(db, visits, en="Three visits", ru="Три визита", starts_on=tomorrow)
    # Over since its hours have passed today, and since yesterday.
    await gifts.run(db, coffee, en="Gone", ru="Ушла", ends_on=today, to_minute=0)
    await gifts.run(db, coffee, en="Past", ru="Было", ends_on=today - timedelta(days=1))
    await ann.send("/offers")
    text = (await ann.reads("Soon"))["text"]
    assert "Running now" not in text
    assert not any(name in text for name in ("Far away", "Gone", "Past"))
    visits_line = f"Three visits – from {tomorrow.day} "
    assert visits_line in text
    assert f"Autumn – from {week.day} " in text
    assert "+50 points for a purchase, from 8:00" in text
    assert text.index(visits_line) < text.index("Autumn"), "the nearest first"
    nth = NthFree(n=3)
    await gifts.run(db, nth, en="Today", ru="Сегодня", starts_on=today)
    await ann.send("/offers")
    text = (await ann.reads("Running now"))["text"]
    sentence = text[text.index("Today\n") :].splitlines()[1]
    assert sentence[0].isupper()
    assert str(today.year) not in sentence, "this year goes without saying"
    assert text.index("Running now") < text.index("Today") < text.index("Soon")


async def test_the_level_its_bar_and_perks(ann: Phone, db: Database) -> None:
    await ann.tap("💰 Points")
    text = (await ann.reads("You have 100 points"))["text"]
    assert "🏅 Bronze · 5 % back in points" in text
    assert "▱▱▱▱▱ ₽10,000 to Silver" in text
    await db.transact(lambda s: s.execute(sa.update(customer).values(tier="gold")))
    await ann.send("/balance")
    assert "10 % back" in (await ann.reads("the highest level"))["text"]


async def test_invitation_with_link_code_and_qr(ann: Phone, db: Database) -> None:
    await ann.tap("🤝 Invite")
    shown = await ann.reads("Invite a friend")
    assert (
        "first purchase of ₽500 or more you both get 100 points. They come after 14 days"
        in shown["text"]
    )
    code = shown["text"].split("Your code: ")[1].split()[0]
    address = f"https://t.me/bot42_bot?start=r_{code}"
    assert address in shown["text"]
    share = shown["buttons"][0][0]["url"]
    assert share.startswith("https://t.me/share/url?url=https%3A%2F%2Ft.me%2Fbot42_bot")
    assert (await ann.tap("📋 Copy the link"))["copied"] == address
    await ann.tap("📷 Show the QR")
    assert await card_text(ann, await ann.reads("Let your friend scan this")) == address


async def test_everything_in_russian(running: RunningBot, telegram: Telegram, db: Database) -> None:
    olya = await telegram.person(2, first_name="Оля", language_code="ru")
    await olya.joins(russian=True)
    me = await id_of(db, 2)
    await give_stamps(db, me, 2)
    name = LocalText(ru="Кофе в подарок", en="Free coffee")
    await gifts.coupon(db, me, name=name, effect=gifts.FREE_COFFEE)
    await olya.tap("☕️ Штампы")
    assert (
        "Ещё 2 штампа — и это ваше: Кофе в подарок" in (await olya.reads("Кофейная карта"))["text"]
    )
    await olya.send("/offers")
    await olya.reads("Ваши купоны")
    await olya.tap("🎟 Кофе в подарок")
    await olya.reads("Покажите на кассе")
    await olya.send("/invite")
    assert (
        "вы оба получите по 100 баллов. Они придут через 14 дней"
        in (await olya.reads("Пригласите друга"))["text"]
    )
    await olya.send("/balance")
    assert "до Серебра" in (await olya.reads("Бронза"))["text"]


async def test_the_command_menu_has_them_all(running: RunningBot, telegram: Telegram) -> None:
    async def announced() -> bool:
        return len(await telegram.requests("setMyCommands")) >= 3

    await until(announced, "the menus")
    sent = await telegram.requests("setMyCommands")
    assert all(name in str(sent[0]["parameters"]) for name in ("stamps", "offers", "invite"))
