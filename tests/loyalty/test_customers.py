"""The card and its codes, phones, birthdays, chats."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from loyalty import customers
from loyalty.customers import card_use, customer, telegram_chat
from loyalty.errors import (
    BirthdayInvalid,
    CodeInvalid,
    CustomerBlocked,
    PhoneInvalid,
    TooManyTries,
)
from loyalty.tokens import Keys
from tests.world import World

KEYS = Keys("a secret for tests")


async def test_token_identifies_and_spends_once(world: World) -> None:
    who = await world.customer()
    now = world.now
    shown = await world.db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=who, now=now)
    )
    link = f"https://t.me/some_bot?start=c_{shown.token}"

    async def identify(minutes: float = 0) -> customers.Identified:
        at = now + timedelta(minutes=minutes)
        return await world.db.read(
            lambda s: customers.identify_token(s, keys=KEYS, token=link, now=at)
        )

    found = await identify()
    assert (found.customer_id, found.may_redeem, found.reason) == (who, True, None)
    assert not (await identify(10)).may_redeem
    assert (await identify(10)).reason == "stale"
    assert found.card_key is not None
    nonce = found.card_key.removeprefix("n:")
    await world.db.transact(
        lambda s: s.execute(sa.insert(card_use).values(nonce=nonce, customer_id=who, used_at=now))
    )
    assert (await identify(1)).reason == "used"
    await world.db.transact(lambda s: s.execute(sa.update(customer).values(status="blocked")))
    with pytest.raises(CustomerBlocked):
        await identify()


async def test_forged_tokens(world: World) -> None:
    who = await world.customer()
    shown = await world.db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=who, now=world.now)
    )
    for token in ("", "c_", "A" * 39, shown.token[:-1], shown.token[::-1], "ё" * 39):
        with pytest.raises(CodeInvalid):
            await world.db.read(
                lambda s, t=token: customers.identify_token(s, keys=KEYS, token=t, now=world.now)
            )
    with pytest.raises(CodeInvalid):
        await world.db.read(
            lambda s: customers.identify_token(
                s, keys=Keys("another"), token=shown.token, now=world.now
            )
        )


async def test_code_is_as_short_lived_and_tries_are_few(world: World) -> None:
    who = await world.customer()
    now = world.now
    shown = await world.db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=who, now=now)
    )

    async def identify(code: str, *, by: str = "till", seconds: float = 0) -> int | None:
        at = now + timedelta(seconds=seconds)
        found = await world.db.transact(
            lambda s: customers.identify_code(s, code=code, by=by, now=at)
        )
        return found.customer_id if found else None

    spaced = f" {shown.code[:4]} {shown.code[4:]}"
    assert await identify(spaced) == who
    assert await identify(shown.code, seconds=600) is None
    wrong = "00000000" if shown.code != "00000000" else "00000001"
    for code in (wrong, "", "12", "abcdefgh", wrong):
        assert await identify(code, by="other") is None
    with pytest.raises(TooManyTries) as refused:
        await identify(shown.code, by="other")
    assert 0 < refused.value.facts["retry_after_s"] <= 61
    assert await identify(shown.code) == who, "another till is not punished"
    assert await identify(shown.code, by="other", seconds=61) == who


async def test_an_eager_refresher_keeps_a_few_codes(world: World) -> None:
    who = await world.customer()
    for n in range(80):
        at = world.now + timedelta(seconds=n)
        await world.db.transact(
            lambda s, at=at: customers.show_card(s, keys=KEYS, customer_id=who, now=at)
        )
    count = await world.db.read(
        lambda s: s.execute(sa.select(sa.func.count()).select_from(customers.card_code)).scalar()
    )
    assert count is not None
    assert count <= 61


@pytest.mark.parametrize(
    ("typed", "day", "month", "year"),
    [
        ("5.6", 5, 6, None),
        ("05.06.1990", 5, 6, 1990),
        (" 5/6/1990 ", 5, 6, 1990),
        ("1990-06-05", 5, 6, 1990),
        ("29.02", 29, 2, None),
        ("29.02.2024", 29, 2, 2024),
        ("05.06.1990 г.", 5, 6, 1990),
    ],
)
def test_birthdays_as_people_type_them(typed: str, day: int, month: int, year: int | None) -> None:
    born = customers.parse_birthday(typed, today=date(2026, 3, 2))
    assert (born.day, born.month, born.year) == (day, month, year)


@pytest.mark.parametrize(
    "typed",
    ["", "soon", "31.02", "0.0", "29.02.2023", "01.01.2027", "01.01.1800", "5.6.90", "1" * 500],
)
def test_what_is_no_birthday(typed: str) -> None:
    with pytest.raises(BirthdayInvalid):
        customers.parse_birthday(typed, today=date(2026, 3, 2))


async def test_a_changed_birthday_counts_from_next_year(world: World) -> None:
    who = await world.customer()
    set_at = sa.select(customer.c.birthday_set_at).where(customer.c.id == who)
    for born, changed in (((5, 6), False), ((5, 6), False), ((6, 6), True)):
        birthday = customers.Birthday(*born)
        await world.db.transact(
            lambda s, b=birthday: customers.set_birthday(
                s, customer_id=who, birthday=b, now=world.now
            )
        )
        kept = await world.db.read(lambda s: s.execute(set_at).scalar_one())
        assert (kept is not None) == changed


@pytest.mark.parametrize(
    ("given", "kept"),
    [("79991234567", "+79991234567"), ("+7 (999) 123-45-67", "+79991234567"),
     ("87011234567", None), ("12", None), ("", None), ("1" * 60, None), ("letters", None)],
)  # fmt: skip
def test_international_phones(given: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(PhoneInvalid):
            customers.normalize_phone(given)
    else:
        assert customers.normalize_phone(given) == kept


def test_names_are_cleaned() -> None:
    assert customers.clean_name(" A\u0000n\ud800n\n ") == "Ann"
    assert customers.clean_name("\u0007") is None
    assert customers.clean_name("x" * 500) == "x" * 120
    assert customers.clean_name("Ann\n\u202etotal\u2066 0\t") == "Ann total 0"


async def test_strangers_are_forgotten_after_a_week(world: World) -> None:
    who = await world.customer(chat=1)
    for chat, days in ((2, 8), (3, 6)):
        at = world.now - timedelta(days=days)
        await world.db.transact(
            lambda s, c=chat, at=at: customers.open_chat(s, telegram_id=c, language="ru", now=at)
        )
    await world.db.transact(
        lambda s: s.execute(
            sa.update(telegram_chat)
            .where(telegram_chat.c.telegram_id == 1)
            .values(last_seen_at=world.now - timedelta(days=400))
        )
    )
    assert await world.db.transact(lambda s: customers.forget_strangers(s, now=world.now)) == 1
    left = await world.db.read(lambda s: customers.visits(s, [1, 2, 3]))
    assert left[1].customer is not None
    assert left[1].customer.id == who
    assert left[2].chat is None
    assert left[3].chat is not None
