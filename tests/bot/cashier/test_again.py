"""A text handled again, because the bot died before it answered, is no new text."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from loyalty.purchases.tables import sale_draft
from tests.bot import gifts
from tests.bot.cashier.street import Phone, Street


async def twice(street: Street, phone: Phone, text: str) -> None:
    """The same update is handled two times, as after a crash between its effect and its answer."""
    me = (await phone.chat())[0]["from"]
    update: dict[str, Any] = {
        "update_id": 2**40 + len(text),
        "message": {
            "message_id": 9_000_000,
            "date": 1_790_000_000,
            "chat": {"id": phone.id, "type": "private", "first_name": me["first_name"]},
            "from": me,
            "text": text,
        },
    }
    await street.bot.intake.handle(update)
    await street.bot.intake.handle(update)


async def draft_of(street: Street) -> Any:
    columns = (sale_draft.c.amount, sale_draft.c.redeem, sale_draft.c.vouchers)
    return await street.db.read(lambda s: s.execute(sa.select(*columns)).one())


async def at_the_sum(street: Street, points: int = 0) -> tuple[Phone, int]:
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=points)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("1000")
    return anna, ivan


async def test_points_typed_are_no_sum_the_second_time(street_on_both: Street) -> None:
    anna, _ivan = await at_the_sum(street_on_both, points=400)
    await anna.tap("Spend part")
    await twice(street_on_both, anna, "120")
    assert tuple(await draft_of(street_on_both))[:2] == (1000_00, 120)
    assert "120" in await anna.words()
    await anna.tap("Confirm")
    assert "Done!" in await anna.words()
    assert await street_on_both.sales() == 1


@pytest.mark.parametrize("code", ["2026", "12345678"])
async def test_a_code_of_digits_is_no_sum_and_no_card_the_second_time(
    street: Street, code: str
) -> None:
    anna, _ivan = await at_the_sum(street)
    await gifts.coupon(street.db, None, code=code)
    await anna.tap("Coupon")
    await twice(street, anna, code)
    draft = await draft_of(street)
    assert (draft.amount, draft.vouchers) == (1000_00, [code])
    assert "Ten percent" in await anna.words()


async def test_a_sum_typed_anew_is_still_a_sum(street: Street) -> None:
    anna, _ivan = await at_the_sum(street)
    await twice(street, anna, "450")
    await anna.send("500")
    assert (await draft_of(street)).amount == 500_00
