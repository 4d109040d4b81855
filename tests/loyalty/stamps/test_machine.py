"""Random stories of stamps, rewards and returns against arithmetic."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import sqlalchemy as sa
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from loyalty import vouchers
from loyalty.program import StampCardRule
from loyalty.stamps.model import Move, Standing, add, prize_key
from loyalty.stamps.model import take as take_stamps
from tests.loyalty.stamps.helpers import card, faults, give, rewards, spend, standing, take
from tests.world import World, open_world

WHO = 1

# A step: ("give", n), ("use", which of the unused), ("return", n, of all that is not returned).
steps = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.integers(1, 13)),
        st.tuples(st.just("use"), st.integers(0, 5)),
        st.tuples(st.just("return"), st.integers(1, 15)),
    ),
    max_size=40,
)


@dataclass
class Book:
    """What the rules move, kept in memory: prizes by key, Σ entries."""

    rule: StampCardRule
    standing: Standing = field(default_factory=lambda: Standing("coffee"))
    prizes: dict[str, bool] = field(default_factory=dict)  # key → used
    entries: dict[str, int] = field(default_factory=dict)
    given: int = 0
    returned: int = 0

    def apply(self, move: Move) -> None:
        for own, freed in move.taken.items():
            assert not self.prizes.pop(own), "only an unused prize is taken back"
            if freed != own and freed in self.prizes:
                self.prizes[own] = self.prizes.pop(freed)
        for prize in move.given:
            key = prize_key(WHO, self.rule, prize)
            assert key not in self.prizes, "no prize is given twice"
            self.prizes[key] = False
        for kind, amount in move.entries.items():
            assert amount
            self.entries[kind] = self.entries.get(kind, 0) + amount
        self.standing = move.standing

    def step(self, name: str, n: int) -> None:
        if name == "give":
            self.given += n
            self.apply(add(self.rule, self.standing, earned=n))
        elif name == "return":
            n = min(n, self.given - self.returned)
            self.returned += n
            unused = {key: 1 for key, used in self.prizes.items() if not used}
            self.apply(
                take_stamps(
                    self.rule,
                    self.standing,
                    n,
                    customer_id=WHO,
                    unused=unused,
                    is_issued=self.prizes.__contains__,
                )
            )
        else:
            unused_keys = sorted(key for key, used in self.prizes.items() if not used)
            if unused_keys:
                self.prizes[unused_keys[n % len(unused_keys)]] = True

    def check(self) -> None:
        now = self.standing
        assert 0 <= now.stamps < self.rule.stamps
        assert now.debt >= 0
        assert now.cards >= 0
        assert now.stamps == sum(self.entries.values())
        assert now.debt == self.entries.get("debt", 0) + self.entries.get("repaid", 0)
        # Nothing is lost: what was given and kept is on cards, full ones included, less the debt.
        kept = now.stamps + now.cards * self.rule.stamps - now.debt
        assert kept == self.given - self.returned
        # stamps:CUSTOMER:CARD:NUMBER is a full card's, one for each; a prize has :AT behind it.
        assert sum(key.count(":") == 3 for key in self.prizes) == now.cards


@settings(max_examples=1500, deadline=None)
@examples(n=st.integers(1, 7), story=steps)
def test_plain_cards_stand_where_arithmetic_says(n: int, story: list[tuple[str, int]]) -> None:
    """Σ given − Σ returned − N × used rewards: if not negative, that is unused rewards and
    stamps; if negative, it is the debt."""
    book = Book(card(n))
    for name, count in story:
        book.step(name, count)
        book.check()
        used = sum(book.prizes.values())
        left = book.given - book.returned - n * used
        unused = len(book.prizes) - used
        assert (unused, book.standing.stamps, book.standing.debt) == (
            (left // n, left % n, 0) if left >= 0 else (0, 0, -left)
        )


@settings(max_examples=1500, deadline=None)
@examples(
    n=st.integers(2, 7),
    places=st.sets(st.integers(1, 6), max_size=3),
    story=steps,
)
def test_cards_with_prizes_on_the_way_lose_nothing_and_give_no_prize_twice(
    n: int, places: set[int], story: list[tuple[str, int]]
) -> None:
    rule = card(n, interim=tuple(at for at in sorted(places) if at < n))
    book = Book(rule)
    for name, count in story:
        book.step(name, count)
        book.check()
        now = book.standing
        for prize in rule.interim:
            # One for every card that has passed its stamp.
            have = sum(key.count(":") == 4 and key.endswith(f":{prize.at}") for key in book.prizes)
            assert have == now.cards + (now.stamps >= prize.at)


async def _voucher(world: World, key: str) -> int:
    query = sa.select(vouchers.voucher.c.id).where(vouchers.voucher.c.issue_key == key)
    return int(await world.db.read(lambda s: s.execute(query).scalar_one()))


async def _live(world: World, story: list[tuple[str, int]]) -> None:
    rule = card(4, interim=(2,))
    who = await world.customer()
    book = Book(rule)
    for name, count in story:
        before = set(book.prizes.items())
        n = min(count, book.given - book.returned) if name == "return" else count
        book.step(name, n)
        if name == "give":
            await give(world, who, n, rule=rule)
        elif name == "return" and n:
            await take(world, who, n, rule=rule)
        elif name == "use" and (changed := set(book.prizes.items()) - before):
            ((key, _),) = changed
            await spend(world, who, await _voucher(world, key.replace(":1:", f":{who}:", 1)))
    assert await standing(world, who) == book.standing
    stood = {
        f"stamps:{WHO}:{key}": status == "redeemed"
        for key, status in await rewards(world, who)
        if key != "void"
    }
    assert stood == book.prizes
    assert await faults(world) == []


def test_the_same_stories_in_the_database(database_url: str) -> None:
    with asyncio.Runner() as runner:
        opened = open_world(database_url)
        world = runner.run(opened.__aenter__())
        lived = 0

        @settings(max_examples=25, deadline=None, database=None)
        @examples(story=steps)
        def stories(story: list[tuple[str, int]]) -> None:
            nonlocal lived
            runner.run(_live(world, story))
            lived += 1

        try:
            stories()
            assert lived >= 25
            assert runner.run(faults(world)) == []
        finally:
            runner.run(opened.__aexit__(None, None, None))
