"""Which words leave: of the variant, of the segment; and what keeps a message back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.tables import chain, enrolment
from loyalty.customers import customer
from loyalty.delivery.wording import Gone, say_step, words_of_chain
from loyalty.errors import CustomerNotFound
from loyalty.ids import new_id, short_of
from loyalty.messaging.people import gather
from loyalty.messaging.templates import Message
from tests.loyalty.chains.walk import put_chain
from tests.loyalty.delivery.words import EVENT, chain_of, said
from tests.loyalty.goods.shelf import buy
from tests.world import ZONE, World

CART = {"kind": "event", "event": "cart_updated", "occurrence": "subject", "subject": "cart_id"}


def words(ru: str) -> dict[str, Any]:
    return {"texts": {"ru": ru, "en": ru}}


async def test_variants_segments_pictures_and_buttons(world: World) -> None:
    person = await world.customer()
    buttons = [
        [{"texts": {"ru": "Оценить", "en": "Rate"}, "data": "rate:{purchase}"}],
        [{"texts": {"ru": "Сайт", "en": "Site"}, "url": "https://shop.example"}],
    ]
    definition = chain_of(
        "Своё",
        buttons=buttons,
        picture=3,
        variants=[{**words("Второе"), "key": "b", "share_bp": 5000}],
        for_segments=[{**words("Для VIP"), "rule": {"segment": "vip"}, "picture": 4}],
    )
    own = await said(world, definition, person, subject={"purchase": "36"})
    assert (own.text, own.picture) == ("Своё", 3)
    assert own.buttons == (
        ({"text": "Оценить", "data": f"rate:{short_of(36)}"},),
        ({"text": "Сайт", "url": "https://shop.example"},),
    )
    other = await said(world, definition, person, variant="b")
    assert (other.text, other.picture, other.buttons) == ("Второе", None, ())
    assert (await said(world, definition, person, variant="gone")).text == "Своё"
    assert (await said(world, definition, person, variant="b", segment=0)).text == "Для VIP"
    assert (await said(world, definition, person, segment=7)).text == "Своё"


async def test_nobody_and_nothing_to_say(world: World) -> None:
    person = await world.customer()
    with pytest.raises(CustomerNotFound):
        await said(world, chain_of("Текст"), 5)
    with pytest.raises(LookupError):
        await world.db.read(
            lambda s: say_step(
                s, chain_of("Текст"), "other", customer_id=person, subject={}, day=None,
                variant=None, segment=None, now=world.now, time_zone=ZONE,
            )
        )  # fmt: skip


class Queued:
    """A message of a pass that waits in the outbox."""

    def __init__(self, world: World, version_id: int, customer_id: int) -> None:
        self.world, self.version_id, self.customer_id = world, version_id, customer_id
        self.enrolment_id = new_id()

    async def enrol(
        self, occurrence: str, *, day: date | None = None, **subject: Any
    ) -> dict[str, Any]:
        def unit(session: Session) -> None:
            chain_id = session.execute(sa.select(chain.c.id)).scalar_one()
            session.execute(
                sa.insert(enrolment).values(
                    id=self.enrolment_id,
                    chain_id=chain_id,
                    chain_version_id=self.version_id,
                    customer_id=self.customer_id,
                    occurrence=occurrence,
                    step=1,
                    status="active",
                    due_at=self.world.now,
                    arrived_at=self.world.now,
                    enrolled_at=self.world.now,
                    day=day,
                    subject=subject or None,
                )
            )

        await self.world.db.transact(unit)
        return {
            "chain_version": self.version_id,
            "step": "m",
            "occurrence": occurrence,
            "enrolment": str(self.enrolment_id),
        }

    async def words(self, payload: dict[str, Any]) -> Message:
        def unit(session: Session) -> Message:
            zone = {"now": self.world.now, "time_zone": ZONE}
            person = gather(session, [self.customer_id], **zone)[self.customer_id]
            return words_of_chain(session, payload, person, **zone)

        return await self.world.db.read(unit)

    async def change(self, table: sa.Table, **values: Any) -> None:
        await self.world.db.transact(lambda s: s.execute(sa.update(table).values(**values)))


async def queued(world: World, person: int, text: str, trigger: Any, **more: Any) -> Queued:
    document = chain_of(text, trigger=trigger).model_dump(mode="json") | more
    return Queued(world, await put_chain(world, document), person)


async def test_the_coupon_of_the_pass(world: World) -> None:
    person = await world.customer()
    gift = {
        "kind": "gift",
        "voucher": {
            "name": {"ru": "Скидка", "en": "Off"},
            "effect": {"kind": "percent", "rate_bp": 1000},
        },
    }
    message = {"kind": "message", "id": "m", **words("Код {code}")}
    waiting = await queued(world, person, "—", EVENT, steps=[gift, message])
    payload = await waiting.enrol("1", code="KH7PM4X2QRTW")
    assert (await waiting.words(payload)).text == "Код KH7P-M4X2-QRTW"
    await waiting.change(enrolment, subject={})
    with pytest.raises(Gone, match="no_code"):
        await waiting.words(payload)
    await waiting.change(enrolment, status="exited", reason="taken_out")
    with pytest.raises(Gone, match="taken_out"):
        await waiting.words(payload)
    await waiting.change(chain, enabled=False)
    with pytest.raises(Gone, match="paused"):
        await waiting.words(payload)


async def test_a_cart_that_was_bought_overnight_is_not_reminded_of(world: World) -> None:
    person = await world.customer()
    waiting = await queued(world, person, "Корзина ждёт", CART, exits=["ordered"])
    payload = await waiting.enrol("c1")
    world.pass_time(hours=9)
    assert (await waiting.words(payload)).text == "Корзина ждёт"
    await buy(world, person, "cap")
    with pytest.raises(Gone, match="ordered"):
        await waiting.words(payload)


async def test_a_birthday_that_was_changed_is_not_greeted(world: World) -> None:
    person = await world.customer(birth_day=9, birth_month=3)
    trigger = {"kind": "date", "field": "birthday"}
    waiting = await queued(world, person, "Через {days}", trigger, exits=["day_moved"])
    payload = await waiting.enrol("2026", day=date(2026, 3, 9))
    assert (await waiting.words(payload)).text == "Через 7 дней"
    await waiting.change(customer, birth_day=10)
    with pytest.raises(Gone, match="day_moved"):
        await waiting.words(payload)


async def test_what_was_queued_before_passes_were_named_still_leaves(world: World) -> None:
    person = await world.customer()
    trigger = {"kind": "expiry", "days_before": 14}
    waiting = await queued(world, person, "{expiring}", trigger)
    await world.grant(person, 7, expires_at=world.now + timedelta(days=2))
    day = (world.now + timedelta(days=2)).date()
    payload = {"chain_version": waiting.version_id, "step": "m", "occurrence": day.isoformat()}
    assert (await waiting.words(payload)).text == "7 баллов"
