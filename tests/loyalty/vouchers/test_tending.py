"""Making, activating, closing, listing and letting vouchers run out; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import errors, events, vouchers
from loyalty.db import Rows
from loyalty.program import AmountOff
from tests.loyalty.vouchers.helpers import NAME, TEN_PERCENT, make, spend, state
from tests.world import World


async def many(world: World, count: int, key: str, **parts: Any) -> list[vouchers.Issued]:
    defaults: dict[str, Any] = {"kind": "coupon", "name": NAME, "effect": TEN_PERCENT}
    return await world.db.transact(
        lambda s: vouchers.issue_many(
            s,
            count=count,
            batch_key=key,
            created_by="staff:1",
            now=world.now,
            **{**defaults, **parts},
        )
    )


async def test_a_batch_is_made_once_with_codes_of_their_own(world: World) -> None:
    made = await many(world, 500, "spring_%")
    assert len({one.code for one in made}) == 500
    again = await many(world, 500, "spring_%")
    assert [one.code for one in again] == [one.code for one in made]
    await many(world, 2, "springXX")
    count = sa.select(sa.func.count()).select_from(vouchers.voucher)
    assert await world.db.read(lambda s: s.execute(count).scalar_one()) == 502
    await spend(world, made[499].code)
    with pytest.raises(errors.VoucherUsedUp):
        await spend(world, made[499].code)


@pytest.mark.parametrize(
    ("kind", "parts", "field"),
    [
        ("promo_code", {"effect": None}, "effect"),
        ("promo_code", {"amount": 100}, "amount"),
        ("promo_code", {"total_limit": 0}, "total_limit"),
        ("promo_code", {"customer_limit": -1}, "customer_limit"),
        ("promo_code", {"minimum": -1}, "minimum"),
        ("promo_code", {"valid_days": 0}, "valid_days"),
        ("promo_code", {"valid_days": 10**12}, "valid_days"),
        ("gift_card", {"amount": 0}, "amount"),
        ("gift_card", {"amount": None}, "amount"),
        ("gift_card", {"amount": 100, "effect": AmountOff(amount=1)}, "effect"),
        ("gift_card", {"amount": 100, "total_limit": 1}, "total_limit"),
        ("ticket", {}, "kind"),
    ],
)
async def test_parts_that_do_not_fit_together_are_named(
    world: World, kind: str, parts: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.VoucherInvalid) as refused:
        await make(world, kind, **parts)
    assert refused.value.facts["field"] == field


async def test_a_batch_that_makes_no_sense_is_refused(world: World) -> None:
    for count, key, parts in (
        (0, "k", {}),
        (10_001, "k", {}),
        (1, "", {}),
        (1, "k", {"code": "A1B"}),
    ):
        with pytest.raises(errors.VoucherInvalid):
            await many(world, count, key, **parts)
    with pytest.raises(errors.VoucherInvalid):
        await make(world, starts_at=world.now, ends_at=world.now)


async def test_a_gift_card_is_good_once_it_is_paid_for(world: World) -> None:
    card = await make(world, "gift_card", amount=100_00, active=None)
    assert (await state(world, card.id)).status == "inactive"

    def activate(session: Session) -> None:
        vouchers.activate(session, voucher_id=card.id, actor="staff:1", now=world.now)

    await world.db.transact(activate)
    with pytest.raises(errors.VoucherAlreadyActive) as refused:
        await world.db.transact(activate)
    assert refused.value.facts == {"status": "active"}
    await spend(world, card.code, amount=100_00)
    promo = await make(world)
    for unknown in (promo.id, 12345):
        with pytest.raises(errors.VoucherNotFound):
            await world.db.transact(
                lambda s, id=unknown: vouchers.activate(
                    s, voucher_id=id, actor="staff:1", now=world.now
                )
            )


async def test_what_is_closed_opens_again_as_what_it_was(world: World) -> None:
    used = await make(world, total_limit=1)
    await spend(world, used.code)
    over = await make(world, valid_days=1)
    unpaid = await make(world, "gift_card", amount=100, active=False)
    plain = await make(world)
    made = {"redeemed": used, "expired": over, "inactive": unpaid, "active": plain}
    world.pass_time(days=1)

    def close_and_open(session: Session, voucher_id: int) -> list[Any]:
        who: dict[str, Any] = {"voucher_id": voucher_id, "actor": "staff:1", "now": world.now}
        return [
            vouchers.block(session, **who),
            vouchers.block(session, **who),
            vouchers.unblock(session, **who),
            vouchers.unblock(session, **who),
        ]

    for status, one in made.items():
        done = await world.db.transact(lambda s, id=one.id: close_and_open(s, id))
        assert done == [True, False, status, None]
        assert (await state(world, one.id)).status == status
    kinds = await world.db.read(lambda s: set(s.execute(sa.select(events.event.c.type)).scalars()))
    assert {"voucher.blocked", "voucher.unblocked", "voucher.created"} <= kinds


async def test_what_was_taken_back_stays_closed(world: World) -> None:
    made = (await many(world, 1, "one"))[0]
    key = made.issue_key
    assert key is not None

    def void(session: Session) -> None:
        vouchers.void_unused(session, Rows(), [key], now=world.now)

    await world.db.transact(void)
    with pytest.raises(errors.VoucherBlocked):
        await world.db.transact(
            lambda s: vouchers.unblock(s, voucher_id=made.id, actor="staff:1", now=world.now)
        )


async def test_the_sweep_marks_what_has_run_out_and_nothing_else(world: World) -> None:
    ending = await many(world, 5, "ending", valid_days=3)
    staying = await many(world, 2, "staying", valid_days=4)

    async def sweep(limit: int = 500) -> int:
        return await world.db.transact(lambda s: vouchers.expire_due(s, now=world.now, limit=limit))

    assert await sweep() == 0
    world.pass_time(days=3)
    assert [await sweep(3), await sweep(3), await sweep(3)] == [3, 2, 0]
    assert {(await state(world, one.id)).status for one in ending} == {"expired"}
    assert {(await state(world, one.id)).status for one in staying} == {"active"}
    with pytest.raises(errors.VoucherExpired):
        await spend(world, ending[0].code)


async def test_the_panel_pages_through_and_finds_by_the_beginning_of_a_code(world: World) -> None:
    await many(world, 7, "some")
    await make(world, code="SUMMER1")
    await make(world, code="SUMMER2", total_limit=5)
    card = await make(world, "gift_card", amount=100)

    def page(**asked: Any) -> Any:
        return world.db.read(lambda s: vouchers.listing(s, **asked))

    first = await page(limit=6)
    rest = await page(limit=6, before=first.before)
    ids = [one.id for one in (*first.vouchers, *rest.vouchers)]
    assert (len(ids), rest.before) == (10, None)
    assert ids == sorted(ids, reverse=True)
    assert [one.code for one in (await page(search="sum mer")).vouchers] == ["SUMMER2", "SUMMER1"]
    assert [one.code for one in (await page(search="su")).vouchers] == ["SUMMER2", "SUMMER1"]
    assert (await page(search="%")).vouchers == []
    assert [one.id for one in (await page(kind="gift_card")).vouchers] == [card.id]
    assert len((await page(status="active")).vouchers) == 10


async def test_the_customer_sees_what_is_good_the_first_to_end_first(world: World) -> None:
    ann = await world.customer()
    late = await make(world, "coupon", customer_id=ann, valid_days=9)
    never = await make(world, "coupon", customer_id=ann)
    soon = await make(world, "coupon", customer_id=ann, valid_days=2)
    gone = await make(world, "coupon", customer_id=ann, valid_days=1)
    used = await make(world, "coupon", customer_id=ann)
    await spend(world, used.code, customer_id=ann)
    world.pass_time(days=1)
    mine = await world.db.read(lambda s: vouchers.mine(s, customer_id=ann, now=world.now))
    assert [one.id for one in mine] == [soon.id, late.id, never.id]
    assert gone.id not in {one.id for one in mine}
    uses = await world.db.read(lambda s: vouchers.uses_of(s, voucher_id=used.id))
    assert [(use.customer_id, use.amount, use.returned_at) for use in uses] == [(ann, 10_00, None)]


async def test_a_code_is_checked_without_being_used(world: World) -> None:
    ann = await world.customer()
    made = await make(world, minimum=500_00, total_limit=1)

    async def check(code: str, **how: Any) -> vouchers.Checked:
        return await world.db.read(lambda s: vouchers.check_code(s, code, now=world.now, **how))

    assert (await check(made.code)).is_good
    assert (await check(made.code, customer_id=ann, total=500_00)).is_good
    low = await check(made.code, total=499_99)
    assert isinstance(low.reason, errors.VoucherBelowMinimum)
    assert low.voucher is not None
    unknown = await check("NOSUCH")
    assert isinstance(unknown.reason, errors.VoucherNotFound)
    assert unknown.voucher is None
    assert (await state(world, made.id)).used == 0


async def test_five_wrong_codes_a_minute_per_till_and_no_more(world: World) -> None:
    made = await make(world)

    async def check(code: str, by: str = "key:1") -> vouchers.Checked:
        return await world.db.transact(lambda s: vouchers.check_code(s, code, by=by, now=world.now))

    for n in range(5):
        assert not (await check(f"GUESS{n}")).is_good
        world.pass_time(seconds=2)
    for code in ("GUESS9", made.code):
        with pytest.raises(errors.TooManyTries) as refused:
            await check(code)
        assert 50 <= refused.value.facts["retry_after_s"] <= 51
    assert (await check(made.code, by="key:2")).is_good
    world.pass_time(seconds=refused.value.facts["retry_after_s"])
    assert (await check(made.code)).is_good
