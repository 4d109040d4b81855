"""A till's hold asks through the outbox; its question counts down in the chat all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.cashier.countdown import Countdown, nudge
from bot.cashier.screens import keyboard
from loyalty import clock, staff
from loyalty.messaging.tables import outbox
from loyalty.purchases import Line, Receipt, holding
from loyalty.purchases.wanted import Wanted
from loyalty.wallet.tables import till_hold
from tests.bot.cashier.street import ZONE, Phone, Street
from tests.bot.phone import until


async def held(street: Street) -> tuple[Phone, int, int]:
    """Ivan, whom a till's question for 600 points has just reached; his id and the hold's."""
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    now = clock.now()

    def place(session):
        outlet = staff.add_outlet(session, name="Arbat", time_zone=ZONE, now=now)
        till = holding.Till(
            client="key:1",
            outlet_id=outlet.id,
            outlet_name=outlet.name,
            time_zone=ZONE,
            currency="RUB",
        )
        receipt = Receipt(sold_at=now, lines=(Line(amount=3000_00, price=3000_00),))
        wanted = Wanted(
            receipt=receipt, vouchers=(), card_key=None, seconds=900, fingerprint="a till's request"
        )
        return holding.place(
            session,
            till=till,
            key="k1",
            customer_id=customer_id,
            points=600,
            wanted=wanted,
            asks=True,
            now=now,
        )

    placed = await street.db.transact(place)
    row = sa.select(outbox).where(outbox.c.key == f"ask:{placed.id}")
    said = (await street.db.read(lambda s: s.execute(row).one())).payload
    buttons = [[(b["text"], b["tap"]) for b in line] for line in said["buttons"]]
    sent = await street.bot.ctx.bot.send_message(
        701, said["text"], parse_mode="HTML", reply_markup=keyboard(buttons)
    )
    left = sa.update(outbox).where(outbox.c.key == f"ask:{placed.id}")
    values = {"state": "sent", "message_id": sent.message_id}
    await street.db.transact(lambda s: s.execute(left.values(**values)))
    return ivan, customer_id, placed.id


async def reads(phone: Phone, part: str) -> None:
    async def look() -> bool:
        return part in await phone.words()

    await until(look, f"{part!r} in the chat of {phone.id}")


async def pass_time(street: Street, seconds: float) -> None:
    clock.set_offset(clock.offset() + timedelta(seconds=seconds))
    nudge(street.bot.ctx, asked=True)


async def test_it_counts_down_and_ends_without_buttons(street_on_both: Street):
    street = street_on_both
    ivan, _, hold_id = await held(street)
    words = await ivan.words()
    assert "Spend 600 points at Arbat?" in words
    assert "Time left: 2:00" in words
    await pass_time(street, 17)
    await reads(ivan, "Time left: 1:4")
    assert await ivan.buttons() == ["✅ Yes, spend", "No"]
    await pass_time(street, 120)
    await reads(ivan, "Time is over")
    assert await ivan.buttons() == []
    query = sa.select(till_hold.c.asked_next_at).where(till_hold.c.hold_id == hold_id)

    async def settled() -> bool:
        return await street.db.read(lambda s: s.execute(query).scalar_one()) is None

    await until(settled, "the question settled")


@pytest.mark.parametrize(("label", "said"), [("Yes", "the till may take"), ("No", "No points")])
async def test_an_answer_stops_it(street: Street, label: str, said: str):
    ivan, _, _ = await held(street)
    await ivan.tap(label)
    await pass_time(street, 60)
    await Countdown(street.bot.ctx).look()
    assert said in await ivan.words()
    assert await ivan.buttons() == []


async def test_a_till_that_gives_up_takes_its_question_back(street: Street):
    ivan, customer_id, hold_id = await held(street)

    def void(session):
        place = staff.find_outlet(session, name="Arbat")
        found = holding.get(session, hold_id=hold_id, outlet_id=place.id, now=clock.now())
        holding.void(session, found=found, now=clock.now())

    await street.db.transact(void)
    await reads(ivan, "taken its question back")
    assert await ivan.buttons() == []
    assert (await street.balance(customer_id)).held == 0
