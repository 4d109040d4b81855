"""A sum as people type it, and split into items with kinds of goods."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import bot
from loyalty import clock, stamps
from loyalty.amounts import MAX_AMOUNT, parse_amount, parse_sum
from loyalty.errors import AmountInvalid, AmountOutOfRange
from loyalty.program import Scope
from loyalty.promotions.model import FixedPoints
from loyalty.purchases.tables import sale_draft
from loyalty.receipts import purchase_line
from loyalty.settings import Settings
from tests.bot import gifts
from tests.bot.cashier.street import KEYS, TOKEN, Phone, Street


async def at_the_sum(street: Street, total: str = "450", language: str = "en") -> tuple[Phone, int]:
    """A cashier with Ivan's card scanned and a sum typed; his id."""
    anna = await street.cashier(501, "Anna", language=language)
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send(total)
    return anna, ivan


async def lines_of(street: Street) -> list[tuple[int, str | None]]:
    """What was sold: (minor units, category)."""
    query = sa.select(purchase_line.c.amount, purchase_line.c.category)
    found = await street.db.read(
        lambda s: s.execute(query.order_by(purchase_line.c.purchase_id, purchase_line.c.n)).all()
    )
    return [(row.amount, row.category) for row in found]


async def stamps_of(street: Street, customer_id: int) -> int:
    """Stamps on the coffee card."""
    found = await street.db.read(lambda s: stamps.standings(s, customer_id=customer_id))
    return found.get("coffee", stamps.Standing("coffee")).stamps


# --- sums ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("450", 45000), ("450,5", 45050), ("450.50", 45050), ("1 200", 120000),
        ("1 200.50 ₽", 120050), ("450р", 45000), ("450 руб.", 45000), ("1.200,00", 120000),
        ("1,200.50", 120050), ("1.200.000", 120000000), ("1\u00a0200", 120000), ("₽450", 45000),
        ("300 + 150", 45000), ("300+150,50 ₽", 45050), (" 99 ", 9900),
    ],
)  # fmt: skip
def test_sums_as_people_type_them(typed: str, amount: int):
    assert parse_sum(typed) == amount


@pytest.mark.parametrize(
    "typed",
    ["", "+", "300 +", "abc", "-5", "1e9", "4 50", "1.2.3", "12 12,5,5", "٤٥٠", "450..", ".",
     "0.001", "0,500", "045.000", "450р5", "450к", "р50", "4.5р50", "450 р 100 к", "450 р 5",
     "1 200 300,50.1", "+".join(["1"] * 21), "9" * 500],
)  # fmt: skip
def test_nonsense_is_refused(typed: str):
    with pytest.raises((AmountInvalid, AmountOutOfRange)):
        parse_sum(typed)


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("450.", 45000),
        ("450,", 45000),
        ("450 руб 50 коп", 45050),
        ("1 200 руб. 5 коп.", 120005),
        ("450р50к", 45050),
        ("450 ₽ 50", 45050),
        ("300р50 + 150 рублей 5 копеек", 45055),
        ("0 р 50 к", 50),
    ],
)
def test_kopecks_in_words_and_a_full_stop_are_read(typed: str, amount: int):
    assert parse_sum(typed) == amount


def test_what_may_be_read_in_two_ways_is_asked_about():
    with pytest.raises(AmountInvalid) as told:
        parse_sum("1.200")
    assert told.value.facts["either"] == (120000, 120)


@given(st.integers(1, MAX_AMOUNT), st.sampled_from([" ", "\u00a0", "\u202f", "'", ""]),
       st.sampled_from([".", ","]), st.sampled_from(["", " ₽", "р", " rub"]))  # fmt: skip
def test_every_sum_written_out_is_read_back(amount: int, group: str, point: str, mark: str):
    whole, cents = divmod(amount, 100)
    text = f"{whole:,}".replace(",", group)
    written = f"{text}{point}{cents:02d}{mark}" if cents else f"{text}{mark}"
    assert parse_amount(written) == amount


@given(st.text(max_size=80))
def test_any_text_is_a_sum_or_a_refusal(text: str):
    try:
        amount = parse_sum(text)
    except (AmountInvalid, AmountOutOfRange):
        return
    assert 1 <= amount <= MAX_AMOUNT


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_a_sum_of_sums_adds_up(amounts: list[int]):
    written = " + ".join(f"{one // 100},{one % 100:02d}" for one in amounts)
    assert parse_sum(written) == sum(amounts)


async def test_the_till_asks_about_a_doubtful_sum(street: Street):
    anna, _ = await at_the_sum(street, "1.200")
    assert "Is that ₽1,200 or ₽1.20?" in await anna.words()
    assert "Sum: ₽450" in await anna.send("300 + 150")


# --- items -----------------------------------------------------------------------------------


async def test_a_kind_of_goods_brings_its_stamp(street_on_both: Street):
    street = street_on_both
    anna, ivan = await at_the_sum(street)
    screen = await anna.last()
    assert await anna.buttons() == [
        "✅ Confirm", "Coffee", "➕ Another item", "☕️ +1 stamp", "🎟 Coupon", "Cancel",
    ]  # fmt: skip
    await anna.tap("Coffee")
    words = await anna.words()
    assert "🏷 Coffee" in words
    assert "Coffee card: 1 stamp" in words
    # A tap that comes again changes nothing.
    await anna.tap_data(screen, screen["buttons"][1][0]["callback_data"])
    assert "Coffee card: 1 stamp" in await anna.words()
    assert (await anna.last())["message_id"] == screen["message_id"]
    await anna.tap("onfirm")
    assert "Done!" in await anna.words()
    assert await lines_of(street) == [(45000, "coffee")]
    assert await stamps_of(street, ivan) == 1


async def test_the_counter_shows_the_stamps_of_the_goods_too(street: Street):
    """Counted by hand and by the kind of goods: one number on the screen, and that is given."""
    anna, ivan = await at_the_sum(street)
    await anna.tap("+1 stamp")
    assert "☕️ 1" in await anna.buttons()
    await anna.tap("Coffee")
    assert "Coffee card: 2 stamps" in await anna.words()
    assert "☕️ 2" in await anna.buttons()
    await anna.tap("−1")
    assert "Coffee card: 1 stamp" in await anna.words()
    await anna.tap("onfirm")
    assert await stamps_of(street, ivan) == 1


async def test_a_kind_is_taken_off_again(street: Street):
    anna, ivan = await at_the_sum(street)
    await anna.tap("Coffee")
    await anna.tap("✓ Coffee")
    assert "🏷" not in await anna.words()
    await anna.tap("onfirm")
    assert await lines_of(street) == [(45000, None)]
    assert await stamps_of(street, ivan) == 0


async def test_a_sale_of_items(street_on_both: Street):
    street = street_on_both
    tea = FixedPoints(points=30)
    await gifts.run(street.db, tea, en="Tea", ru="Чай", scope=Scope(categories=("tea",)))
    anna, ivan = await at_the_sum(street, "200")
    await anna.tap("Coffee")
    await anna.tap("Another item")
    assert "Enter the sum of the next item" in await anna.words()
    words = await anna.send("250")
    assert "1. ₽200 · Coffee" in words
    assert "Sum: ₽450" in words
    await anna.tap("Tea")
    words = await anna.words()
    assert "2. ₽250 · Tea" in words
    # A sum typed now corrects the last item, with its kind.
    words = await anna.send("300")
    assert "2. ₽300 · Tea" in words
    assert "Sum: ₽500" in words
    old = await anna.last()
    await anna.tap("Another item")
    await anna.send("50")
    await anna.tap("Last item")
    assert "Sum: ₽500" in await anna.words()
    assert await anna.tap_data(old, "sale:confirm:zz:1:0:1:0") is not None
    await anna.tap("onfirm")
    assert "Done!" in await anna.words()
    assert await lines_of(street) == [(20000, "coffee"), (30000, "tea")]
    assert await stamps_of(street, ivan) == 1
    assert (await street.balance(ivan)).pending == 25 + 30


async def test_the_screen_of_other_items_is_not_confirmed(street: Street):
    anna, _ = await at_the_sum(street)
    screen = await anna.last()
    confirm = screen["buttons"][0][0]["callback_data"]
    await anna.tap("Coffee")
    said = await anna.tap_data(await anna.last(), confirm)
    assert said is not None
    assert "changed" in said
    assert await street.sales() == 0


async def test_items_outlive_a_restart_and_a_repeated_update(street: Street):
    anna, ivan = await at_the_sum(street, "200")
    await anna.tap("Coffee")
    await anna.tap("Another item")
    await street.bot.stop()
    settings = Settings(database_url=street.db.url, language="en", time_zone="Europe/Moscow")
    url = str(street.http._base_url)
    street.bot = await bot.start(
        street.db, settings=settings, keys=KEYS, token=TOKEN, api_url=url.rstrip("/"), poll=True
    )
    for _n in range(2):  # as an update that was handled, but not yet noted as handled
        words = await anna.send("250")
        assert "Sum: ₽450" in words
    await anna.tap("onfirm")
    assert await lines_of(street) == [(20000, "coffee"), (25000, None)]
    assert await stamps_of(street, ivan) == 1


async def test_items_in_russian(street: Street):
    anna, _ = await at_the_sum(street, "1 200,50", language="ru")
    assert "Кофе" in await anna.buttons()
    await anna.tap("Кофе")
    await anna.tap("Ещё товар")
    assert "Введите сумму следующего товара" in await anna.words()
    words = await anna.send("99,50")
    assert "1. 1 200,50 ₽ · Кофе" in words
    assert "Сумма: 1 300 ₽" in words


async def test_forged_items_change_nothing(street: Street):
    anna, _ = await at_the_sum(street)
    screen = await anna.last()
    (draft,) = await street.db.read(lambda s: s.execute(sa.select(sale_draft.c.id)).scalars().all())
    from bot.cashier.screens import base36

    name = base36(draft)
    for data in (f"sale:cat:{name}:0:zzzz", f"sale:cat:{name}:7:0", f"sale:more:{name}:5",
                 "sale:cat:1:0:0", "sale:less:1:1", "sale:more:x"):  # fmt: skip
        assert await anna.tap_data(screen, data)
    row = await street.db.read(lambda s: s.execute(sa.select(sale_draft)).one())
    assert (row.amount, row.lines, row.status) == (45000, None, "open")
    assert clock.now() >= row.updated_at
