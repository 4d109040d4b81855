"""Using vouchers: limits, reasons, gift cards, returns; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.words import sentence
from loyalty import errors, texts, vouchers
from loyalty.db import Rows
from loyalty.vouchers import check_together
from tests.loyalty.vouchers.helpers import NAME, TEN_PERCENT, come_back, faults, make, spend, state
from tests.world import World


async def test_a_promo_code_counts_its_uses_in_all_and_per_customer(world: World) -> None:
    made = await make(world, code="Spring 10", total_limit=3, customer_limit=2)
    ann, bob = await world.customer(), await world.customer()
    await spend(world, "spring-10", customer_id=ann)
    await spend(world, "SPRING10", customer_id=ann)
    with pytest.raises(errors.VoucherCustomerLimit) as limit:
        await spend(world, "spring10", customer_id=ann)
    assert limit.value.facts == {"limit": 2}
    await spend(world, "spring10", customer_id=bob)
    with pytest.raises(errors.VoucherUsedUp):
        await spend(world, "spring10", customer_id=bob)
    now = await state(world, made.id)
    assert (now.used, now.status) == (3, "redeemed")
    assert await faults(world) == []


async def test_a_cyrillic_code_is_found_from_the_other_layout_too(world: World) -> None:
    made = await make(world, code="весна")
    latin = await make(world, code="TOP100")
    found = await world.db.read(
        lambda s: vouchers.read(s, ["BECHA", "ТОР-100", "Весна"], lock=False)
    )
    assert [one.id for one in found] == [made.id, latin.id]
    with pytest.raises(errors.VoucherCodeTaken):
        await make(world, code="BECHA")


@pytest.mark.parametrize("typed", ["NOSUCH", "", "'; DROP", "a" * 5000, "a\x00b"])
async def test_an_unknown_code_is_told_so(world: World, typed: str) -> None:
    with pytest.raises(errors.VoucherNotFound):
        await spend(world, typed)


REFUSALS: list[tuple[dict[str, Any], dict[str, Any], type[errors.DomainError]]] = [
    ({"starts_in": 1}, {}, errors.VoucherNotStarted),
    ({"ends_in": 1, "wait": 1}, {}, errors.VoucherExpired),
    ({"minimum": 100_01}, {}, errors.VoucherBelowMinimum),
    ({"segment": "sleeping"}, {"mine": True}, errors.VoucherWrongSegment),
    ({"segment": "sleeping"}, {}, errors.VoucherNeedsCustomer),
    ({"customer_limit": 1}, {}, errors.VoucherNeedsCustomer),
    ({"owned": True}, {"other": True}, errors.VoucherNotYours),
    ({"owned": True}, {}, errors.VoucherNeedsCustomer),
    ({"blocked": True}, {}, errors.VoucherBlocked),
    ({"kind": "gift_card", "amount": 5_00, "active": False}, {}, errors.VoucherInactive),
    ({"kind": "gift_card", "amount": 5_00}, {}, errors.VoucherEmpty),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "who", "reason"), REFUSALS)
async def test_every_refusal_has_its_own_reason_and_words(
    world: World, parts: dict[str, Any], who: dict[str, Any], reason: type[errors.DomainError]
) -> None:
    parts = dict(parts)
    ann, bob = await world.customer(), await world.customer()
    start, end, wait = (
        parts.pop("starts_in", None),
        parts.pop("ends_in", None),
        parts.pop("wait", 0),
    )
    if start:
        parts["starts_at"] = world.now + timedelta(days=start)
    if end:
        parts["ends_at"] = world.now + timedelta(days=end)
    if parts.pop("owned", False):
        parts["customer_id"] = ann
    blocked = parts.pop("blocked", False)
    made = await make(world, **parts)
    if blocked:
        await world.db.transact(
            lambda s: vouchers.block(s, voucher_id=made.id, actor="staff:1", now=world.now)
        )
    world.pass_time(days=wait)
    customer_id = ann if who.get("mine") else bob if who.get("other") else None
    with pytest.raises(reason) as refused:
        await spend(world, made.code, customer_id=customer_id)
    said = {str(sentence(texts.translator(lang), refused.value)) for lang in ("ru", "en")}
    assert len(said) == 2
    assert (await state(world, made.id)).used == 0


async def test_a_segment_a_date_and_a_minimum_that_fit_let_it_through(world: World) -> None:
    ann = await world.customer()
    made = await make(
        world,
        segment="sleeping",
        minimum=100_00,
        customer_id=ann,
        starts_at=world.now,
        valid_days=3,
        time_zone="Europe/Moscow",
    )
    assert made.ends_at is not None
    # Through the third day in Moscow: 5 March, 21:00 UTC.
    assert made.ends_at.isoformat() == "2026-03-05T21:00:00+00:00"
    await spend(world, made.code, customer_id=ann, segments=frozenset({"sleeping"}))
    assert (await state(world, made.id)).used == 1


async def test_vouchers_go_together_only_if_all_of_them_may(world: World) -> None:
    alone = await state(world, (await make(world)).id)
    friendly = [await state(world, (await make(world, combines=True)).id) for _ in range(2)]
    money = await state(world, (await make(world, "gift_card", amount=100)).id)
    check_together([alone, money, money])
    check_together([*friendly, money])
    with pytest.raises(errors.VoucherNotCombinable):
        check_together([alone, friendly[0]])


async def test_a_gift_card_is_spent_in_parts_and_gets_money_back(world: World) -> None:
    made = await make(world, "gift_card", amount=500_00, valid_days=10)
    assert len(made.code) == 16
    first = await spend(world, made.code, amount=300_00)
    second = await spend(world, made.code, amount=200_00)
    assert (await state(world, made.id)).status == "redeemed"
    with pytest.raises(errors.VoucherEmpty):
        await spend(world, made.code, amount=1)
    part = await come_back(world, first, whole=False, gifts={made.id: 100_00})
    assert (part.gift_total, part.restored) == (100_00, ())
    now = await state(world, made.id)
    assert (now.status, now.balance, now.used) == ("active", 100_00, 2)
    with pytest.raises(ValueError, match="more comes back"):
        await come_back(world, first, whole=False, gifts={made.id: 200_01})
    whole = await come_back(world, first)
    assert (whole.gift_total, whole.restored) == (200_00, (made.id,))
    # Past its date: money that comes back may still be spent for two weeks.
    world.pass_time(days=20)
    await world.db.transact(lambda s: vouchers.expire_due(s, now=world.now))
    assert (await state(world, made.id)).status == "expired"
    await come_back(world, second)
    now = await state(world, made.id)
    assert (now.status, now.balance, now.used) == ("active", 500_00, 0)
    assert now.ends_at == world.now + timedelta(days=14)
    assert await faults(world) == []


async def test_a_whole_return_gives_the_use_back_a_part_does_not(world: World) -> None:
    ann = await world.customer()
    made = await make(world, total_limit=1, customer_limit=1)
    sold = await spend(world, made.code, customer_id=ann)
    assert (await come_back(world, sold, whole=False)).restored == ()
    with pytest.raises(errors.VoucherUsedUp):
        await spend(world, made.code, customer_id=ann)
    assert (await come_back(world, sold)).restored == (made.id,)
    assert (await come_back(world, sold)).restored == ()
    await spend(world, made.code, customer_id=ann)
    assert await faults(world) == []


async def test_what_was_issued_and_not_used_is_taken_back_and_may_be_issued_anew(
    world: World,
) -> None:
    ann = await world.customer()

    def issue(session: Session) -> list[vouchers.Issued]:
        rows = Rows()
        made = [
            vouchers.issue(
                rows, kind="coupon", name=NAME, effect=TEN_PERCENT, source_kind="goal",
                created_by="system", now=world.now, customer_id=ann, issue_key=key, valid_days=5,
            )
            for key in ("goal:a", "goal:b")
        ]  # fmt: skip
        rows.put(session)
        return made

    _, used = await world.db.transact(issue)
    await spend(world, used.code, customer_id=ann)

    def void(session: Session) -> set[str]:
        rows = Rows()
        done = vouchers.void_unused(session, rows, ["goal:a", "goal:b", "goal:c"], now=world.now)
        rows.put(session)
        return done

    assert await world.db.transact(void) == {"goal:a"}
    assert await world.db.transact(void) == set()
    mine = await world.db.read(lambda s: vouchers.mine(s, customer_id=ann, now=world.now))
    assert mine == []
    assert await world.db.read(lambda s: vouchers.is_issued(s, "goal:b"))
    assert not await world.db.read(lambda s: vouchers.is_issued(s, "goal:a"))
    assert await faults(world) == []


async def test_reconcile_finds_a_wrong_count_and_a_wrong_balance(world: World) -> None:
    promo = await make(world)
    card = await make(world, "gift_card", amount=100_00)
    await spend(world, promo.code)
    await spend(world, card.code, amount=10_00)

    def spoil(session: Session) -> None:
        table = vouchers.voucher
        session.execute(sa.update(table).where(table.c.id == promo.id).values(used=0))
        session.execute(sa.update(table).where(table.c.id == card.id).values(balance=95_00))

    await world.db.transact(spoil)
    found = await faults(world)
    assert sorted(fault.rule for fault in found) == ["V1", "V2"]
    assert f"voucher {promo.id}: stored 0, expected 1" in {fault.detail for fault in found}
