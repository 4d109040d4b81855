"""What each effect takes off, line by line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import errors
from loyalty.program import AmountOff, FreeDelivery, GiftItem, PercentOff, Scope
from loyalty.receipts import Line
from loyalty.vouchers import Voucher, reduction
from tests.loyalty.vouchers.helpers import COFFEE, NAME, line


def voucher(effect: Any) -> Voucher:
    return Voucher(
        id=1, code="CODE", kind="promo_code", name=NAME, customer_id=None, status="active",
        effect=effect, minimum=0, segment=None, combines=False, total_limit=None,
        customer_limit=None, used=0, granted=None, balance=None, starts_at=None, ends_at=None,
        source_kind="staff", issue_key=None,
    )  # fmt: skip


def taken(
    effect: Any, *lines: Line, nets: list[int] | None = None, free: tuple[int, ...] = ()
) -> Any:
    return reduction(voucher(effect), lines, nets or [one.net for one in lines], free)


def test_percent_is_floored_once_and_split_by_the_lines() -> None:
    assert taken(PercentOff(rate_bp=1000), line(33_33), line(33_33), line(33_33)) == (
        [3_33, 3_33, 3_33],
        [0, 0, 0],
    )
    assert taken(PercentOff(rate_bp=1000), line(15), line(15))[0] == [2, 1]
    assert taken(PercentOff(rate_bp=5000, up_to=100_00), line(300_00), line(100_00))[0] == [
        75_00,
        25_00,
    ]


def test_only_goods_in_scope_are_reduced_by_category_or_sku() -> None:
    cake, coffee = line(200_00, category="cake"), line(100_00, category="Coffee")
    assert taken(PercentOff(rate_bp=1000, scope=COFFEE), cake, coffee)[0] == [0, 10_00]
    by_sku = Scope(skus=("A-1",))
    assert taken(AmountOff(amount=50_00, scope=by_sku), line(80_00, sku="a-1"), cake)[0] == [
        50_00,
        0,
    ]


def test_a_sum_off_is_never_more_than_the_goods_cost() -> None:
    assert taken(AmountOff(amount=500_00), line(100_00), line(50_00)) == ([100_00, 50_00], [1, 1])
    assert taken(AmountOff(amount=30_00), line(100_00), line(50_00), nets=[20_00, 40_00])[0] == [
        10_00,
        20_00,
    ]


def test_the_gift_is_the_cheapest_that_fits() -> None:
    lines = (
        line(200_00, pieces=2, category="coffee"),
        line(150_00, pieces=1, category="coffee"),
        line(10_00, category="cake"),
    )
    assert taken(GiftItem(scope=COFFEE), *lines) == ([0, 150_00, 0], [0, 1, 0])
    assert taken(GiftItem(scope=COFFEE, quantity=2), *lines) == ([200_00, 150_00, 0], [1, 1, 0])
    assert taken(GiftItem(scope=COFFEE, quantity=2, up_to=180_00), *lines) == (
        [180_00, 150_00, 0],
        [1, 1, 0],
    )
    # A third that is free already is not given again, and does not make the others cheaper.
    three = line(100_00, pieces=3, category="coffee")
    assert taken(GiftItem(scope=COFFEE), three, nets=[200_00], free=(1,)) == ([100_00], [1])


def test_what_is_weighed_is_one_piece() -> None:
    beans = Line(amount=350_00, price=1000_00, quantity_milli=350, category="coffee")
    assert taken(GiftItem(scope=COFFEE), beans) == ([350_00], [1])


def test_free_delivery_takes_the_delivery_line_only() -> None:
    goods, delivery = line(900_00), line(300_00, category="Доставка")
    assert taken(FreeDelivery(), goods, delivery)[0] == [0, 300_00]


@pytest.mark.parametrize(
    "effect",
    [
        PercentOff(rate_bp=1000, scope=COFFEE),
        AmountOff(amount=100, scope=COFFEE),
        GiftItem(scope=COFFEE),
        FreeDelivery(),
    ],
)
def test_nothing_that_fits_is_a_refusal(effect: Any) -> None:
    with pytest.raises(errors.VoucherNoItems):
        taken(effect, line(100_00, category="cake"))
    with pytest.raises(errors.VoucherNoItems):
        taken(effect, line(100_00, category="coffee"), line(5, category="delivery"), nets=[0, 0])


def test_a_gift_card_takes_nothing_off() -> None:
    assert taken(None, line(100_00)) == ([0], [0])


effects = st.one_of(
    st.builds(PercentOff, rate_bp=st.integers(1, 10_000), up_to=st.none() | st.integers(1, 99_999)),
    st.builds(AmountOff, amount=st.integers(1, 200_000)),
    st.builds(GiftItem, quantity=st.integers(1, 20), up_to=st.none() | st.integers(1, 50_000)),
)
goods = st.lists(
    st.tuples(st.integers(1, 50_000), st.integers(1, 9), st.integers(0, 100)),
    min_size=1,
    max_size=8,
)


@given(effects, goods)
def test_no_line_goes_below_nothing(effect: Any, made: list[tuple[int, int, int]]) -> None:
    lines = [line(price, pieces=n) for price, n, _ in made]
    nets = [one.net * left // 100 for one, (_, _, left) in zip(lines, made, strict=True)]
    try:
        discounts, free = reduction(voucher(effect), lines, nets)
    except errors.VoucherNoItems:
        return
    for one, net, off, given_away in zip(lines, nets, discounts, free, strict=True):
        assert 0 <= off <= net
        assert 0 <= given_away <= one.pieces
    if isinstance(effect, AmountOff):
        assert sum(discounts) == min(effect.amount, sum(nets))
    if isinstance(effect, GiftItem):
        assert sum(discounts) > 0
        assert sum(f for f, net, off in zip(free, nets, discounts, strict=True) if off < net) <= 20
