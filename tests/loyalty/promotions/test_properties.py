"""What holds for every receipt and every set of promotions."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.program import PointsGift, Scope
from loyalty.promotions import Live, accrue, choose, reduce
from loyalty.promotions.model import (
    BonusStamps,
    Bundle,
    BundleItem,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
    PointsPerStep,
    Progressive,
    Step,
)
from loyalty.receipts import Line
from tests.loyalty.promotions.builders import facts, promo

NAMES = st.sampled_from(["coffee", "Coffee", "cake", "tea", None])


@st.composite
def lines_of(draw: st.DrawFn) -> Line:
    """A line: whole pieces or weighed, with the till's discount, of odd kopecks."""
    amount = draw(st.integers(0, 100_000))
    pieces = draw(st.integers(1, 6))
    return Line(
        amount=amount,
        price=amount // pieces,
        quantity_milli=draw(st.sampled_from([pieces * 1000, 1750])),
        sku=draw(st.sampled_from(["a", "b", None])),
        category=draw(NAMES),
        discount=draw(st.integers(0, amount)),
        no_earn=draw(st.booleans()),
    )


RECEIPTS = st.lists(lines_of(), min_size=1, max_size=6)
SCOPES = st.builds(
    Scope,
    categories=st.lists(st.sampled_from(["coffee", "cake", "tea"]), max_size=2).map(tuple),
    skus=st.lists(st.sampled_from(["A", "B"]), max_size=1).map(tuple),
)
RATES = st.integers(1, 10_000)

REDUCING: st.SearchStrategy[Any] = st.one_of(
    st.builds(Discount, rate_bp=RATES, up_to=st.one_of(st.none(), st.integers(1, 5_000))),
    st.builds(Discount, amount=st.integers(1, 50_000)),
    st.builds(
        lambda by, low, high: Progressive(
            by=by,
            steps=(
                Step(threshold=low, rate_bp=500),
                Step(threshold=low + high, rate_bp=1_500),
            ),
        ),
        st.sampled_from(["receipt", "purchases"]),
        st.integers(0, 20),
        st.integers(1, 20_000),
    ),
    st.builds(NthFree, n=st.integers(2, 5)),
    st.builds(
        Bundle,
        items=st.lists(
            st.builds(BundleItem, scope=SCOPES, quantity=st.integers(1, 2)), min_size=2, max_size=4
        ).map(tuple),
        price=st.integers(1, 50_000),
    ),
)
GIVING: st.SearchStrategy[Any] = st.one_of(
    st.builds(ExtraRate, extra_bp=RATES),
    st.builds(Multiplier, times_bp=st.integers(10_001, 50_000)),
    st.builds(FixedPoints, points=st.integers(1, 500), per=st.sampled_from(["receipt", "piece"])),
    st.builds(PointsPerStep, points=st.integers(1, 20), step=st.integers(1, 30_000)),
    st.builds(BonusStamps, card=st.just("coffee"), stamps=st.integers(1, 3)),
    st.just(Goal(target=3, gift=PointsGift(points=100))),
)


def promotions_of(
    effects: st.SearchStrategy[Any], *, exclusive: bool = True
) -> st.SearchStrategy[list[Live]]:
    """Some promotions that are on."""
    rules = st.builds(
        lambda effect, scope, minimum, priority, alone: promo(
            effect,
            priority=priority,
            exclusive=alone and exclusive,
            scope=scope,
            minimum=minimum,
        ),
        effects,
        SCOPES,
        st.sampled_from([0, 0, 10_000]),
        st.integers(-2, 2),
        st.integers(0, 5).map(lambda n: n == 0),
    )
    return st.lists(rules, max_size=5).map(
        lambda every: [Live(100 + n, n, 1, one) for n, one in enumerate(every)]
    )


ABOUT = st.builds(lambda n: facts(purchases_before=n), st.integers(0, 30))


@settings(max_examples=200, deadline=None)
@given(RECEIPTS, promotions_of(REDUCING), ABOUT)
def test_a_discount_never_exceeds_what_a_line_costs(
    lines: list[Line], live: list[Live], about: Any
) -> None:
    found = reduce(choose(live, lines, about), lines, about)
    for line, off, free in zip(lines, found.discounts, found.free_pieces, strict=True):
        assert 0 <= off <= line.net
        assert 0 <= free <= line.pieces
    assert sum(one.amount for one in found.applied) == found.total
    assert all(one.amount > 0 for one in found.applied)
    assert len({one.version_id for one in found.applied}) == len(found.applied)


@settings(max_examples=200, deadline=None)
@given(RECEIPTS, promotions_of(REDUCING | GIVING), ABOUT, st.data())
def test_neither_the_order_of_lines_nor_that_of_promotions_matters(
    lines: list[Line], live: list[Live], about: Any, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(lines))))
    shuffled = [lines[i] for i in order]
    chosen = choose(live, lines, about)
    assert choose(data.draw(st.permutations(live)), shuffled, about) == chosen
    one, other = reduce(chosen, lines, about), reduce(chosen, shuffled, about)
    assert (one.total, one.applied) == (other.total, other.applied)
    totals = [
        accrue(chosen, each, bases=[line.net for line in each], rate_bp=700, facts=about)
        for each in (lines, shuffled)
    ]
    assert totals[0].points == totals[1].points
    assert totals[0].parts == totals[1].parts
    assert totals[0].stamps == totals[1].stamps


@settings(max_examples=200, deadline=None)
@given(RECEIPTS, promotions_of(GIVING), st.integers(0, 2000), ABOUT, st.data())
def test_parts_and_lines_add_up_to_the_points(
    lines: list[Line], live: list[Live], rate_bp: int, about: Any, data: st.DataObject
) -> None:
    bases = [
        0 if line.no_earn else data.draw(st.integers(0, line.net), label="base") for line in lines
    ]
    chosen = choose(live, lines, about)
    found = accrue(chosen, lines, bases=bases, rate_bp=rate_bp, facts=about)
    assert sum(part.points for part in found.parts) == found.points == sum(found.by_line)
    assert min(found.by_line) >= 0
    assert all(part.points > 0 for part in found.parts)
    # Never less than without promotions, and the very same where none applies.
    alone = accrue([], lines, bases=bases, rate_bp=rate_bp, facts=about)
    assert found.points >= alone.points
    if not chosen:
        assert found == alone
    assert choose(live, lines, about) == chosen


@settings(max_examples=200, deadline=None)
@given(RECEIPTS, promotions_of(GIVING, exclusive=False), st.integers(0, 2000), ABOUT, st.data())
def test_a_part_of_a_receipt_never_earns_more_than_the_whole(
    lines: list[Line], live: list[Live], rate_bp: int, about: Any, data: st.DataObject
) -> None:
    """A return counts again what is left: with promotions that only add, that is never more."""
    kept = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    part = [line for line, stays in zip(lines, kept, strict=True) if stays]

    def points(of: list[Line]) -> int:
        bases = [0 if line.no_earn else line.net for line in of]
        chosen = choose(live, of, about)
        return accrue(chosen, of, bases=bases, rate_bp=rate_bp, facts=about).points

    assert points(part) <= points(lines)


@settings(max_examples=150, deadline=None)
@given(RECEIPTS, st.integers(2, 5), SCOPES, ABOUT)
def test_every_nth_piece_is_free_and_none_cheaper_is_paid(
    lines: list[Line], n: int, scope: Scope, about: Any
) -> None:
    one = Live(1, 1, 1, promo(NthFree(n=n), scope=scope))
    found = reduce(choose([one], lines, about), lines, about)
    inside = one.ready.goods.within(lines)
    pieces = sum(lines[i].pieces for i in inside)
    whole = sum(lines[i].pieces for i in inside if found.free_pieces[i] == lines[i].pieces)
    paid_for = [i for i in inside if lines[i].net]
    given = sum(found.free_pieces[i] for i in inside)
    if len(paid_for) == len(inside):
        assert given == pieces // n
    assert whole <= pieces
    free = [lines[i].net / lines[i].pieces for i in inside if found.free_pieces[i]]
    paid = [
        lines[i].net / lines[i].pieces for i in inside if found.free_pieces[i] < lines[i].pieces
    ]
    assert not free or not paid or max(free) <= min(paid)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 500), st.sampled_from(["coffee", "tea"])),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 600),
)
def test_bundles_are_the_best_there_are(goods: list[tuple[int, int, str]], price: int) -> None:
    """Against trying everything: a drink and a coffee, where a coffee is a drink as well."""
    lines = [
        Line(amount=n * each, price=each, quantity_milli=n * 1000, category=category)
        for n, each, category in goods
    ]
    drinks, coffee = Scope(categories=("tea", "coffee")), Scope(categories=("coffee",))
    effect = Bundle(items=(BundleItem(scope=drinks), BundleItem(scope=coffee)), price=price)
    found = reduce([Live(1, 1, 1, promo(effect))], lines, facts())
    every = sorted(
        ((each, category) for n, each, category in goods for _ in range(n)), reverse=True
    )
    coffees = [each for each, category in every if category == "coffee"]
    best = 0
    for count in range(1, min(len(coffees), len(every) // 2) + 1):
        # The dearest ``count`` coffees, then the dearest of what is left.
        rest = sorted(
            coffees[count:] + [each for each, category in every if category == "tea"], reverse=True
        )
        best = max(best, sum(coffees[:count]) + sum(rest[:count]) - count * price)
    assert found.total == best
