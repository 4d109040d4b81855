"""Points, stamps, coupons and invitations at a glance: short, whole, and nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import clock, program, vouchers
from loyalty.db import Database
from loyalty.ids import new_id, short_of
from loyalty.program import LocalText, PercentOff, Scope
from loyalty.promotions.model import Bundle, BundleItem, FixedPoints
from loyalty.purchases import Line
from loyalty.receipts import last_names
from loyalty.referrals import referral
from loyalty.vouchers import voucher, voucher_use
from loyalty.wallet.tables import account
from tests.bot import gifts
from tests.bot.phone import Phone, Telegram
from tests.bot.purse import Shop, give, id_of
from tests.bot.taps import tap_raw
from tests.bot.test_card import member
from tests.bot.test_history import labels

FULLEST = {
    "ru": (
        "У вас 130 баллов",
        "130\u00a0₽",
        "В пути: 37 с",
        "Потратьте до",
        "7 баллов",
        "тратить",
        "Бронза",
    ),
    "en": (
        "You have 130 points: ₽130 off",
        "On the way: 37 from",
        "Spend by",
        "7 points are owed",
        "paused until",
        "Bronze",
    ),
}


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_fullest_balance_fits_a_phone(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    me, shop = await id_of(db), await Shop.open(db)
    for days in (400, 30, 3):
        await give(db, me, 10, expires_at=clock.now() + timedelta(days=days))
    await shop.sell(me)
    frozen = clock.now() + timedelta(days=2)
    change = sa.update(account).values(frozen_until=frozen, frozen_reason="staff", debt=7)
    await db.transact(lambda s: s.execute(change))
    await ann.send("/balance")
    text = (await ann.reads("130"))["text"]
    assert text.count("\n") < 12, text
    for words in FULLEST[language]:
        assert words in text, (words, text)
    assert ("позже" if language == "ru" else "later") in text, "what ends last is summed up"
    rows = labels(await ann.reads("130"))
    assert len(rows) == 3
    assert len(rows[1]) == 2


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_used_and_past_coupons_stand_at_the_end_disabled(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    me, now = await id_of(db), clock.now()
    long_name = LocalText(ru="Очень длинное название купона", en="A coupon with a very long name")
    made = [await gifts.coupon(db, me, name=long_name) for _n in range(3)]
    used, past, old = (one.id for one in made)
    good = await gifts.coupon(db, me)

    def unit(session: sa.orm.Session) -> None:
        for item, at in ((used, now - timedelta(days=2)), (old, now - timedelta(days=40))):
            change = sa.update(voucher).where(voucher.c.id == item)
            session.execute(change.values(status=vouchers.REDEEMED, used=1))
            session.execute(
                sa.insert(voucher_use).values(
                    id=new_id(), voucher_id=item, customer_id=me, purchase_id=new_id(), at=at,
                    amount=1, actor="system",
                )
            )  # fmt: skip
        ended = sa.update(voucher).where(voucher.c.id == past)
        session.execute(ended.values(ends_at=now - timedelta(days=1)))

    await db.transact(unit)
    await ann.send("/offers")
    shown = await ann.reads("Ваши купоны" if language == "ru" else "Your coupons")
    assert shown["text"].count("A coupon") + shown["text"].count("Очень") == 0
    buttons = [button for row in shown["buttons"] for button in row]
    gone = [button for button in buttons if "disabled" in button]
    assert [button["text"][0] for button in gone] == ["✕", "✓"]
    for button in gone:
        assert len(button["text"]) <= 30
        assert not button.get("callback_data")
    assert buttons.index(gone[0]) == len(buttons) - 3
    # The list on another phone still has the button of a coupon that is used by now.
    said = await tap_raw(running, ann, f"use:{short_of(used)}", message_id=shown["message_id"])
    assert said.text
    ask = await tap_raw(running, ann, f"use:{short_of(good.id)}", message_id=shown["message_id"])
    assert ask.text == ""
    picture = (await ann.from_bot())[-1]
    assert picture["photo"]
    assert labels(picture)[-1] == (
        ["‹ Купоны", "« Меню"] if language == "ru" else ["‹ Offers", "« Menu"]
    )


async def test_goods_are_called_as_they_were_last_sold(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram)
    me, shop = await id_of(db), await Shop.open(db)
    for name in ("Old latte", "Oat latte"):
        await shop.sell(me, Line(amount=100, price=100, sku="l-1", name=name))
    await shop.sell(me, Line(amount=100, price=100, sku="B-2", name="Bun"))
    points = FixedPoints(points=5)
    await gifts.run(db, points, en="Latte week", ru="Неделя латте", scope=Scope(skus=("L-1",)))
    both = (BundleItem(scope=Scope(skus=("L-1",))), BundleItem(scope=Scope(skus=("b-2", "Z-9"))))
    await gifts.run(db, Bundle(items=both, price=300_00), en="Breakfast", ru="Завтрак")
    effect = PercentOff(rate_bp=1000, scope=Scope(skus=("B-2",)))
    await gifts.coupon(db, me, effect=effect)
    await ann.send("/offers")
    text = (await ann.reads("Latte week"))["text"]
    assert "+5 points for “Oat latte”" in text
    assert "“Bun”, “Z-9”" in text
    assert "(Bun)" in text
    found = await db.read(lambda s: last_names(s, ["L-1", "nothing"]))
    assert found == {"l-1": "Oat latte"}
    assert await db.read(lambda s: last_names(s, [])) == {}


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_invitations_say_when_the_month_is_full(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    me, now = await id_of(db), clock.now()
    limit = (await db.read(lambda s: program.current(s, now=now))).program.referral.monthly_limit
    for number in range(limit):
        await _friend(telegram, db, me, 10 + number)
        if number == 0:
            await ann.send("/invite")
            shown = await ann.reads("Пригласите друга" if language == "ru" else "Invite a friend")
            assert "🏆" not in shown["text"]
    await ann.send("/invite")
    shown = await ann.reads("все 10 наград" if language == "ru" else "all 10 rewards")
    assert len(shown["text"].split("\n")) <= 16
    await ann.tap("📷 Показать QR" if language == "ru" else "📷 Show the QR")
    picture = await ann.reads("Пусть друг" if language == "ru" else "Let your friend scan")
    assert picture["photo"]
    await ann.tap("‹ Друзья" if language == "ru" else "‹ Invite")
    await ann.reads("все 10 наград" if language == "ru" else "all 10 rewards")
    await running.idle()
    assert not [m for m in await ann.from_bot() if m.get("photo")]


async def _friend(telegram: Telegram, db: Database, me: int, number: int) -> None:
    """A friend who came, bought and was rewarded for."""
    phone: Phone = await telegram.person(number)
    await phone.joins()
    friend, now = await id_of(db, number), clock.now()
    await db.transact(
        lambda s: s.execute(
            sa.insert(referral).values(
                friend_id=friend,
                referrer_id=me,
                status="rewarded",
                started_at=now,
                decided_at=now,
                decided_by="system",
            )
        )
    )


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_stamps_of_several_cards(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    rules = (await db.read(lambda s: program.current(s, now=clock.now()))).program
    coffee = rules.stamp_cards[0]
    cards = tuple(
        coffee.model_copy(
            update={"key": f"c{n}", "name": LocalText(ru=f"Карта {n}", en=f"Card {n}")}
        )
        for n in range(7)
    )
    many = rules.model_copy(update={"stamp_cards": cards})

    def unit(session: sa.orm.Session) -> None:
        number = sa.select(sa.func.max(program.program_version.c.number))
        session.execute(
            sa.insert(program.program_version).values(
                id=new_id(),
                number=session.execute(number).scalar_one() + 1,
                status="published",
                rules=many.model_dump(mode="json"),
                author="test",
                created_at=clock.now(),
                effective_from=clock.now(),
            )
        )

    await db.transact(unit)
    await ann.send("/stamps")
    shown = await ann.reads("Карта 0" if language == "ru" else "Card 0")
    assert shown["text"].count("🎁") == 5
    assert ("…и ещё 2" if language == "ru" else "…and 2 more") in shown["text"]
